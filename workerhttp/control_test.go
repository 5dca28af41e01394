package workerhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// post asks for an action, as a program would.
func post(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()

	return ask(t, h, http.MethodPost, target)
}

// controlled starts a pool within a bubble, and returns its handler with control.
func controlled(t *testing.T, pool *worker.WorkerPool) http.Handler {
	t.Helper()
	started(t, pool)

	return workerhttp.NewHandler(pool, workerhttp.WithControl())
}

// messages returns the events of a worker.
func messages(t *testing.T, pool *worker.WorkerPool, name string) []string {
	t.Helper()

	execution, err := pool.Execution(name)
	require.NoError(t, err)
	texts := []string{}
	for _, event := range execution.Events() {
		texts = append(texts, event.Message())
	}

	return texts
}

func TestStopByHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		h := controlled(t, pool)

		response := post(t, h, "/workers/a/stop")
		require.Equal(t, http.StatusAccepted, response.Code)
		assert.Equal(t, "application/json; charset=utf-8", response.Header().Get("Content-Type"))
		var got workerReport
		require.NoError(t, json.Unmarshal(response.Body.Bytes(), &got))
		assert.Equal(t, "a", got.Name)

		synctest.Wait()
		assert.Equal(t, worker.Stopped, pool.Executions()["a"].Status())
		assert.Equal(t, []string{
			"starting execution attempt 1/1", "stop asked for by 192.0.2.1:1234",
			"stopping execution attempt 1/1 on cancellation", "stopped as asked for by 192.0.2.1:1234",
		}, messages(t, pool, "a"))
		assert.Equal(t, http.StatusAccepted, post(t, h, "/workers/a/stop").Code, "again")
	})
}

func TestRestartByHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("gave up", fail))
		h := controlled(t, pool)
		before := pool.Executions()["gave up"]
		require.True(t, before.GaveUp())

		response := post(t, h, "/workers/gave%20up/restart?events=0&text=3")
		require.Equal(t, http.StatusAccepted, response.Code)
		assert.Contains(t, response.Body.String(), `"events":[]`)
		assert.Contains(t, response.Body.String(), `"bro…"`)

		synctest.Wait()
		assert.True(t, before.HasEvent("restart asked for by 192.0.2.1:1234"))
		assert.NotSame(t, before, pool.Executions()["gave up"])
		assert.Contains(t, messages(t, pool, "gave up"), "restarted as asked for by 192.0.2.1:1234")
	})
}

// The answer comes at once, and the action goes on after the request has ended.
func TestActionDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, do("slow", inOrder(ignore(release), block)))
		h := controlled(t, pool)
		ctx, cancel := context.WithCancel(t.Context())
		asked := time.Now()

		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/workers/slow/restart", nil))
		cancel()
		assert.Equal(t, http.StatusAccepted, recorder.Code)
		assert.Zero(t, time.Since(asked))

		time.Sleep(30 * time.Second)
		close(release)
		synctest.Wait()
		assert.Equal(t, worker.Running, pool.Executions()["slow"].Status())
		assert.Contains(t, messages(t, pool, "slow"), "restarted as asked for by 192.0.2.1:1234")
	})
}

func TestActionThatIsLateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, do("hangs", ignore(release)))
		h := controlled(t, pool)
		t.Cleanup(func() { close(release) })

		post(t, h, "/workers/hangs/stop")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		told := slices.ContainsFunc(messages(t, pool, "hangs"), func(m string) bool {
			return strings.HasPrefix(m, "stop asked for by 192.0.2.1:1234 has not ended yet: ")
		})
		assert.True(t, told, messages(t, pool, "hangs"))
	})
}

// The pool begins to stop after the request was accepted.
func TestActionThatIsRefusedLaterIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, do("slow", ignore(release)))
		h := controlled(t, pool)
		post(t, h, "/workers/slow/restart")
		synctest.Wait()
		go func() { _ = pool.Stop() }()
		synctest.Wait()

		assert.Equal(t, http.StatusConflict, post(t, h, "/workers/slow/restart").Code)
		close(release)
		synctest.Wait()
		assert.Contains(t, messages(t, pool, "slow"), "restart asked for by 192.0.2.1:1234 not done: "+worker.ErrPoolNotStarted.Error())
	})
}

// safeBuffer is a log that may be written from several goroutines.
type safeBuffer struct {
	mu  sync.Mutex // guards the field below
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buf.String()
}

func TestActionTellsWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		var log safeBuffer
		ctx := zerolog.New(&log).WithContext(workerhttp.ContextWithUser(t.Context(), `ann "<b>"`))
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/workers/a/stop", nil)
		controlled(t, pool).ServeHTTP(httptest.NewRecorder(), request)
		synctest.Wait()

		assert.Contains(t, messages(t, pool, "a"), `stop asked for by ann "<b>" (192.0.2.1:1234)`)
		assert.Equal(t, `{"level":"info","worker":"a","action":"stop","by":"ann \"<b>\" (192.0.2.1:1234)","message":"stop asked for by ann \"<b>\" (192.0.2.1:1234)"}
{"level":"info","worker":"a","action":"stop","by":"ann \"<b>\" (192.0.2.1:1234)","message":"stopped as asked for by ann \"<b>\" (192.0.2.1:1234)"}
`, log.String())
	})
}

type panickingWriter struct{}

func (panickingWriter) Write([]byte) (int, error) {
	panic("broken log")
}

func TestActionWithALogThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		ctx := zerolog.New(panickingWriter{}).WithContext(t.Context())
		recorder := httptest.NewRecorder()
		controlled(t, pool).ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/workers/a/stop", nil))
		synctest.Wait()

		assert.Equal(t, http.StatusAccepted, recorder.Code)
		assert.Equal(t, worker.Stopped, pool.Executions()["a"].Status())
	})
}

type blockingWriter chan struct{}

func (w blockingWriter) Write(p []byte) (int, error) {
	<-w
	return len(p), nil
}

// The answer does not wait for a log that nobody takes, nor does the action for long: it may be for a worker that waits for that too.
func TestActionWithALogThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		h := controlled(t, pool)
		log := make(blockingWriter)
		ctx := zerolog.New(log).WithContext(t.Context())
		recorder := httptest.NewRecorder()
		go h.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/workers/a/stop", nil))
		synctest.Wait()

		assert.Contains(t, recorder.Body.String(), `"name":"a"`, "it is answered")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, worker.Stopped, pool.Executions()["a"].Status())
		assert.Contains(t, messages(t, pool, "a"), "stopped as asked for by 192.0.2.1:1234")
		close(log)
	})
}

func TestActionOnAWorkerThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", inOrder(succeed, block)))
		h := controlled(t, pool)

		assert.Equal(t, http.StatusAccepted, post(t, h, "/workers/a/stop").Code)
		synctest.Wait()
		assert.Equal(t, worker.Success, pool.Executions()["a"].Status())
		assert.Equal(t, http.StatusAccepted, post(t, h, "/workers/a/restart").Code)
		synctest.Wait()
		assert.Equal(t, worker.Running, pool.Executions()["a"].Status())
	})
}
