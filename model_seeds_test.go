package worker_test

import (
	"context"
	"fmt"
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
		synctest.Wait()
		require.ErrorIs(t, pool.Shutdown(within(t, time.Minute)), worker.ErrStopTimeout)
		close(release)

		require.NoError(t, pool.Shutdown(within(t, time.Hour)))
		require.ErrorIs(t, late, worker.ErrStopTimeout)
		assert.Equal(t, time.Minute+time.Second, time.Since(start))
	})
}

// A stop that comes between the decision to restart and the next attempt, because what the pool calls there takes its time, is in
// time: the worker is not run again.
func TestNoAttemptAfterAStopWhileTheGeneratorIsSlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		runs := 0
		slow := generatorFunc(func() string { time.Sleep(time.Second); return "id" })
		pool := newPool(t, worker.WithGenerator(slow), worker.WithWorker(do("job", func(ctx context.Context) error {
			runs++
			return fail(ctx)
		}), worker.WithMaxExecutionsAttempts(3)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, pool.Stop())

		assert.Equal(t, 1, runs, "it was stopped before its second attempt")
		assert.Equal(t, "skipping restart on cancellation", messages(execution(t, pool, "job"))[3])
	})
}

// A stop whose bound is reached in the moment in which the last worker ends may time out or not. If it does not, the pool has stopped.
func TestStopAtTheMomentOfItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 { // with the race detector one in fifteen shows the fault, without it hardly one
			pool := newPool(t, worker.WithGlobalStopTimeout(time.Second), worker.WithWorker(do("job", func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)

				return ctx.Err()
			})))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			if pool.Stop() == nil {
				require.Equal(t, worker.PoolStopped, pool.Report().State)
			}
			require.NoError(t, pool.Stop())
		}
	})
}

// A stop that meets its bound in the moment in which the worker ends either times out, and the late return is told of, or neither.
func TestNoLateReturnWithoutATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 500 { // with the race detector one in a hundred shows the fault, without it hardly one
			pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithDeferredStartThreshold(1)))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			err := pool.StopWorker(within(t, 0), "job")
			require.NoError(t, pool.Stop())

			last := messages(execution(t, pool, "job"))
			assert.Equal(t, err != nil, last[len(last)-1] == "returned 0s after its stop had timed out", "%v: %q", err, last)
		}
	})
}

// A worker that was restarted holds up what it depends on once, not once for each of its executions.
func TestStopAfterTheRestartOfADependent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("db", block)), worker.WithWorker(do("api", block), worker.WithDependsOn("db")))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.RestartWorker(t.Context(), "api"))
		synctest.Wait()

		require.NoError(t, pool.Shutdown(within(t, time.Minute)))
	})
}

// The report tells of a worker whose dependency has failed what its error tells.
func TestReportOfAFailedDependency(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("migration", fail), worker.WithReadyOnSuccess()),
			worker.WithWorker(do("warmer", block), worker.WithDependsOn("migration")),
			worker.WithWorker(do("api", block), worker.WithDependsOn("warmer")),
		)
		require.Error(t, pool.Run(t.Context()))

		for _, r := range pool.Report().Workers {
			assert.Equal(t, execution(t, pool, r.Name).LastError().Error(), r.LastError)
		}
		assert.Equal(t, "worker api: dependency warmer failed: worker warmer: dependency migration failed: worker migration: boom",
			pool.Report().Workers[0].LastError)
	})
}

// A panic value whose method ends the goroutine has a stack, too.
func TestStackOfAPanicValueThatExits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { panic(goexitError{}) })))
		require.Error(t, pool.Run(t.Context()))

		assert.Contains(t, pool.Report().Workers[0].LastStack, "TestStackOfAPanicValueThatExits")
	})
}

// What a listener does at the begin of an attempt is not the worker's own time, by which that counts as healthy.
func TestHealthyAfterIsNotReachedByTheListener(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(transition worker.Transition) {
			if transition.Kind == worker.TransitionStarting {
				time.Sleep(time.Hour)
			}
		}
		pool := newPool(t, worker.WithGlobalListener(slow),
			worker.WithWorker(do("job", fail), worker.WithMaxExecutionsAttempts(3), worker.WithHealthyAfter(time.Minute)))
		require.Error(t, pool.Run(t.Context()))

		assert.Equal(t, 3, execution(t, pool, "job").ConsecutiveFailures())
	})
}

// A worker that is registered anew on a stopped pool has the samples of its last execution, which the report has, until the next start.
func TestMetricsOfAWorkerThatIsRegisteredAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", panics)))
		require.Error(t, pool.Run(t.Context()))
		pool.Register(worker.NewWorkerRegistration(do("job", panics)))

		assert.Equal(t, []string{`worker_panics_total{worker="job"} 1`}, metricsText(t, pool.Metrics(), "worker_panics_total"))
		assert.Equal(t, []string{`worker_gave_up{worker="job"} 1`}, metricsText(t, pool.Metrics(), "worker_gave_up"))
	})
}

// What a worker ends with belongs to its goroutine until it has ended: WaitReady does not look at it before. The race detector tells.
func TestWaitReadyWhileAWorkerEnds(t *testing.T) {
	t.Parallel()
	for range 100 {
		var options []worker.WorkerPoolOption
		for i := range 8 {
			options = append(options, worker.WithWorker(do(fmt.Sprintf("job %d", i), fail), worker.WithReadyOnSuccess()))
		}
		pool := newPool(t, options...)
		require.NoError(t, pool.Start(t.Context()))

		require.ErrorContains(t, pool.WaitReady(t.Context()), "boom")
		require.NoError(t, pool.Stop())
	}
}

// The report tells of a schedule that has failed what the error tells, and so does a dependent's.
func TestReportOfAFailedSchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		broken := nextFunc(func(time.Time) time.Time { panic("ouch") })
		pool := newPool(t,
			worker.WithWorker(do("sync", succeed), worker.WithSchedule(broken)),
			worker.WithWorker(do("api", block), worker.WithDependsOn("sync")),
		)
		require.Error(t, pool.Run(t.Context()))

		for _, r := range pool.Report().Workers {
			assert.Equal(t, execution(t, pool, r.Name).LastError().Error(), r.LastError)
		}
	})
}

// A pool that is started in an attempt that is told to stop may have stopped before its Start returns.
func TestNestedPoolThatStopsBeforeItsStartReturns(t *testing.T) {
	t.Parallel()
	for range 2000 {
		outer := newPool(t, worker.WithWorker(do("outer", func(ctx context.Context) error {
			<-ctx.Done()

			return newPool(t).Start(ctx)
		})))
		require.NoError(t, outer.Start(t.Context()))
		require.NoError(t, outer.Stop())
	}
}

// hangs makes a failure of a bubble whose goroutines wait for each other, instead of the end of the whole test run.
func hangs(t *testing.T) {
	if value := recover(); value != nil {
		t.Error(value)
	}
}
