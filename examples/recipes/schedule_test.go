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

func newSync(sync worker.HandlerFunc) *worker.WorkerPool {
	return worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("sync", sync),
			worker.WithSchedule(worker.Every(time.Hour)),
			worker.WithMaxExecutionsAttempts(3),
			worker.WithBackoff(worker.ExponentialBackoff(time.Minute, 10*time.Minute)),
			worker.WithAttemptTimeout(30*time.Minute),
		),
	)
}

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var hours []int
		var pool *worker.WorkerPool
		pool = newSync(func(context.Context) error {
			assert.True(t, pool.Health().Ready)
			hours = append(hours, int(time.Since(start).Hours()))
			if len(hours) < 4 {
				return errNoConnection
			}
			if len(hours) == 5 {
				time.Sleep(90 * time.Minute)
			}

			return nil
		})
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Hour + 30*time.Minute)
		assert.False(t, pool.Health().Ready)
		time.Sleep(5 * time.Hour)
		report := pool.Report().Workers[0]
		require.NoError(t, pool.Stop())

		assert.Equal(t, []int{
			1, 1, 1, // gives up
			2,
			3, // takes too long, and has failed for it: it is retried
			4, 5, 6,
		}, hours)
		var outcomes []string
		for _, run := range report.Runs {
			outcomes = append(outcomes, run.Status.String())
		}
		assert.Equal(t, []string{"error", "success", "success", "success", "success"}, outcomes)
	})
}
