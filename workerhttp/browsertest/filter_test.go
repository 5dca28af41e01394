package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// filterByName types a name filter in place of the one there is.
func (b *tab) filterByName(text string) {
	b.t.Helper()

	eval[string](b, `document.querySelector("#name").focus(), document.querySelector("#name").select(), ""`)
	if text == "" {
		text = "\b"
	}
	b.do(chromedp.KeyEvent(text))
}

// filterByStatus presses the tile of a status.
func (b *tab) filterByStatus(status string) {
	b.t.Helper()

	eval[string](b, fmt.Sprintf(`document.querySelector(".tile.%s").click(), ""`, status))
}

func (b *tab) shown() []string {
	b.t.Helper()

	return eval[[]string](b, rowsScript+`.map((row) => row.name)`)
}

func TestFilter(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))

	b.filterByName("SE")
	assert.Equal(t, []string{"search-indexer", "price-sync", "session-sweeper"}, b.shown(), "whatever the case, in names and errors")
	assert.Equal(t, "3 of 9 workers, worst first", b.text("#shown"))
	assert.Equal(t, "3 of 9 workers, worst first", b.text("#live"), "it is read out")
	b.filterByName("con ord")
	assert.Equal(t, []string{"orders-consumer"}, b.shown(), "each word, in any order")
	b.filterByName("<img")
	assert.Equal(t, []string{hostileName}, b.shown())

	b.filterByStatus("running")
	assert.Empty(t, b.shown(), "name and status")
	assert.Equal(t, "No worker matches the filter.", b.text("#empty"))
	b.filterByName("")
	assert.Equal(t, []string{"orders-consumer", "thumbnailer"}, b.shown())
	assert.Equal(t, "true", eval[string](b, `document.querySelector(".tile.running").getAttribute("aria-pressed")`))
	b.filterByStatus("stuck")
	assert.Equal(t, []string{"search-indexer", "orders-consumer", "thumbnailer"}, b.shown(), "either status")
	b.filterByStatus("running")
	assert.Equal(t, []string{"search-indexer"}, b.shown())

	b.refreshes(1)
	assert.Equal(t, []string{"search-indexer"}, b.shown(), "after a refresh")
	b.filterByName("x")
	b.do(chromedp.Reload())
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)
	assert.Equal(t, []string{"search-indexer"}, b.shown(), "after a reload")

	b.do(chromedp.Click(chromedp.CSS("#clear")))
	assert.Len(t, b.shown(), len(statuses))
	assert.Equal(t, "9 workers, worst first", b.text("#shown"))
	assert.False(t, eval[bool](b, `!document.querySelector("#clear").hidden`))
}

// A worker that changes its status goes out of the filter, or comes into it, by itself.
func TestFilterFollowsTheStatus(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s := serve(t, newPool(t, do("a", block), do("b", ignore(done))))
	b := open(t, s.url(), desktop)
	b.untilLoaded(2)
	b.filterByStatus("running")
	assert.Equal(t, []string{"a", "b"}, b.shown())

	close(done)
	b.until("!" + item("b"))
	assert.Equal(t, []string{"a"}, b.shown())
}
