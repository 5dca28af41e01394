package browsertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAttention(t *testing.T) {
	t.Parallel()
	failing := func(n int) fields { return fields{"consecutiveFailures": n} }
	s := serveReport(t, pool{workers: []fields{
		worked("well", "running", nil),
		worked("stuck", "stuck", fields{"fine": false, "live": false, "lastBeatAt": ago(190)}),
		worked("timed-out", "running", fields{"timedOut": true}),
		worked("gave-up", "error", fields{"gaveUp": true, "fine": false}),
		worked("three", "waiting", failing(3)),
		worked("two", "waiting", failing(2)),
		worked("not-ready", "running", fields{"ready": false, "fine": false}),
		worked("not-live", "running", fields{"live": false}),
		worked("stopped-while-failing", "stopped", failing(293)),
		worked("well-again", "success", failing(0)),
		worked("tells-no-verdict", "running", fields{"fine": nil, "live": nil}),
	}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 11`)

	assert.Equal(t, "6 workers need attention: 1 stuck, 1 timed out, 1 not live, 1 gave up, 1 failing, 1 not ready", b.text("#headline"))
	assert.Equal(t, []string{"stuck", "timed-out", "not-live", "gave-up", "three", "not-ready"}, eval[[]string](b,
		`[...document.querySelectorAll(".is-bad .open")].map((button) => button.textContent)`))
	for name, note := range map[string]string{"well": "", "timed-out": "timed out", "gave-up": "gave up", "three": "", "not-ready": "not ready", "not-live": "not live"} {
		assert.Equal(t, note, b.rows()[name].Note, name)
	}
	assert.Regexp(t, `^last heartbeat 3m [1-5]\ds ago$`, b.rows()["stuck"].Note)
	assert.Equal(t, "3", b.rows()["three"].Failures)
	assert.Equal(t, "–", b.rows()["stopped-while-failing"].Failures)
	b.open("gave-up")
	assert.Contains(t, b.text(".worker.is-open .facts"), "Needs attention\ngave up")
	assert.Contains(t, b.text(".worker.is-open .facts"), "ready, fails /readyz")
}

// The page never says that all is well while a probe fails, nor the other way round.
func TestPageAndProbesAgree(t *testing.T) {
	t.Parallel()
	well := []fields{worked("a", "running", nil), worked("b", "stopped", nil)}
	starting := []fields{worked("a", "pending", fields{"ready": false, "fine": false}), worked("b", "running", nil)}
	optional := []fields{worked("a", "waiting", fields{"consecutiveFailures": 1, "ready": false, "optional": true})}
	s := serveReport(t, pool{workers: well})
	b := open(t, s.url, desktop)

	for _, c := range []struct {
		state, cause   string
		workers        []fields
		pool, headline string
	}{
		{"started", "", well, "started, live, ready", "No worker needs attention"},
		{"started", "", starting, "started, live, not ready", "1 worker needs attention: 1 not ready"},
		{"started", "", optional, "started, live, ready", "No worker needs attention"},
		{"stopping", "mailer gave up", starting, "stopping, because: mailer gave up, live, not ready", "No worker needs attention"},
		{"stopped", "", well, "stopped, live, not ready", "No worker needs attention"},
	} {
		s.set(pool{head: fields{"state": c.state, "cause": c.cause}, workers: c.workers})
		b.until(`document.querySelector("#pool").textContent === ` + quote(c.pool))
		assert.Equal(t, c.headline, b.text("#headline"), c.pool)
	}
}

func TestErrorAges(t *testing.T) {
	t.Parallel()
	s := serveReport(t, pool{workers: []fields{worked("a", "running", fields{"lastError": "x", "lastErrorAt": ago(3 * 3600), "lastSuccessAt": ago(600)})}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 1`)

	assert.Regexp(t, `^3h 00m ago$`, b.rows()["a"].Failed)
	b.open("a")
	assert.Regexp(t, `Last error\n\d{4}-.* [+−]\d\d:\d\d, 3h 00m ago\nLast success\n\d{4}-.*, 10m \d\ds ago`, b.text(".worker.is-open .facts"))
}

func TestEqualErrorsAreGrouped(t *testing.T) {
	t.Parallel()
	failing := func(text string) fields { return fields{"lastError": text, "consecutiveFailures": 1} }
	s := serveReport(t, pool{workers: []fields{
		worked("a", "waiting", failing(hostileError)), worked("b", "waiting", failing("once")), worked("c", "waiting", failing(hostileError)),
		worked("zz", "running", fields{"lastError": hostileError}),
	}})
	b := open(t, s.url, desktop)
	b.until(`document.querySelectorAll("#list > .worker").length === 4`)

	assert.Equal(t, []string{"2 × " + hostileError}, eval[[]string](b, `[...document.querySelectorAll("#groups button")].map((e) => e.textContent)`))
	eval[string](b, `document.querySelector("#groups button").click(), ""`)
	assert.Equal(t, []string{"a", "c", "zz"}, b.shown(), "all with this error")
	b.refreshes(1)
	assert.Equal(t, "true", eval[string](b, `document.querySelector("#groups button").getAttribute("aria-pressed")`))
	b.filterByName("zz")
	assert.Equal(t, []string{"zz"}, b.shown(), "and by name")

	s.set(pool{workers: []fields{worked("a", "running", nil)}})
	b.until(`document.querySelector("#groups button").textContent.startsWith("0 × ")`)
	eval[string](b, `document.querySelector("#groups button").click(), ""`)
	b.refreshes(1)
	assert.True(t, eval[bool](b, `document.querySelector("#groups").hidden`))
}
