package healthcheck_test

import (
	"context"
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

// A probe of yokai's health checker.
var _ healthcheck.CheckerProbe = (*workerhealthcheck.WorkerProbe)(nil)

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

func TestWorkerProbeName(t *testing.T) {
	probe := workerhealthcheck.NewWorkerProbe(nil)
	assert.Equal(t, "worker", workerhealthcheck.DefaultProbeName)
	assert.Equal(t, workerhealthcheck.DefaultProbeName, probe.Name())
	assert.Same(t, probe, probe.SetName("jobs"))
	assert.Equal(t, "jobs", probe.Name())
}
