package browsertest

import (
	"context"
	"encoding/json"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// until waits for an expression to become true.
func (b *tab) until(expression string) {
	b.t.Helper()

	ctx, cancel := b.bounded()
	defer cancel()
	for {
		met, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err != nil {
			b.t.Fatalf("%v while waiting for %s; the page says:\n%s", err, expression, b.text("body"))
		}
		if met {
			return
		}
		b.nextFrame(ctx)
	}
}

// nextFrame waits for the page to paint.
func (b *tab) nextFrame(ctx context.Context) {
	_, _ = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](
		"new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))", chromedp.EvalAwaitPromise))
}

// text returns what can be read in the first element that a selector finds.
func (b *tab) text(selector string) string {
	b.t.Helper()

	return eval[string](b, "document.querySelector("+quote(selector)+").innerText")
}

// eval returns the value of an expression, which may be a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()

	ctx, cancel := b.bounded()
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)

	return value
}

// quote makes a JavaScript string.
func quote(text string) string {
	quoted, _ := json.Marshal(text)

	return string(quoted)
}

// inZone sets the time zone of the browser.
func (b *tab) inZone(name string) {
	b.t.Helper()

	ctx, cancel := b.bounded()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
	require.NoError(b.t, err)
}
