package browsertest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// item is an expression for the list item of a worker.
func item(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#list > .worker")].find((li) => li.querySelector(".name").textContent === %s)`, quote(name))
}

// open opens a worker as a mouse does, and waits for its events.
func (b *tab) open(name string) {
	b.t.Helper()

	eval[chromedp.Void](b, item(name)+`.querySelector("button").click()`)
	b.until(item(name) + `.querySelector(".details .actions:not([hidden])") !== null`)
}

// refreshes waits until the page has asked for n more reports and shown them.
func (b *tab) refreshes(n int) {
	b.t.Helper()

	reports := `performance.getEntriesByType("resource").filter((e) => e.name.includes("report?lines=true&") && e.responseEnd > 0).length`
	before := eval[int](b, reports)
	b.until(fmt.Sprintf("%s > %d", reports, before+n))
}

func TestOpenedByKeyboard(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	button := item("price-sync") + `.querySelector("button")`
	details := item("price-sync") + `.querySelector(".details")`

	for _, key := range []string{kb.Enter, " "} {
		eval[chromedp.Void](b, button+".focus()")
		b.do(chromedp.KeyEvent(key))
		b.until(button + `.getAttribute("aria-expanded") === "true"`)
		assert.True(t, eval[bool](b, details+".checkVisibility()"))
		assert.True(t, eval[bool](b, fmt.Sprintf("%s.getAttribute('aria-controls') === %s.id", button, details)))
		assert.Equal(t, "price-sync", eval[string](b, fmt.Sprintf("document.getElementById(%s.getAttribute('aria-labelledby')).textContent", details)))

		b.do(chromedp.KeyEvent(key))
		b.until(button + `.getAttribute("aria-expanded") === "false"`)
		assert.False(t, eval[bool](b, details+".checkVisibility()"))
	}
}

func TestOpenedByMouseAnywhereInTheRow(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(1)

	b.do(chromedp.Click(chromedp.CSS(".cell.since")))
	b.until(`document.querySelectorAll(".is-open").length === 1`)
	b.do(chromedp.Click(chromedp.CSS(".open")))
	b.until(`document.querySelectorAll(".is-open").length === 0`)
}

func TestOpenedWorkerTellsAll(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	b.open("price-sync")

	text := b.text(".worker.is-open .details")
	for _, want := range []string{
		"of unlimited", refused, "waiting 5m0s before execution attempt",
		"stopping execution attempt 4/unlimited with recovered panic: index out of range", "All as JSON",
	} {
		assert.Contains(t, text, want)
	}
	first := eval[string](b, `document.querySelector(".worker.is-open ol li:last-child .message").textContent`)
	assert.Equal(t, "starting execution attempt 1/unlimited", first, "newest first")
	assert.Len(t, eval[[]string](b, `[...document.querySelectorAll(".worker.is-open .timeline.large .bar")].map((bar) => bar.className.baseVal)`), 7)

	b.open("orders-consumer")
	assert.Contains(t, eval[string](b, item("orders-consumer")+`.querySelector(".details").innerText`), "browsertest.nilMap", "the stack")
}

// What is open, focused, scrolled and selected stays so while reports come and events are added.
func TestOpenedWorkersStayOpen(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	s := serve(t, newPool(t,
		do("busy", func(ctx context.Context) error {
			select {
			case <-next:
				return errors.New("once more")
			case <-ctx.Done():
				return nil
			}
		}, worker.WithMaxExecutionsAttempts(unlimited), worker.WithBackoff(worker.ConstantBackoff(0))),
		do("quiet", block),
	))
	for range 30 {
		next <- struct{}{}
	}
	b := open(t, s.url(), desktop)
	b.untilLoaded(2)
	b.open("busy")
	b.open("quiet")
	b.until(item("busy") + `.querySelectorAll("ol li").length > 80`)

	eval[chromedp.Void](b, `
		window.kept = [...document.querySelectorAll("#list > .worker")];
		window.events = kept[0].querySelector("ol");
		window.line = events.children[40];
		window.fact = kept[1].querySelector("dd bdi");
		events.scrollTop = 200;
		kept[1].querySelector("button").focus();
		getSelection().selectAllChildren(fact);
		null`)
	before := eval[int](b, "events.childElementCount")
	offset := eval[float64](b, "line.getBoundingClientRect().top - events.getBoundingClientRect().top")
	next <- struct{}{}
	b.until(fmt.Sprintf("events.childElementCount > %d", before))
	b.refreshes(2)

	for what, expression := range map[string]string{
		"open":      `document.querySelectorAll(".is-open").length === 2`,
		"rows":      `kept.every((li, i) => li === document.querySelectorAll("#list > .worker")[i])`,
		"events":    `events.contains(line)`,
		"focus":     `document.activeElement === kept[1].querySelector("button")`,
		"selection": `getSelection().toString() === "quiet" && fact.isConnected`,
	} {
		assert.True(t, eval[bool](b, expression), what)
	}
	assert.InDelta(t, offset, eval[float64](b, "line.getBoundingClientRect().top - events.getBoundingClientRect().top"), 1, "scrolled")
}
