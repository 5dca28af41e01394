package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests in this file are what was left of sequences that the model did not pass, each cut down to its cause.

// A listener (or a log writer) that is told that a worker has returned late may stop the pool with a bound, as anywhere else: that
// waits for its bound, not for the worker whose goroutine it is on.
func TestShutdownInAListenerThatIsToldOfALateReturn(t *testing.T) {
	defer hangs(t)
	synctest.Test(t, func(t *testing.T) {
		var pool *worker.WorkerPool
		var late error
		release := make(chan struct{})
		pool = newPool(t, worker.WithWorker(do("deaf", deaf(release))), worker.WithGlobalListener(func(transition worker.Transition) {
			if transition.Message == "returned 0s after its stop had timed out" {
				late = pool.Shutdown(within(t, time.Second))
			}
		}))
		require.NoError(t, pool.Start(t.Context()))
		require.ErrorIs(t, pool.Shutdown(within(t, time.Minute)), worker.ErrStopTimeout)
		close(release)

		require.NoError(t, pool.Shutdown(within(t, time.Hour)))
		require.ErrorIs(t, late, worker.ErrStopTimeout)
		assert.Equal(t, time.Minute+time.Second, time.Since(start))
	})
}

// hangs makes a failure of a bubble whose goroutines wait for each other, instead of the end of the whole test run.
func hangs(t *testing.T) {
	if value := recover(); value != nil {
		t.Error(value)
	}
}
