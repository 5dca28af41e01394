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

func newReports(makeReport worker.HandlerFunc) *worker.WorkerPool {
	return worker.NewWorkerPool(
		worker.WithWorker(worker.NewPeriodicWorker("reports", time.Hour, makeReport),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ConstantBackoff(time.Minute)),
		),
	)
}

func TestPeriodic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		pool := newReports(func(context.Context) error {
			calls = append(calls, time.Since(start))
			switch len(calls) {
			case 2:
				return errNoConnection
			case 4:
				time.Sleep(90 * time.Minute)
			}

			return nil
		})
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(5 * time.Hour)
		require.NoError(t, pool.Stop())

		assert.Equal(t, []time.Duration{
			0,
			time.Hour,                 // fails
			time.Hour + time.Minute,   // after the backoff, and the hours count from here
			2*time.Hour + time.Minute, // takes 90 minutes
			4*time.Hour + time.Minute, // the call at 3h01 was left out
		}, calls)
	})
}
