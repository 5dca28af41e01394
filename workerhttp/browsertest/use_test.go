package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// three are workers to go through.
func three() pool {
	return pool{workers: []fields{worked("a", "running", nil), worked("b/#&=", "running", nil), worked("c", "running", nil)}}
}

func TestLinkToAnOpenedWorker(t *testing.T) {
	t.Parallel()
	s := serveReport(t, three())
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 3`)
	b.open("b/#&=")
	b.sortBy("Worker")
	link := eval[string](b, item("b/#&=")+`.querySelector(".actions a").href`)
	assert.Equal(t, s.url+"#open=b%2F%23%26%3D", link)
	assert.Equal(t, s.url+"#open=b%2F%23%26%3D&sort=worker", eval[string](b, "location.href"), "the address keeps what is opened")

	other := open(t, link, desktop)
	other.until(item("b/#&=") + `?.querySelector(".actions:not([hidden])")`)
	assert.Equal(t, "b/#&=", eval[string](other, `document.activeElement.textContent`))
	eval[string](other, `location.hash = "open=a", ""`)
	other.until(item("a") + `.querySelector(".actions:not([hidden])")`)
	assert.Equal(t, []string{"a"}, eval[[]string](other, `[...document.querySelectorAll(".is-open .open")].map((e) => e.textContent)`))
	eval[string](other, item("a")+`.querySelector(".open").click(), ""`)
	assert.Equal(t, s.url+"#", eval[string](other, "location.href"))
}

// A link leads to a worker wherever it stands in a long list.
func TestLinkToAWorkerFarDown(t *testing.T) {
	t.Parallel()
	s := serve(t, newBigPool(t, 500))
	b := open(t, s.url()+"#open=worker-00499", desktop)
	b.until(item("worker-00499") + `?.querySelector(".actions:not([hidden])")`)

	assert.Len(t, b.shown(), 51)
	assert.Equal(t, "worker-00499", b.shown()[50])
	b.until(`(({top, bottom}) => top >= 0 && top < innerHeight)(` + item("worker-00499") + `.getBoundingClientRect())`)
	assert.Equal(t, "501", eval[string](b, item("worker-00499")+`.querySelector(".row").getAttribute("aria-rowindex")`))
	assert.Equal(t, "501", eval[string](b, `document.querySelector("#table").getAttribute("aria-rowcount")`))
}

func TestLinkToAWorkerThatIsGone(t *testing.T) {
	t.Parallel()
	s := serveReport(t, three())
	b := open(t, s.url+"#open=z", desktop)
	b.until(`document.querySelector("#live").textContent === "z is not among the workers that are shown."`)

	s.set(pool{workers: []fields{worked("z", "running", nil)}})
	b.until(item("z") + `?.querySelector(".actions:not([hidden])")`)
	assert.Equal(t, "BODY", eval[string](b, `document.activeElement.tagName`), "it takes no focus when it comes")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := serveReport(t, three())
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 3`)

	focused := func() string {
		return eval[string](b, `document.activeElement.id || document.activeElement.textContent`)
	}
	for _, step := range []struct{ key, want string }{
		{"j", "a"}, {"j", "b/#&="}, {"j", "c"}, {"j", "c"}, {"k", "b/#&="}, {"k", "a"}, {"k", "a"}, {"/", "name"}, {"j", "name"}, {"/", "name"},
	} {
		b.do(chromedp.KeyEvent(step.key))
		assert.Equal(t, step.want, focused(), step.key)
	}
	// The driver types a key's text even where the page has prevented that, so there may be a slash before it.
	assert.Regexp(t, "j/$", eval[string](b, `document.querySelector("#name").value`), "keys are text where text is typed")
}

