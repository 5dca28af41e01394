package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests in this file are faults that the public histories of suture, oklog/run and controller-runtime (its runnables) tell of, and
// that a pool of workers could have as well. They are written from what went wrong there, not from their tests. Where a test of
// another file shows it already, docs/reliability.md names that one.

// TestHistoryContextDoneBeforeStart: controller-runtime and suture hung, or leaked, where their context was done from the beginning.
func TestHistoryContextDoneBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		pool := newPool(t, worker.WithWorker(do("a", block)), worker.WithWorker(do("b", block), worker.WithStopStage(3)))
		for range 10 {
			require.NoError(t, pool.Run(ctx))
		}
		for _, e := range pool.Executions() {
			assert.Equal(t, []string{"stopping before first execution attempt"}, messages(e))
		}
		assert.Equal(t, worker.PoolStopped, pool.Report().State)
	})
}

// TestHistoryAddWhileStopping: suture's Add blocked for ever once its supervisor no longer listened; controller-runtime added to a
// group that was being waited for, which a WaitGroup does not allow.
func TestHistoryAddWhileStopping(t *testing.T) {
	bubble(t, func(t *testing.T) {
		late := atomic.Int32{}
		pool := newPool(t, worker.WithWorker(do("slow", drain(time.Second))))
		require.NoError(t, pool.Start(t.Context()))

		var adders sync.WaitGroup
		for i := range 20 {
			adders.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint("late-", i), func(ctx context.Context) error { late.Add(1); return block(ctx) })))
			})
		}
		time.Sleep(500*time.Millisecond + 1)
		require.NoError(t, pool.Stop())
		began := late.Load()
		adders.Wait()
		synctest.Wait()

		assert.EqualValues(t, 6, began, "those that came before the stop")
		assert.Equal(t, began, late.Load(), "nothing is started while it stops, nor after it")
		assert.Len(t, pool.Registrations(), 21, "but all are there for the next start")
		assert.Equal(t, 1500*time.Millisecond+1, pool.Report().Workers[len(pool.Report().Workers)-1].EndedAt.Sub(start))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.EqualValues(t, 26, late.Load())
		require.NoError(t, pool.Stop())
	})
}

// TestHistoryNoFalseTimeout: suture reported services as unstopped that had stopped in time, because its timer was looked at first.
func TestHistoryNoFalseTimeout(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			pool := newPool(t, worker.WithGlobalStopTimeout(time.Second))
			for i := range 20 {
				pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(time.Second - 1)

					return nil
				})))
			}
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			require.NoError(t, pool.Stop())
		})
	}
}

// TestHistoryDoubleStart: a second Serve of a suture supervisor, and a second Start of a controller-runtime manager, ran everything
// twice or raced.
func TestHistoryDoubleStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var runs, started atomic.Int32
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error { runs.Add(1); return block(ctx) })))
		var starts sync.WaitGroup
		for range 100 {
			starts.Go(func() {
				if err := pool.Start(t.Context()); err == nil {
					started.Add(1)
				} else {
					assert.ErrorIs(t, err, worker.ErrPoolAlreadyStarted)
				}
			})
		}
		starts.Wait()
		synctest.Wait()
		assert.EqualValues(t, 1, started.Load())
		assert.EqualValues(t, 1, runs.Load())
		require.NoError(t, pool.Stop())
	})
}

// TestHistoryNoGoroutineIsLeftAfterATimeout: goroutines that wanted to tell of their end blocked for ever, once nobody waited for them
// after a timeout (suture's notifications, controller-runtime's error channel). The bubble fails if one is left.
func TestHistoryNoGoroutineIsLeftAfterATimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t)
		for i := range 50 {
			pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), func(context.Context) error { <-release; return errors.New("late") })))
		}
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		var stops sync.WaitGroup
		for range 10 {
			stops.Go(func() { assert.ErrorIs(t, pool.Shutdown(within(t, time.Second)), worker.ErrStopTimeout) })
		}
		stops.Wait()
		close(release)
		synctest.Wait()
		assert.Equal(t, worker.PoolStopped, pool.Report().State, "nobody has to ask")
	})
}

// TestHistoryStopOfAWorkerThatPanics: suture hung when it was asked to stop a service that was just panicking.
func TestHistoryStopOfAWorkerThatPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("ouch") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
					<-ctx.Done()
					end()

					return nil
				}), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)))
				for _, stop := range []func() error{
					pool.Stop,
					func() error { return pool.StopWorker(t.Context(), "job") },
					func() error { return pool.RestartWorker(t.Context(), "job") },
				} {
					require.NoError(t, pool.Start(t.Context()))
					synctest.Wait()
					require.NoError(t, stop())
					synctest.Wait()
					require.NoError(t, pool.Stop())
					assert.Equal(t, worker.Error, execution(t, pool, "job").Status())
				}
				assert.Zero(t, time.Since(start))
			})
		})
	}
}

// TestHistoryRemoveTwice: suture's Remove of a service that had ended, or had been removed, blocked or failed.
func TestHistoryRemoveTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("ended", succeed)), worker.WithWorker(do("running", block)))
		require.NoError(t, pool.StopWorker(t.Context(), "running"), "before the start")
		require.NoError(t, pool.Start(t.Context()))
		var stops sync.WaitGroup
		for range 20 {
			for _, name := range []string{"ended", "running"} {
				stops.Go(func() { assert.NoError(t, pool.StopWorker(t.Context(), name)) })
			}
		}
		stops.Wait()
		require.NoError(t, pool.Stop())
		require.NoError(t, pool.StopWorker(t.Context(), "running"), "after the stop")
	})
}

