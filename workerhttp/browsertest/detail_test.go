package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// facts returns what an opened worker tells.
func (b *tab) facts(name string) map[string]string {
	b.t.Helper()

	return eval[map[string]string](b, fmt.Sprintf(`Object.fromEntries([...%s.querySelectorAll(".facts > div")].map(
		(fact) => [fact.firstChild.textContent, fact.lastChild.textContent]))`, item(name)))
}

func TestWhyAndByWhomAWorkerWasStopped(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{
		worked("a", "stopped", fields{"cause": "worker stopped", "events": []fields{
			event(ago(9), "stop asked for by ann (10.0.0.1:80)"), event(ago(8), "stopped as asked for by ann (10.0.0.1:80)"),
		}}),
		worked("b", "stopped", fields{"cause": "worker pool stopped: context canceled"}),
	}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 2`)

	assert.Equal(t, "worker stopped, by ann (10.0.0.1:80)", b.rows()["a"].Note)
	assert.Equal(t, "worker pool stopped: context canceled", b.rows()["b"].Note)
	b.open("a")
	assert.Equal(t, "worker stopped", b.facts("a")["Told to stop because"])
	assert.Equal(t, "ann (10.0.0.1:80)", b.facts("a")["Asked for by"])
}

func TestHeartbeatAndOptions(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("a", "running", fields{
		"heartbeat": 60, "lastBeatAt": ago(12), "options": fields{"backoff": "1m", hostileName: hostileError},
	})}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)
	b.open("a")

	facts := b.facts("a")
	assert.Regexp(t, `^\d\ds ago, due every 1m 00s$`, facts["Last heartbeat"])
	assert.Equal(t, "1m", facts["Option backoff"])
	assert.Equal(t, hostileError, facts["Option "+hostileName])
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	on := func(names ...string) fields { return fields{"dependsOn": names} }
	api := on("warmer", "mailer")
	api["waitingFor"] = []string{"warmer"}
	s := serveReport(t, pool{workers: []fields{
		worked("migration", "success", nil), worked("warmer", "running", on("migration")), worked("mailer", "running", on("migration")),
		worked("api", "pending", api), worked("selfcheck", "pending", on("api")), worked("alone", "running", nil),
	}})
	b := open(t, s.url+"#open=api", desktop)
	b.until(item("api") + `?.querySelector(".actions:not([hidden])")`)

	assert.Equal(t, "waits for warmer", b.rows()["api"].Note)
	columns := `[...` + item("api") + `.querySelectorAll(".column")].map((column) => [...column.children].map((e) => e.textContent))`
	assert.Equal(t, [][]string{
		{"migration success"}, {"warmer running, waited for", "mailer running"}, {"api pending"}, {"selfcheck pending"},
	}, eval[[][]string](b, columns))
	assert.Equal(t, "warmer", b.facts("api")["Waits for"])

	eval[string](b, `[...`+item("api")+`.querySelectorAll(".column a")][0].click(), ""`)
	b.until(item("migration") + `.querySelector(".actions:not([hidden])")`)
	assert.Equal(t, "migration", eval[string](b, `document.activeElement.textContent`), "a link leads on")
	b.open("alone")
	assert.False(t, eval[bool](b, item("alone")+`.querySelector(".chain").checkVisibility()`))
}

func TestScheduledWorker(t *testing.T) {
	t.Parallel()
	run := func(start, end int, status string) fields {
		r := fields{"startedAt": ago(start), "status": status, "executionId": fmt.Sprintf("run-%d", start)}
		if end >= 0 {
			r["endedAt"] = ago(end)
		}
		return r
	}
	s := serveReport(t, pool{workers: []fields{
		worked("nightly", "waiting", fields{"scheduled": true, "nextAttemptAt": ago(-7200), "runs": []fields{
			run(90000, 89990, "success"), run(3600, 3597, "error"),
		}}),
		worked("hourly", "running", fields{"scheduled": true, "runs": []fields{run(30, -1, "running")}}),
		worked("first", "waiting", fields{"scheduled": true, "nextAttemptAt": ago(-60)}),
	}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 3`)

	rows := b.rows()
	assert.Equal(t, "last run 1h 00m ago, 3.0 s, error", rows["nightly"].Note)
	assert.Regexp(t, `^in (2h 00m|1h 59m)$`, rows["nightly"].Next)
	assert.Equal(t, []string{"success", "error", "next"}, rows["nightly"].Bars)
	assert.Equal(t, "2 runs: 1 success, 1 error", rows["nightly"].Timeline)
	assert.Regexp(t, "^Run run-3600: error\nbegan .*, ran 3.0 s$", rows["nightly"].Titles[1])
	assert.Regexp(t, `^runs for [345]\d\.\d s$`, rows["hourly"].Note)
	assert.Equal(t, "no run yet", rows["first"].Note)
	b.open("nightly")
	assert.Regexp(t, `^\d{4}-.*, 3.0 s, error$`, b.facts("nightly")["Last run"])
}

