package browsertest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// row is what the page shows of one worker.
type row struct {
	Name, Status, Attempt, Failures, Since, Next, Failed, Note, Error string

	Bars     []string // outcomes, oldest first
	Titles   []string
	Timeline string // its label
}

const rowsScript = `[...document.querySelectorAll("#list > .worker")].map((li) => {
	const text = (part) => li.querySelector(part + " .value").textContent;
	const bars = [...li.querySelectorAll(".row .bar")];
	return {
		name: li.querySelector(".name").textContent, status: text(".status"), attempt: text(".attempt"), failures: text(".failures"),
		since: text(".since"), next: text(".next"), failed: text(".failed"), note: li.querySelector(".row .note").textContent, error: text(".error"), bars: bars.map((bar) => bar.getAttribute("class").replace("bar ", "")),
		titles: bars.map((bar) => bar.querySelector("title").textContent),
		timeline: li.querySelector(".timeline").getAttribute("aria-label") ?? "",
	};
})`

// rows returns the rows that are shown, by name.
func (b *tab) rows() map[string]row {
	b.t.Helper()

	rows := map[string]row{}
	for _, r := range eval[[]row](b, rowsScript) {
		rows[r.Name] = r
	}

	return rows
}

// untilLoaded waits for n rows with their timelines.
func (b *tab) untilLoaded(n int) {
	b.t.Helper()

	b.until(fmt.Sprintf(`document.querySelectorAll("#list .row .timeline:not([aria-label=Loading])").length === %d`, n))
}

func TestEveryStatus(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))

	rows := b.rows()
	require.Len(t, rows, len(statuses))
	for name, status := range statuses {
		assert.Equal(t, status, rows[name].Status, name)
		assert.Equal(t, status != "waiting" && status != "deferred", rows[name].Next == "–", name)
	}

	assert.Equal(t, "3/3", rows[hostileName].Attempt)
	assert.Equal(t, "2/5", rows["orders-consumer"].Attempt)
	assert.Equal(t, "12/∞", rows["thumbnailer"].Attempt)
	assert.Equal(t, "–", rows["nightly-report"].Attempt)
	assert.Regexp(t, `^\d+s$`, rows["orders-consumer"].Since)
	assert.Equal(t, "–", rows["webhooks"].Since)
	assert.Regexp(t, `^in (5m 00|4m \d\d)s$`, rows["price-sync"].Next)
	assert.Regexp(t, `^in (3h 00|2h 59)m$`, rows["nightly-report"].Next)
	assert.Equal(t, refused, rows["price-sync"].Error)
	assert.Contains(t, rows["orders-consumer"].Error, "assignment to entry in nil map", "a worker that is up again still tells why it failed")
	assert.Empty(t, rows["cache-warmer"].Error)
}

func TestTimelines(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	rows := b.rows()

	for name, want := range map[string][]string{
		"cache-warmer":    {"success"},
		hostileName:       {"error", "error", "error"},
		"nightly-report":  {"next"},
		"orders-consumer": {"panic", "running"},
		"price-sync":      {"error", "error", "error", "panic", "error", "error", "next"},
		"search-indexer":  {"stuck"},
		"session-sweeper": {"stopped"},
		"webhooks":        {},
	} {
		assert.Equal(t, want, rows[name].Bars, name)
	}
	assert.Len(t, rows["thumbnailer"].Bars, 12)
	assert.Equal(t, "running", rows["thumbnailer"].Bars[11])

	titles := rows["price-sync"].Titles
	assert.Regexp(t, `^Attempt 1: error\nbegan \d\d:\d\d:\d\d\.\d{3}, ran (\d{3} ms|\d+\.\d s)\n`+refused+`$`, titles[0])
	assert.Regexp(t, `^Attempt 4: panic\n.*\nindex out of range \[3\] with length 3$`, titles[3])
	assert.Regexp(t, `^Next attempt at \d\d:\d\d:\d\d$`, titles[6])
	assert.Equal(t, "6 attempts: 5 error, 1 panic", rows["price-sync"].Timeline)
	assert.Equal(t, "No attempt", rows["webhooks"].Timeline)
}

func TestOverview(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))

	counts := eval[map[string]string](b, `Object.fromEntries([...document.querySelectorAll(".tile")].map(
		(tile) => [tile.querySelector(".word").textContent, tile.querySelector(".count").textContent]))`)
	assert.Equal(t, map[string]string{
		"running": "2", "waiting": "1", "stuck": "1", "error": "1", "pending": "0", "deferred": "1", "success": "1", "stopped": "1", "unknown": "1",
	}, counts)
	assert.Equal(t, "4 workers need attention: 1 stuck, 1 gave up, 1 failing, 1 not ready", b.text("#headline"))
	assert.Equal(t, "1 stuck, 1 gave up, 1 failing, 1 not ready · Workers", eval[string](b, "document.title"))
	assert.Equal(t, "started, not live, not ready", eval[string](b, `document.querySelector("#pool").textContent`))
	assert.Equal(t, "9 workers, worst first", b.text("#shown"))
	assert.Regexp(t, `^as of \d\d:\d\d:\d\d [+−]\d\d:\d\d$`, b.text("#updated"))
}

func TestPoolsWithoutWorkers(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t))
	b := open(t, s.url(), desktop)

	b.until(`document.querySelector("#empty").innerText === "The pool has no worker."`)
	assert.Equal(t, "Workers", eval[string](b, "document.title"))
}

// The address without its trailing slash leads to the page too.
func TestMissingSlash(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	b := open(t, "http://"+s.address+mount, desktop)

	b.untilLoaded(1)
	assert.Equal(t, s.url(), eval[string](b, "location.href"))
}
