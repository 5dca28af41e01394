package browsertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	elements := eval[map[string]int](b, elementsScript)

	b.open(hostileName)

	row := b.rows()[hostileName]
	assert.Equal(t, hostileName, row.Name)
	assert.Equal(t, hostileError, row.Error)
	assert.Contains(t, row.Titles[0], hostileError)
	assert.Equal(t, hostileError, b.text(".worker.is-open pre"))
	assert.Contains(t, b.text(".worker.is-open ol li:nth-child(2)"), "stopping execution attempt 3/3 with error: "+hostileError)

	assert.NotContains(t, eval[string](b, "document.title"), "owned")
	for tag, n := range eval[map[string]int](b, elementsScript) {
		assert.Equal(t, elements[tag], n, tag)
	}
}

// All else that a report tells may be hostile too.
func TestHostileReportStaysText(t *testing.T) {
	t.Parallel()
	nested := []fields{{"state": hostileError, "cause": hostileError, "workers": []fields{worked(hostileName, hostileError, fields{"lastError": hostileError})}}}
	hostile := fields{
		"executionId": hostileError, "cause": hostileError, "dependsOn": []string{hostileError}, "waitingFor": []string{hostileError},
		"options": fields{hostileName: hostileError}, "nested": nested, "scheduled": true, "since": hostileError, "lastErrorAt": hostileError,
		"lastError": hostileError, "lastStack": hostileError, "gaveUp": true, "calls": 3, "lastCallAt": hostileError,
		"runs":   []fields{{"startedAt": ago(9), "endedAt": ago(5), "status": hostileError, "executionId": hostileError}},
		"events": []fields{event(ago(3), "stop asked for by "+hostileError)},
	}
	s := serveReport(t, pool{
		head: fields{"state": hostileError, "cause": hostileError, "control": true, "instance": fields{
			"id": hostileError, "name": hostileError, "host": hostileError, "pid": 1, "startedAt": hostileError, "version": hostileError,
		}},
		workers: []fields{worked(hostileName, "stopped", hostile), worked("b", hostileError, hostile)},
	})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 2`)
	elements := eval[map[string]int](b, elementsScript)
	b.open(hostileName)
	b.open("b")
	b.choose(hostileName, "Stop")

	assert.Equal(t, "Stop "+hostileName+"?", eval[string](b, `document.querySelector("#confirm-title").textContent`))
	assert.Contains(t, eval[string](b, `document.querySelector("#instance").textContent`), hostileError)
	assert.Contains(t, eval[string](b, `document.querySelector("#pool").textContent`), "because: "+hostileError)
	assert.Equal(t, "unknown", b.rows()["b"].Status, "a status that the page does not know")
	assert.NotContains(t, eval[string](b, "document.title"), "owned")
	assert.Equal(t, elements, eval[map[string]int](b, elementsScript))
}

// The text of an error does not tell who asked for a stop.
func TestErrorsTellOfNoAction(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{head: fields{"control": true}, workers: []fields{worked("a", "stopped", fields{"events": []fields{
		event(ago(5), "stop asked for by ann"),
		event(ago(3), "stopping execution attempt 1/1 with error: stop asked for by bob"),
	}})}})
	b := open(t, s.url+"#open=a", desktop)
	b.until(`document.querySelector(".facts")?.innerText.includes("Asked for by")`)

	assert.Contains(t, b.text(".facts"), "ann")
	assert.NotContains(t, b.text(".facts"), "bob")
	assert.NotContains(t, b.text(".note"), "bob")
}

// elementsScript counts what markup would have added, wherever it came from.
const elementsScript = `Object.fromEntries(["script", "img", "iframe", "object", "style", "link", "svg [onload]", "[onerror]"].map(
	(selector) => [selector, document.querySelectorAll(selector).length]))`

// What the policy promises must hold in the browser, and tests must notice what it refuses.
func TestPolicyIsEnforced(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(1)

	for name, attack := range map[string]string{
		"markup":        `document.body.innerHTML = "<b>x</b>"`,
		"inline script": `document.head.append(Object.assign(document.createElement("script"), {textContent: "window.owned = 1"}))`,
		"handler":       `document.body.setAttribute("onclick", "window.owned = 1")`,
		"document":      `document.write("<b>x</b>")`,
		"foreign image": `new Promise((done) => Object.assign(new Image(), {onerror: () => done("refused"), onload: done, src: "http://` + s.address + `1/x.png"}))`,
		"foreign fetch": `fetch("http://localhost:1/").then(() => "", () => "refused")`,
		"inline style":  `(document.body.insertAdjacentHTML("beforeend", "<p style='color:red'>"), "")`,
	} {
		t.Run(name, func(t *testing.T) {
			outcome := eval[string](b, `(async () => { try { return String(await (`+attack+`)) } catch (e) { return "refused" } })()`)

			b.until(`true`)
			problems := b.takeProblems()
			assert.True(t, outcome == "refused" || len(problems) > 0, "outcome %s, problems %v", outcome, problems)
			assert.False(t, eval[bool](b, `"owned" in window`))
		})
	}
	b.takeProblems()
}