func TestPeriodicWorker(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("poll", "running", fields{"calls": 1204, "lastCallAt": ago(3), "nextCallAt": ago(-57)})}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)

	assert.Regexp(t, `^1,204 calls, last \d+s ago$`, b.rows()["poll"].Note)
	assert.Regexp(t, `^in [345]\ds$`, b.rows()["poll"].Next)
	b.open("poll")
	assert.Regexp(t, `^1,204, last \d+s ago, next in [345]\ds$`, b.facts("poll")["Calls"])
}

func TestNestedPools(t *testing.T) {
	t.Parallel()
	inner := fields{"state": "started", "workers": []fields{worked("deep", "stuck", fields{"lastError": hostileError})}}
	nested := []fields{{"state": "stopping", "cause": "told to", "workers": []fields{
		worked("x", "running", fields{"nested": []fields{inner}}), worked(hostileName, "running", nil),
	}}}
	s := serveReport(t, pool{workers: []fields{worked("outer", "running", fields{"nested": nested})}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)

	assert.Equal(t, "1 of 3 workers inside need attention", b.rows()["outer"].Note)
	b.open("outer")
	assert.Equal(t, "pool stopping, because: told tox running, 1/1pool starteddeep stuck, 1/1, stuck "+hostileError+hostileName+" running, 1/1",
		eval[string](b, item("outer")+`.querySelector(".tree").textContent`))
}

func TestOwnFramesComeFirst(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	b.open("orders-consumer")

	own := eval[string](b, item("orders-consumer")+`.querySelector("pre[aria-label='Last stack, own frames']").textContent`)
	whole := eval[string](b, item("orders-consumer")+`.querySelector("pre[aria-label='Last stack, whole']").textContent`)
	lines := strings.Split(own, "\n")
	assert.Contains(t, lines[1], "browsertest.nilMap(", "after the goroutine's heading")
	assert.NotContains(t, own, "yokai/worker.(*")
	assert.NotContains(t, own, "runtime.")
	assert.Contains(t, whole, "yokai/worker.(*")
	assert.False(t, eval[bool](b, item("orders-consumer")+`.querySelector(".rest").open`), "folded")
}

// A stack that is none is shown as it is.
func TestStackOfNonsense(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("a", "error", fields{"lastStack": hostileError}), worked("b", "error", fields{"lastStack": "runtime.x()\n\tx.go:1"})}})
	b := open(t, s.url+"#open=a&open=b", desktop)
	b.until(`document.querySelectorAll(".actions:not([hidden])").length === 2`)

	for name, want := range map[string]string{"a": hostileError, "b": "runtime.x()\n\tx.go:1"} {
		assert.Equal(t, want, eval[string](b, item(name)+`.querySelector("pre[aria-label='Last stack, own frames']").textContent`))
		assert.True(t, eval[bool](b, item(name)+`.querySelector(".rest").hidden`))
	}
}

// All of an opened row is of one report: it never shows events of one moment beside facts of another.
func TestAnOpenedRowShowsOneMoment(t *testing.T) {
	t.Parallel()
	numbered := func(n int) pool {
		text := fmt.Sprint("number ", n)
		return pool{workers: []fields{worked("a", "waiting", fields{
			"attempt": n, "executionId": text, "lastError": text, "lastStack": text, "events": []fields{event(ago(1), text)},
		})}}
	}
	s := serveReport(t, numbered(1))
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)
	b.open("a")
	eval[string](b, `window.mixed = []; new MutationObserver(() => {
		const worker = document.querySelector(".worker");
		const texts = [".row .error .value", "pre", ".event .message", ".facts div:nth-child(2) dd"].map((part) => worker.querySelector(part)?.textContent).filter(Boolean);
		texts.push("number " + worker.querySelector(".attempt .value").textContent.split("/")[0]);
		if (new Set(texts).size !== 1) mixed.push(texts.join());
	}).observe(document.querySelector("#list"), {childList: true, characterData: true, subtree: true}); ""`)

	for n := 2; n < 5; n++ {
		s.set(numbered(n))
		b.until(fmt.Sprintf(`document.querySelector(".event .message").textContent === "number %d"`, n))
	}
	assert.Empty(t, eval[[]string](b, "mixed"))
}
