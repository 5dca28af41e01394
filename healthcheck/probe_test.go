package healthcheck_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/healthcheck"
	"github.com/ankorstore/yokai/worker"
	workerhealthcheck "github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/ankorstore/yokai/worker/testdata/workers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// Every published symbol with its published type: a change of one does not compile.
var (
	_ string                                                  = workerhealthcheck.DefaultProbeName
	_ func(*worker.WorkerPool) *workerhealthcheck.WorkerProbe = workerhealthcheck.NewWorkerProbe
	_ interface {
		Name() string
		SetName(name string) *workerhealthcheck.WorkerProbe
		Check(ctx context.Context) *healthcheck.CheckerProbeResult
	} = (*workerhealthcheck.WorkerProbe)(nil)
	_ healthcheck.CheckerProbe = (*workerhealthcheck.WorkerProbe)(nil)
)

func TestWorkerProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(
			worker.WithWorker(workers.NewClassicWorker()),
			worker.WithWorker(workers.NewCancellableWorker()),
		)
		require.NoError(t, err)
		probe := workerhealthcheck.NewWorkerProbe(pool)

		assert.Equal(t, healthcheck.NewCheckerProbeResult(true, ""), probe.Check(t.Context()), "before Start")

		require.NoError(t, pool.Start(context.Background()))
		synctest.Wait()
		assert.Equal(t, healthcheck.NewCheckerProbeResult(true, "CancellableWorker: running, ClassicWorker: running"),
			probe.Check(t.Context()))

		execution, err := pool.Execution("ClassicWorker")
		require.NoError(t, err)
		execution.SetStatus(worker.Unknown)
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "CancellableWorker: running, ClassicWorker: unknown"),
			probe.Check(t.Context()), "started, but nothing ran yet")

		pool.Register(worker.NewWorkerRegistration(workers.NewErrorWorker()))
		time.Sleep(time.Second)
		require.NoError(t, pool.Stop())
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "CancellableWorker: success, ClassicWorker: success, ErrorWorker: error"),
			probe.Check(t.Context()))
	})
}

func TestLivenessAndReadinessProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		run := func(name string, run worker.HandlerFunc, options ...worker.WorkerExecutionOption) worker.WorkerPoolOption {
			return worker.WithWorker(worker.NewFuncWorker(name, run), options...)
		}
		block := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		fail := func(context.Context) error { return errors.New("boom") }
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(
			run("running", block),
			run("stopped", block),
			run("success", func(context.Context) error { return nil }),
			run("stuck", func(context.Context) error { <-release; return nil }, worker.WithHeartbeat(time.Second)),
			run("deferred", block, worker.WithDeferredStartThreshold(3600)),
			run("waiting", fail, worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(time.Hour))),
			run("error", fail),
		)
		require.NoError(t, err)
		liveness, readiness := workerhealthcheck.NewWorkerLivenessProbe(pool), workerhealthcheck.NewWorkerReadinessProbe(pool)

		assert.Equal(t, healthcheck.NewCheckerProbeResult(true, ""), liveness.Check(t.Context()))
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "pool: new"), readiness.Check(t.Context()))

		require.NoError(t, pool.Start(context.Background()))
		time.Sleep(time.Minute)
		require.NoError(t, pool.StopWorker(t.Context(), "stopped"))
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "stuck: stuck"), liveness.Check(t.Context()))
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "error: error, stuck: stuck, waiting: waiting"),
			readiness.Check(t.Context()))
		failing, ok := readiness.Failing()
		assert.False(t, ok)
		assert.Equal(t, map[string]worker.WorkerStatus{
			"error": worker.Error, "stuck": worker.Stuck, "waiting": worker.Waiting,
		}, failing)

		go func() { assert.NoError(t, pool.Stop()) }()
		synctest.Wait()
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "pool: stopping"), readiness.Check(t.Context()))
		close(release)
		synctest.Wait()
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "pool: stopped"), readiness.Check(t.Context()))
		failing, ok = readiness.Failing()
		assert.False(t, ok)
		assert.Empty(t, failing)
		assert.Equal(t, healthcheck.NewCheckerProbeResult(true, ""), liveness.Check(t.Context()))
	})

	t.Run("all is well", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("job", func(context.Context) error { return nil })))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			assert.Equal(t, healthcheck.NewCheckerProbeResult(true, ""), workerhealthcheck.NewWorkerReadinessProbe(pool).Check(t.Context()))
			require.NoError(t, pool.Stop())
		})
	})
}

func TestNamesOfProbes(t *testing.T) {
	probe, liveness, readiness := workerhealthcheck.NewWorkerProbe(nil), workerhealthcheck.NewWorkerLivenessProbe(nil), workerhealthcheck.NewWorkerReadinessProbe(nil)
	assert.Equal(t, []string{"worker", "worker-liveness", "worker-readiness"}, []string{probe.Name(), liveness.Name(), readiness.Name()})
	assert.Equal(t, workerhealthcheck.DefaultProbeName, probe.Name())
	assert.Same(t, probe, probe.SetName("a"))
	assert.Same(t, liveness, liveness.SetName("b"))
	assert.Same(t, readiness, readiness.SetName("c"))
	assert.Equal(t, []string{"a", "b", "c"}, []string{probe.Name(), liveness.Name(), readiness.Name()})
}

func TestFailingWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := worker.NewWorkerPool(worker.WithWorker(workers.NewErrorWorker(), worker.WithStopPoolOnFailure()))
		liveness, readiness := workerhealthcheck.NewWorkerLivenessProbe(pool), workerhealthcheck.NewWorkerReadinessProbe(pool)
		failing, ok := liveness.Failing()
		assert.True(t, ok)
		assert.Empty(t, failing)
		_, ok = readiness.Failing()
		assert.False(t, ok, "not started")

		require.Error(t, pool.Run(t.Context()))
		failing, ok = liveness.Failing()
		assert.False(t, ok)
		assert.Equal(t, map[string]worker.WorkerStatus{"ErrorWorker": worker.Error}, failing)
		assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "ErrorWorker: error"), liveness.Check(t.Context()))
	})
}
