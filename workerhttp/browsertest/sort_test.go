package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// head is an expression for the button of a column.
func head(title string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(".sort")].find((button) => button.textContent === %s)`, quote(title))
}

// sortBy chooses a column.
func (b *tab) sortBy(title string) {
	b.t.Helper()

	eval[string](b, head(title)+`.click(), ""`)
}

// sorted returns what the columns say of the order.
func (b *tab) sorted(title string) string {
	b.t.Helper()

	return eval[string](b, head(title)+`.parentElement.getAttribute("aria-sort")`)
}

func TestSort(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{
		worked("a", "running", fields{"attempt": 3}),
		worked("b", "waiting", fields{"consecutiveFailures": 2, "lastErrorAt": ago(60), "lastError": "y", "nextAttemptAt": ago(-60)}),
		worked("c", "stuck", fields{"since": ago(5)}),
		worked("d", "error", fields{"gaveUp": true, "consecutiveFailures": 1, "lastErrorAt": ago(10), "lastError": "x"}),
		worked("e", "waiting", fields{"consecutiveFailures": 7, "lastErrorAt": ago(20), "lastError": "z", "nextAttemptAt": ago(-9)}),
		worked("f", "waiting", fields{"consecutiveFailures": 3, "fine": false}),
		worked("g", "pending", fields{"fine": false}),
		worked("h", "stopped", fields{"consecutiveFailures": 9, "attempt": 9}),
	}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 8`)

	worst := []string{"c", "d", "e", "f", "g", "b", "a", "h"}
	assert.Equal(t, worst, b.shown(), "worst first")
	for title, want := range map[string][2]string{
		"Worker":           {"abcdefgh", "hgfedcba"},
		"Status":           {"abefcdgh", "hgdcbefa"},
		"Attempt":          {"habcdefg", "bcdefgah"},
		"Failures":         {"efbdacgh", "acghdbfe"},
		"Since":            {"cabdefgh", "abdefghc"},
		"Next":             {"ebacdfgh", "beacdfgh"},
		"Failed":           {"debacfgh", "bedacfgh"},
		"Note, last error": {"dbeacfgh", "ebdacfgh"},
	} {
		for i, order := range want {
			b.sortBy(title)
			got := ""
			for _, name := range b.shown() {
				got += name
			}
			assert.Equal(t, order, got, "%s %d", title, i)
		}
		b.sortBy(title)
		assert.Equal(t, worst, b.shown(), "the third time, after %s", title)
		assert.Equal(t, "none", b.sorted(title))
	}

	eval[string](b, head("Worker")+`.focus(), ""`)
	b.do(chromedp.KeyEvent(kb.Enter))
	assert.Equal(t, "ascending", b.sorted("Worker"), "by keyboard")
	b.do(chromedp.KeyEvent(" "))
	assert.Equal(t, "descending", b.sorted("Worker"))
	b.do(chromedp.Reload())
	b.until(`document.querySelectorAll("#list > .worker").length === 8`)
	assert.Equal(t, "h", b.shown()[0], "after a reload")
	assert.Equal(t, "descending", b.sorted("Worker"))
}

// Who has the focus keeps it when rows change their places.
func TestFocusFollowsARowThatMoves(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("a", "running", nil), worked("b", "running", nil), worked("c", "running", nil)}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 3`)
	eval[string](b, item("c")+`.querySelector(".open").focus(), ""`)

	s.set(pool{workers: []fields{worked("a", "running", nil), worked("b", "running", nil), worked("c", "stuck", nil)}})
	b.until(item("c") + ` === document.querySelector("#list").firstElementChild`)
	assert.True(t, eval[bool](b, `document.activeElement === `+item("c")+`.querySelector(".open")`))
}
