package recipes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newMigrated(migrate worker.HandlerFunc, api worker.Worker) *worker.WorkerPool {
	return worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("migration", migrate),
			worker.WithReadyOnSuccess(), // without it the API begins beside the migration
			worker.WithMaxExecutionsAttempts(5),
			worker.WithBackoff(worker.ConstantBackoff(10*time.Second)),
			worker.WithStopPoolOnFailure(),
		),
		worker.WithWorker(api, worker.WithDependsOn("migration")),
	)
}

func TestMigrationFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, attempts := time.Now(), 0
		var begun time.Duration
		pool := newMigrated(
			func(context.Context) error {
				time.Sleep(time.Minute)
				if attempts++; attempts == 1 {
					return errNoConnection
				}

				return nil
			},
			worker.NewFuncWorker("api", func(ctx context.Context) error {
				begun = time.Since(start)

				return block(ctx)
			}),
		)
		require.NoError(t, pool.Start(t.Context()))

		time.Sleep(time.Minute + time.Second)
		assert.Equal(t, worker.Waiting, status(pool, "migration"), "for its second attempt")
		assert.Equal(t, worker.Pending, status(pool, "api"))
		assert.False(t, pool.Health().Ready)

		require.NoError(t, pool.WaitReady(t.Context()))
		synctest.Wait()
		assert.Equal(t, 2*time.Minute+10*time.Second, begun)
		assert.Equal(t, worker.Success, status(pool, "migration"))
		require.NoError(t, pool.Stop())
	})
}

// A migration that fails for good ends the process, and the API has not begun.
func TestMigrationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errSyntax := errors.New("syntax error")
		pool := newMigrated(
			func(context.Context) error { return worker.Permanent(errSyntax) },
			worker.NewFuncWorker("api", func(context.Context) error { panic("begun") }),
		)

		err := pool.Run(t.Context())
		require.ErrorIs(t, err, errSyntax)
		execution, notFound := pool.Execution("api")
		require.NoError(t, notFound)
		assert.Zero(t, execution.CurrentExecutionAttempt())
	})
}
