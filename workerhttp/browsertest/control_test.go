package browsertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serveControlled serves a pool with control below a prefix, for a user.
func serveControlled(t *testing.T, pool *worker.WorkerPool) string {
	t.Helper()

	require.NoError(t, pool.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, pool.Stop()) })
	handler := workerhttp.NewHandler(pool, workerhttp.WithControl(), workerhttp.WithInstance("web-1"))
	server := httptest.NewServer(http.StripPrefix(mount, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(workerhttp.ContextWithUser(r.Context(), "ann")))
	})))
	t.Cleanup(server.Close)

	return server.URL + mount + "/"
}

// choose presses a button of an opened worker.
func (b *tab) choose(name, button string) {
	b.t.Helper()

	eval[string](b, `[...`+item(name)+`.querySelectorAll(".act")].find((e) => e.textContent === `+quote(button)+`).click(), ""`)
}

func (b *tab) confirm() {
	b.t.Helper()

	b.until(`document.querySelector("#confirm").open`)
	eval[string](b, `document.querySelector("#confirm-yes").click(), ""`)
}

// untilNote waits for what a row says.
func (b *tab) untilNote(name, pattern string) {
	b.t.Helper()

	b.until(`RegExp(` + quote(pattern) + `).test(` + item(name) + `?.querySelector(".note").textContent)`)
}

func TestNoControlWithoutTheOption(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(1)
	b.open("a")

	assert.False(t, eval[bool](b, `[...document.querySelectorAll("#list .act")].some((e) => e.checkVisibility())`))
}

func TestStopAndRestart(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	pool := newPool(t, do("a/b ü", block), do(hostileName, inOrder(ignore(release), block)))
	url := serveControlled(t, pool)
	b := open(t, url, desktop)
	b.untilLoaded(2)

	b.open("a/b ü")
	b.choose("a/b ü", "Stop")
	b.until(`document.querySelector("#confirm").open`)
	assert.Equal(t, "Stop a/b ü?", b.text("#confirm-title"))
	assert.Equal(t, "confirm-no", eval[string](b, `document.activeElement.id`), "the harmless one has the focus")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector("#confirm").open`)
	assert.Equal(t, worker.Running, pool.Executions()["a/b ü"].Status())

	b.choose("a/b ü", "Stop")
	b.confirm()
	b.untilNote("a/b ü", `^stopped · `)
	b.untilNote("a/b ü", `by ann \(127\.0\.0\.1:\d+\)`)
	assert.Equal(t, "stopped", b.rows()["a/b ü"].Status)
	assert.Equal(t, "a/b ü: stopped", b.text("#live"), "it is read out")

	b.choose("a/b ü", "Restart")
	b.confirm()
	b.untilNote("a/b ü", `^verifying`)
	b.untilNote("a/b ü", `^restarted$`)
	assert.Equal(t, "running", b.rows()["a/b ü"].Status)

	b.open(hostileName)
	b.choose(hostileName, "Restart")
	b.confirm()
	assert.Equal(t, hostileName, eval[string](b, `document.querySelector("#confirm-title").textContent.slice(8, -1)`))
	b.untilNote(hostileName, `^restarting for \ds`)
	eval[string](b, item(hostileName)+`.querySelector(".open").click(), ""`) // a closed row is followed too
	close(release)
	b.untilNote(hostileName, `^verifying`)
	b.untilNote(hostileName, `^restarted$`)
}

func TestRestartOfAWorkerThatFailsAgain(t *testing.T) {
	t.Parallel()
	b := open(t, serveControlled(t, newPool(t, do("a", fail("broken")))), desktop)
	b.untilLoaded(1)
	b.open("a")
	b.choose("a", "Restart")
	b.confirm()

	b.untilNote("a", `^restarted, but it failed again`)
	assert.Contains(t, b.text(".worker ol"), "restarted as asked for by ann (127.0.0.1:")
}

// What the service says against it is told, and what it only may say some day too.
func TestActionsThatAreNotDone(t *testing.T) {
	t.Parallel()
	one := func(more fields) pool {
		return pool{head: fields{"control": true}, workers: []fields{worked("a", "running", more)}}
	}
	s := serveReport(t, one(nil))
	s.status = http.StatusConflict
	b := open(t, s.url+"#open=a", desktop)
	b.until(`document.querySelector(".actions:not([hidden])")`)

	b.choose("a", "Restart")
	b.confirm()
	b.untilNote("a", `^not restarted: why not$`)
	assert.Equal(t, []string{"restart a of 1"}, s.taken())
	for _, problem := range b.takeProblems() {
		assert.Regexp(t, regexp.MustCompile("status of 409"), problem)
	}

	s.mu.Lock()
	s.status = http.StatusAccepted
	s.mu.Unlock()
	b.choose("a", "Stop")
	b.confirm()
	b.untilNote("a", `^stopping`)
	s.set(one(fields{"lastError": "no", "events": []fields{event(ago(-60), "stopping execution attempt 1/1 with error: a stop asked for by x not done: no")}}))
	b.until(`document.querySelector("#list").innerText.includes("error: a stop asked for")`)
	b.untilNote("a", `^stopping`)
	s.set(one(fields{"events": []fields{event(ago(-60), "stop asked for by x not done: too late")}}))
	b.untilNote("a", `^not stopped: too late`)

	// What is said of an action is set before it, since an answer may be on its way while it is asked for.
	s.set(one(fields{"ready": false, "events": []fields{event(ago(-60), "restarted as asked for by x")}}))
	b.until(`document.querySelector("#list").innerText.includes("restarted as asked for")`)
	b.choose("a", "Restart")
	b.confirm()
	b.untilNote("a", `^verifying: not ready yet`)
	s.set(one(fields{"events": []fields{event(ago(-60), "restarted as asked for by x")}}))
	b.untilNote("a", `^restarted`)

	s.set(one(nil))
	b.until(`!document.querySelector("#list").innerText.includes("restarted as asked for")`)
	b.choose("a", "Restart")
	b.confirm()
	b.untilNote("a", `^restarting`)
	s.set(pool{head: fields{"control": true, "state": "stopping"}, workers: []fields{worked("a", "running", nil)}})
	b.untilNote("a", `^not restarted yet: the pool is stopping`)
	b.takeProblems()
}

// An action reaches the instance whose workers are shown, and no other.
func TestActionReachesItsInstance(t *testing.T) {
	t.Parallel()
	r := serveReplicas(t, workerhttp.WithControl())
	b := open(t, r.url+"#open=shared", desktop)
	b.until(item("shared") + `?.querySelector(".actions:not([hidden])")`)

	b.choose("shared", "Stop")
	b.confirm()
	b.untilNote("shared", `^stopped · `)
	ours := b.text("#instance")[:5]
	other := map[string]int64{"web-1": 2, "web-2": 1}[ours]
	r.only.Store(other)
	eval[string](b, `document.querySelector("#switch").click(), ""`)
	b.until(`!document.querySelector("#instance").textContent.startsWith(` + quote(ours) + `)`)
	b.until(item("shared") + `.dataset.status === "running"`)
	for _, problem := range b.takeProblems() {
		assert.Contains(t, problem, "status of 421")
	}
}
