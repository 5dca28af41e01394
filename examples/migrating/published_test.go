package migrating_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runPublished uses nothing but the published API.
func runPublished(ctx context.Context, w worker.Worker) error {
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w))
	if err != nil {
		return err
	}
	if err := pool.Start(ctx); err != nil {
		return err
	}

	<-ctx.Done()

	return pool.Stop()
}

func runNow(ctx context.Context, w worker.Worker) error {
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w))
	if err != nil {
		return err
	}

	return pool.Run(ctx)
}

func TestPublished(t *testing.T) {
	for name, run := range map[string]func(context.Context, worker.Worker) error{"published": runPublished, "now": runNow} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- run(ctx, worker.NewFuncWorker("mailer", block)) }()
				synctest.Wait()
				cancel()
				require.NoError(t, <-ended)
			})
		})
	}

	t.Run("but Run also tells of failures, and does not wait once all have ended", func(t *testing.T) {
		err := runNow(t.Context(), worker.NewFuncWorker("mailer", func(context.Context) error { return errNoConnection }))
		require.EqualError(t, err, "worker mailer: no connection")
	})
}

// What dashboards see of a worker that is stopped, and returns its context's error.
func TestPublishedStopped(t *testing.T) {
	pool := worker.NewWorkerPool(
		worker.WithGlobalMaxExecutionsAttempts(3),
		worker.WithWorker(worker.NewFuncWorker("mailer", block)),
	)
	require.NoError(t, pool.Start(t.Context()))
	require.NoError(t, pool.WaitReady(t.Context()))
	require.NoError(t, pool.Stop())

	execution, err := pool.Execution("mailer")
	require.NoError(t, err)
	assert.Equal(t, worker.Stopped, execution.Status())
	assert.True(t, execution.HasEvent("stopping execution attempt 1/3 on cancellation"))
	assert.Equal(t, 2, testutil.CollectAndCount(pool.Metrics(), "worker_executions_total"), "started and stopped")
}

func TestPublishedStatuses(t *testing.T) {
	type row struct {
		Number int
		Text   string
	}
	var rows []row
	for status := worker.Unknown; status <= worker.Pending; status++ {
		number, err := json.Marshal(status)
		require.NoError(t, err)
		var n int
		require.NoError(t, json.Unmarshal(number, &n), "as before, a status alone is a number in JSON")
		rows = append(rows, row{n, status.String()})
	}

	assert.Equal(t, []row{
		{0, "unknown"}, {1, "deferred"}, {2, "running"}, {3, "success"}, {4, "error"}, {5, "waiting"}, {6, "stopped"}, {7, "stuck"}, {8, "pending"},
	}, rows)
}

// A maximum of 0 is one run, and reported as it was given.
func TestPublishedMaximumOfZero(t *testing.T) {
	pool := worker.NewWorkerPool(
		worker.WithGlobalMaxExecutionsAttempts(0),
		worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error { return errors.New("boom") })),
	)
	require.Error(t, pool.Run(t.Context()))

	execution, err := pool.Execution("mailer")
	require.NoError(t, err)
	assert.True(t, execution.HasEvent("starting execution attempt 1/0"))
	assert.True(t, execution.HasEvent("max execution attempts reached"))
}
