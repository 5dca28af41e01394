package recipes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newImporter(importAll worker.HandlerFunc) *worker.WorkerPool {
	return worker.NewWorkerPool(
		worker.WithGlobalAttemptTimeout(time.Hour),
		worker.WithWorker(worker.NewFuncWorker("importer", importAll),
			worker.WithAttemptTimeout(10*time.Minute),
			worker.WithMaxExecutionsAttempts(5),
			worker.WithRestartLimit(3, time.Hour),
		),
	)
}

func TestAttemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, live, attempts := time.Now(), 0, 0
		pool := newImporter(func(ctx context.Context) error {
			live++
			attempts++
			assert.Equal(t, 1, live, "never two at once")
			<-ctx.Done()
			time.Sleep(time.Minute) // it is slow to see it
			live--

			return ctx.Err()
		})
		require.ErrorIs(t, pool.Run(t.Context()), worker.ErrAttemptTimeout)
		assert.Equal(t, 4, attempts, "three restarts within an hour, and no more")
		assert.Equal(t, 44*time.Minute, time.Since(start))
	})
}