// failSoon fails once all others have begun.
func failSoon(context.Context) error {
	time.Sleep(time.Second)

	return errors.New("boom")
}

// TestHistoryAllErrorsAreTold: oklog/run tells of the first error only; controller-runtime lost those that came while it was stopping.
func TestHistoryAllErrorsAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("first", failSoon), worker.WithStopPoolOnFailure()), worker.WithWorker(do("second", failLate)),
			worker.WithWorker(do("third", failLate), worker.WithStopStage(1)))
		require.EqualError(t, pool.Run(t.Context()), "worker first: boom\nworker second: boom\nworker third: boom")
	})
}

// TestHistoryManyFailuresAtOnce: with controller-runtime, runnables that failed at the same time blocked on a channel of errors that
// only the first one was read from.
func TestHistoryManyFailuresAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t)
		for i := range 200 {
			pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), failSoon), worker.WithStopPoolOnFailure()))
		}
		assert.Len(t, separate(pool.Run(t.Context())), 200)
	})
}

// TestHistoryNothingToRun: oklog/run returns at once from a group without actors, others waited for ever.
func TestHistoryNothingToRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t)
		require.NoError(t, pool.Run(t.Context()))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Wait(t.Context()))
		require.NoError(t, pool.Stop())
		assert.Zero(t, time.Since(start))
	})
}

// TestHistoryAllAreInterruptedWhenOnePanics: a panic in one actor of oklog/run ends the process, and no other one is interrupted.
func TestHistoryAllAreInterruptedWhenOnePanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cleaned := false
		pool := newPool(t,
			worker.WithWorker(do("actor", func(context.Context) error { time.Sleep(time.Second); panic("ouch") }), worker.WithStopPoolOnFailure()),
			worker.WithWorker(do("other", func(ctx context.Context) error { defer func() { cleaned = true }(); return block(ctx) })))
		require.EqualError(t, pool.Run(t.Context()), "worker actor: recovered panic: ouch")
		assert.True(t, cleaned)
	})
}

// TestHistoryTypedNilErrorEndsInAnError: oklog/run and errgroup take a typed nil for an error, and whoever prints it panics.
func TestHistoryTypedNilErrorEndsInAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { return (*panickyError)(nil) })))
		err := pool.Run(t.Context())
		require.Error(t, err)
		assert.Equal(t, "worker job: <nil>", err.Error())
		assert.Equal(t, "<nil>", pool.Report().Workers[0].LastError)
	})

	// Those with an Unwrap too, though that is asked of a nil pointer.
	for _, err := range []error{(*net.OpError)(nil), (*fs.PathError)(nil), (*worker.PanicError)(nil), (*worker.StopError)(nil)} {
		t.Run(fmt.Sprintf("%T", err), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, run := range []run{
					func(context.Context) error { return err },
					func(ctx context.Context) error { <-ctx.Done(); return err },
				} {
					pool := newPool(t, worker.WithWorker(do("job", run), worker.WithMiddlewares(worker.NewTracingMiddleware())))
					require.NoError(t, pool.Start(t.Context()))
					synctest.Wait()
					require.NoError(t, pool.Stop())
					assert.True(t, execution(t, pool, "job").HasEvent("stopping execution attempt 1/1 with error: <nil>"), messages(execution(t, pool, "job")))
				}
			})
		})
	}
}

// TestHistoryStopFromInside: a suture service that stopped its own supervisor, and a runnable that stopped its manager, waited for
// themselves. A context bounds that, and its end tells who.
func TestHistoryStopFromInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var pool *worker.WorkerPool
		var err error
		pool = newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			err = pool.Shutdown(ctx) // is done as soon as the stop has begun
			return nil
		})))
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.Wait(t.Context()))
		require.ErrorIs(t, err, worker.ErrStopTimeout)
		require.ErrorContains(t, err, "job (running")
		require.NoError(t, pool.Stop())
		assert.Zero(t, time.Since(start))
	})
}

// TestHistoryStopWithoutABound: controller-runtime took a timeout of 0 for no time at all, and a negative one for the past.
func TestHistoryStopWithoutABound(t *testing.T) {
	for _, timeout := range []time.Duration{0, -time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithGlobalStopTimeout(timeout), worker.WithWorker(do("job", func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(24 * time.Hour)

					return nil
				})))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())
				assert.Equal(t, 24*time.Hour, time.Since(start))
			})
		})
	}
}

// TestHistoryRestartWhileItFails: suture lost services that failed in the moment in which they were removed or replaced.
func TestHistoryRestartWhileItFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var alive, most atomic.Int32
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error {
			most.Store(max(most.Load(), alive.Add(1)))
			defer alive.Add(-1)
			time.Sleep(time.Millisecond)

			return errors.New("boom")
		}), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0))))
		require.NoError(t, pool.Start(t.Context()))
		var restarts sync.WaitGroup
		for range 4 {
			restarts.Go(func() {
				for range 100 {
					time.Sleep(time.Millisecond)
					assert.NoError(t, pool.RestartWorker(t.Context(), "job"))
				}
			})
		}
		restarts.Wait()
		synctest.Wait()
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
		assert.EqualValues(t, 1, most.Load())
		require.NoError(t, pool.Stop())
	})
}
