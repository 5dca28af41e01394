package browsertest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// picture is one to take: how the browser shows the page, and the worker to open, if any, and to ask about.
type picture struct {
	look
	open string
	ask  bool
}

// The pictures are for people to look at: go test -run Screenshots, then open screenshots/.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	s := serveReport(t, everything())
	narrow := phone
	narrow.scale = 2

	for name, p := range map[string]picture{
		"light":            {look: desktop},
		"light-open":       {look: desktop, open: "orders-consumer"},
		"light-chain":      {look: desktop, open: "api"},
		"light-ask":        {look: desktop, open: "api", ask: true},
		"dark":             {look: dark(desktop)},
		"dark-open":        {look: dark(desktop), open: "nightly-report"},
		"dark-tree":        {look: dark(desktop), open: "importer"},
		"dark-ask":         {look: dark(desktop), open: "api", ask: true},
		"narrow":           {look: narrow},
		"narrow-open":      {look: narrow, open: "orders-consumer"},
		"narrow-ask":       {look: narrow, open: "api", ask: true},
		"narrow-dark":      {look: dark(narrow)},
		"narrow-dark-open": {look: dark(narrow), open: "api"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, s.url, p.look)
			b.until(`document.querySelectorAll("#list > .worker").length === 12`)
			b.until(`![...document.querySelectorAll("#list .row")].slice(0, 5).some((row) => row.querySelector("[aria-label=Loading]"))`)
			if p.open != "" {
				b.open(p.open)
			}
			if p.ask {
				b.choose(p.open, "Restart")
				b.until(`document.querySelector("#confirm").open`)
			}
			b.take(name)
		})
	}
}

func TestScreenshotOfAServiceThatIsGone(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("mailer", block), do("orders", fail("broker went away"))))
	b := open(t, s.url(), desktop)
	b.untilLoaded(2)

	s.stop()
	b.until(`!document.querySelector("#gone").hidden`)
	b.take("gone")
	b.takeProblems()
}

// The picture of the README: docs/status-page.png is a copy of it.
func TestScreenshotForTheReadme(t *testing.T) {
	t.Parallel()
	s := serveReport(t, everything())
	b := open(t, s.url+"#open=api", look{width: 1180, height: 900, scheme: "light", motion: "reduce", scale: 1.25})
	b.until(`document.querySelector(".actions:not([hidden])")`)
	b.until(`document.querySelectorAll("#list .row .timeline:not([aria-label=Loading])").length === 12`)
	eval[string](b, `document.activeElement.blur(), ""`)
	b.take("readme")
}

func dark(l look) look {
	l.scheme = "dark"

	return l
}

// take writes a picture of the whole page to screenshots/.
func (b *tab) take(name string) {
	b.t.Helper()

	ctx, cancel := b.bounded()
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll("screenshots", 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join("screenshots", name+".png"), png, 0o644))
}