func TestPause(t *testing.T) {
	t.Parallel()
	s := serveReport(t, three())
	b := open(t, s.url, desktop)
	b.refreshes(1)
	eval[string](b, `document.querySelector("#pause").click(), ""`)
	asked := s.count()
	wait := func(ms string) { eval[string](b, `new Promise((done) => setTimeout(() => done(""), `+ms+`))`) }
	wait("1500") // for what was being asked for already
	since := b.rows()["a"].Since
	s.set(pool{workers: []fields{worked("new", "stuck", nil)}})
	wait("3000")

	assert.LessOrEqual(t, s.count(), asked+1, "what was being asked for already")
	assert.Equal(t, []string{"a", "b/#&=", "c"}, b.shown())
	assert.Equal(t, since, b.rows()["a"].Since, "time stands still")
	assert.Regexp(t, "^paused, as of ", b.text("#updated"))

	eval[string](b, `document.querySelector("#pause").click(), ""`)
	b.until(item("new"))
	assert.Regexp(t, "^as of ", b.text("#updated"))
}

// What is opened while the page is paused shows its own moment, and the others stay.
func TestOpenedWhilePaused(t *testing.T) {
	t.Parallel()
	s := serveReport(t, three())
	b := open(t, s.url, desktop)
	b.refreshes(1)
	eval[string](b, `document.querySelector("#pause").click(), ""`)
	s.set(pool{workers: []fields{worked("a", "stuck", nil), worked("c", "stuck", nil)}})

	b.open("a")
	assert.Equal(t, "stuck", b.rows()["a"].Status)
	assert.Equal(t, "running", b.rows()["c"].Status)
	b.filterByName("a")
	assert.Equal(t, "stuck", b.rows()["a"].Status, "it does not go back")
}

func TestUTC(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("a", "running", fields{"since": "2026-01-02T23:30:00Z", "events": []fields{event("2026-01-02T23:30:00.5Z", "x")}})}})
	b := open(t, s.url, desktop)
	b.inZone("Asia/Kolkata")
	b.do(chromedp.Reload())
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)
	b.open("a")

	assert.Equal(t, "2026-01-03 05:00:00.000 +05:30", b.facts("a")["Status since"])
	assert.Equal(t, "2026-01-03 05:00:00.500", b.text(".event time"))
	eval[string](b, `document.querySelector("#utc").click(), ""`)
	b.refreshes(1)
	assert.Equal(t, "2026-01-02 23:30:00.000 UTC", b.facts("a")["Status since"])
	assert.Equal(t, "2026-01-02 23:30:00.500", b.text(".event time"))
	assert.Regexp(t, `^as of \d\d:\d\d:\d\d UTC$`, b.text("#updated"))
	b.do(chromedp.Reload())
	b.until(`document.querySelector(".event time")`)
	assert.Equal(t, "2026-01-02 23:30:00.500", b.text(".event time"), "after a reload")
}

// Where there is no clipboard, as without TLS, the older way must do.
func TestCopy(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("a", "error", fields{"lastError": hostileError, "lastStack": "main.x()\n\tx.go:1"})}})
	b := open(t, s.url+"#open=a", desktop)
	b.until(`document.querySelector(".actions:not([hidden])")`)

	for what, script := range map[string]string{
		"clipboard": `Object.defineProperty(navigator, "clipboard", {configurable: true, value: {writeText: async (text) => { window.copied = text }}}), ""`,
		"older way": `Object.defineProperty(navigator, "clipboard", {configurable: true, value: undefined}),
			document.execCommand = () => { window.copied = document.activeElement.value; return true }, ""`,
	} {
		eval[string](b, script)
		for label, want := range map[string]string{"Copy id": "0e0e0e0e-0001", "Copy error": hostileError, "Copy stack": "main.x()\n\tx.go:1"} {
			button := `[...document.querySelectorAll(".copy")].find((e) => e.dataset.tested === ` + quote(label) + ` || e.textContent === ` + quote(label) + `)`
			eval[string](b, `window.copied = null, window.button = `+button+`, button.dataset.tested = `+quote(label)+`, button.click(), ""`)
			b.until(`button.textContent === "Copied"`)
			assert.Equal(t, want, eval[string](b, "copied"), "%s by %s", label, what)
			assert.Equal(t, "Copied.", b.text("#live"))
		}
		b.until(`[...document.querySelectorAll(".copy")].every((e) => e.textContent !== "Copied")`)
	}
}
