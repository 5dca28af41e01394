package workerhttp_test

import (
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
