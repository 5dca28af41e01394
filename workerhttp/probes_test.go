package workerhttp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fineIn is the answer of a probe that succeeds on a pool in a state.
func fineIn(state string) string {
	return `{"ok":true,"state":"` + state + `","workers":{}}`
}

func assertProbe(t *testing.T, h http.Handler, target, want string) {
	t.Helper()

	response := get(t, h, target)
	code := http.StatusServiceUnavailable
	if strings.HasPrefix(want, `{"ok":true`) {
		code = http.StatusOK
	}
	assert.Equal(t, code, response.Code, target)
	assert.JSONEq(t, want, response.Body.String(), target)
	assert.Equal(t, code, ask(t, h, http.MethodHead, target).Code, target)
}

func TestProbesBeforeStart(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t, do("a", block)))

	assertProbe(t, h, "/livez", fineIn("new"))
	assertProbe(t, h, "/readyz", `{"ok":false,"state":"new","workers":{}}`)
}

func TestProbesOfWhatIsFine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t, do("runs", block), do("done", succeed)))

		assertProbe(t, h, "/livez", fineIn("started"))
		assertProbe(t, h, "/readyz", fineIn("started"))
	})
}

func TestProbesOfWhatIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t,
			do("runs", block),
			do("failed", fail),
			do("deferred", block, worker.WithDeferredStartThreshold(60)),
			do("waiting", fail, worker.WithMaxExecutionsAttempts(9), worker.WithBackoff(worker.ConstantBackoff(time.Hour))),
			do(hostile, fail),
			do("a: error, b", fail),
		))

		assertProbe(t, h, "/livez", fineIn("started"))
		assertProbe(t, h, "/readyz", `{"ok":false,"state":"started","workers":{"failed":"error","waiting":"waiting",
			"a: error, b":"error","<\/script><img src=x onerror=alert(1)> \"'&\u202e\u0000":"error"}}`)
	})
}

func TestProbesOfAStuckWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := started(t, newPool(t, do("hangs", ignore(release), worker.WithHeartbeat(time.Minute))))
		t.Cleanup(func() { close(release) })
		time.Sleep(2 * time.Minute)
		synctest.Wait()

		assertProbe(t, h, "/livez", `{"ok":false,"state":"started","workers":{"hangs":"stuck"}}`)
		assertProbe(t, h, "/readyz", `{"ok":false,"state":"started","workers":{"hangs":"stuck"}}`)
	})
}

func TestProbesOfAWorkerThatMustNotGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t, do("vital", fail, worker.WithStopPoolOnFailure())))

		assertProbe(t, h, "/livez", `{"ok":false,"state":"stopped","workers":{"vital":"error"}}`)
		assertProbe(t, h, "/readyz", `{"ok":false,"state":"stopped","workers":{}}`)
	})
}

func TestProbesWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, do("pool", ignore(release)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		h := workerhttp.NewHandler(pool)
		stopped := make(chan error, 1)
		go func() { stopped <- pool.Stop() }()
		synctest.Wait()

		assertProbe(t, h, "/livez", fineIn("stopping"))
		assertProbe(t, h, "/readyz", `{"ok":false,"state":"stopping","workers":{}}`)
		assert.Equal(t, "stopping", getReport(t, h, "/report").State)

		close(release)
		require.NoError(t, <-stopped)
		assertProbe(t, h, "/livez", fineIn("stopped"))
		assertProbe(t, h, "/readyz", `{"ok":false,"state":"stopped","workers":{}}`)
	})
}

// A verdict and the state beside it never contradict each other, however often the pool starts and stops meanwhile.
func TestReadyzTellsTheStateOfItsVerdict(t *testing.T) {
	pool := newPool(t, do("a", block))
	h := workerhttp.NewHandler(pool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			_ = pool.Start(t.Context())
			_ = pool.Stop()
		}
	}()

	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}

		var got struct {
			OK      bool
			State   string
			Workers map[string]string
		}
		require.NoError(t, json.Unmarshal(get(t, h, "/readyz").Body.Bytes(), &got))
		require.Equal(t, got.OK || len(got.Workers) > 0, got.State == "started", "%+v", got)
	}
}
