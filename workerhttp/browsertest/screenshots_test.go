package browsertest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
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
	release := make(chan struct{})
	pool := newPool(t, showcase(release)...)
	s := serve(t, pool)
	t.Cleanup(func() { close(release) })
	require.Eventually(t, func() bool {
		executions := pool.Executions()
		return executions["search-indexer"].Status() == worker.Stuck && executions["thumbnailer"].CurrentExecutionAttempt() == 20 &&
			executions["orders-consumer"].CurrentExecutionAttempt() == 2 && time.Until(executions["price-sync"].NextAttemptAt()) > time.Minute
	}, patience, 10*time.Millisecond)

	b := open(t, s.url(), look{width: 1180, height: 570, scheme: "light", motion: "reduce", scale: 1.25})
	b.untilLoaded(len(pool.Executions()))
	b.take("readme")
}

func showcase(release <-chan struct{}) []worker.WorkerPoolOption {
	thumbnails := make([]worker.HandlerFunc, 20)
	for i := range thumbnails {
		thumbnails[i] = lasting(time.Duration(10+i*i%7*40)*time.Millisecond, succeed)
	}
	thumbnails[12] = lasting(60*time.Millisecond, fail("unexpected EOF"))
	thumbnails[19] = block
	forEver, soon := worker.WithMaxExecutionsAttempts(unlimited), worker.WithBackoff(worker.ConstantBackoff(20*time.Millisecond))

	return []worker.WorkerPoolOption{
		do("cache-warmer", lasting(1200*time.Millisecond, succeed)),
		do("invoice-archiver", lasting(200*time.Millisecond, fail("open /archive/2026: permission denied")), worker.WithMaxExecutionsAttempts(3)),
		do("mailer", block),
		do("nightly-report", block, worker.WithDeferredStartThreshold(3*3600)),
		do("orders-consumer", inOrder(lasting(1500*time.Millisecond, nilMap), block), worker.WithMaxExecutionsAttempts(5)),
		do("price-sync", inOrder(lasting(900*time.Millisecond, fail(refused)), lasting(300*time.Millisecond, panicking), fail(refused)),
			forEver, worker.WithBackoff(patientAfter(6))),
		do("search-indexer", ignore(release), worker.WithHeartbeat(time.Second)),
		do("thumbnailer", inOrder(thumbnails...), forEver, soon, worker.WithRestartPolicy(worker.RestartAlways)),
	}
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
