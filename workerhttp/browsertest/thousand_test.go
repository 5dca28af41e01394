package browsertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
)

// The page of a thousand workers comes quickly, and a refresh changes only what has changed. The bounds are many times what it
// takes, and the test does not run beside others: it must fail for a page that is slow, not for a machine that is.
func TestThousandWorkers(t *testing.T) {
	const n = 1000
	options := make([]worker.WorkerPoolOption, 0, n)
	for i := range n {
		run := worker.HandlerFunc(block)
		if i%10 == 0 {
			run = fail("connection refused")
		}
		options = append(options, do(fmt.Sprintf("worker-%04d", i), run, worker.WithMaxExecutionsAttempts(unlimited),
			worker.WithBackoff(worker.ConstantBackoff(time.Hour))))
	}
	s := serve(t, newPool(t, options...))
	b := open(t, s.url(), desktop)
	b.until(fmt.Sprintf(`document.querySelectorAll("#list > .worker").length === %d`, n))
	took := eval[float64](b, `performance.now() - performance.getEntriesByType("resource").find((e) => e.name.includes("/report")).responseEnd`)
	t.Logf("%d rows %.0f ms after the report at most", n, took)
	assert.Less(t, took, 5000.0)
	b.until(`document.querySelector("#list .timeline[aria-label]")`)

	eval[string](b, `window.rows = [...document.querySelectorAll("#list > .worker")];
		window.changes = [];
		const expected = (m) => m.target.tagName === "TIME" || m.target.closest("svg"); // how long since, and the timelines
		new MutationObserver((list) => changes.push(...list.filter((m) => !expected(m)).map((m) => m.target.className))).observe(
			document.querySelector("#list"), {childList: true, characterData: true, subtree: true});
		window.long = [];
		new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration))).observe({type: "longtask"}); ""`)
	b.refreshes(2)

	assert.Empty(t, eval[[]string](b, "changes"), "what has not changed is left alone")
	assert.True(t, eval[bool](b, `rows.every((row) => row.isConnected)`))
	long := eval[[]float64](b, "long")
	t.Logf("long tasks in two refreshes: %.0f ms", long)
	for _, ms := range long {
		assert.Less(t, ms, 1000.0, "the page does not answer meanwhile")
	}

	loaded := eval[int](b, `document.querySelectorAll("#list .timeline[aria-label]").length`)
	assert.Less(t, loaded, n/5, "timelines are asked for only where they can be seen")
	eval[string](b, `scrollTo(0, document.body.scrollHeight), ""`)
	b.until(`rows.at(-1).querySelector(".timeline[aria-label]")`)

	b.filterByName("0500")
	assert.Equal(t, []string{"worker-0500"}, b.shown())
}
