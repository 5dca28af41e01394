package browsertest

import (
	"strings"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
)

func TestCountdown(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t,
		do("soon", block, worker.WithDeferredStartThreshold(8)),
		do("later", block, worker.WithDeferredStartThreshold(600)),
	))
	b := open(t, s.url(), desktop)
	b.untilLoaded(2)
	eval[string](b, `window.seen = new Set(); new MutationObserver(() => seen.add(soon.textContent)).observe(
		window.soon = `+item("soon")+`.querySelector(".next .value"), {childList: true, characterData: true, subtree: true}); ""`)

	assert.Regexp(t, `^in (10m 00|9m [345]\d)s$`, b.rows()["later"].Next)
	b.until(item("soon") + `.dataset.status === "running"`)

	assert.Equal(t, "–", b.rows()["soon"].Next)
	for _, text := range []string{"in 3s", "in 2s", "in 1s"} {
		assert.True(t, eval[bool](b, "seen.has("+quote(text)+")"), text)
	}
	assert.Regexp(t, `^in (10m 00|9m [345]\d)s$`, b.rows()["later"].Next)
}

// The page says when the service is gone, tries again by itself, and shows the new one once that answers.
func TestRestartOfTheService(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("stays", block), do("leaves", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(2)
	b.open("stays")
	eval[string](b, `window.same = "page"`)

	s.stop()
	b.until(`!document.querySelector("#gone").hidden`)
	assert.Contains(t, b.text("#gone"), "The service does not answer.")
	assert.Contains(t, b.text("#gone"), "What is shown is of ")
	assert.Equal(t, "The service does not answer.", b.text("#live"), "it is read out")
	assert.Len(t, b.rows(), 2, "what was known stays")
	b.until(`/Next try in 4s\./.test(document.querySelector("#gone").innerText)`) // so the rows show the moment of the last answer

	since := b.rows()["stays"].Since
	b.until(`/Next try in 2s\./.test(document.querySelector("#gone").innerText)`)
	assert.Equal(t, since, b.rows()["stays"].Since, "time stands still while nobody knows")

	s.start(newPool(t, do("stays", block), do("new", succeed)))
	b.until(`document.querySelector("#gone").hidden`)
	b.until(item("new"))

	rows := b.rows()
	assert.Len(t, rows, 2)
	assert.Contains(t, rows, "new")
	assert.Equal(t, "The service answers again.", b.text("#live"))
	assert.Equal(t, "page", eval[string](b, "window.same"), "without a reload")
	assert.True(t, eval[bool](b, item("stays")+`.classList.contains("is-open")`), "what is open stays open")

	for _, problem := range b.takeProblems() {
		assert.True(t, strings.Contains(problem, "ERR_CONNECTION_REFUSED") || strings.Contains(problem, "ERR_EMPTY_RESPONSE") ||
			strings.Contains(problem, "ERR_CONNECTION_RESET"), problem)
	}
}

func TestTryNow(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(1)

	s.stop()
	b.until(`/Next try in [45]s\./.test(document.querySelector("#gone").innerText)`)
	s.start(newPool(t, do("a", block)))
	eval[string](b, `document.querySelector("#retry").click(), ""`)
	b.until(`document.querySelector("#gone").hidden`)
	b.takeProblems()
}

// A page that nobody looks at asks for nothing.
func TestHiddenPageRests(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(1)
	visibility := func(hidden string) {
		eval[string](b, `Object.defineProperty(document, "hidden", {value: `+hidden+`, configurable: true});
			document.dispatchEvent(new Event("visibilitychange")); ""`)
	}

	visibility("true")
	b.until(`document.hidden`)
	asked := `performance.getEntriesByType("resource").filter((e) => e.name.includes("/report")).length`
	before := eval[int](b, asked)
	eval[string](b, `new Promise((done) => setTimeout(() => done(""), 5000))`)
	assert.LessOrEqual(t, eval[int](b, asked), before+1, "at most what was being asked for already")

	visibility("false")
	b.refreshes(1)
}
