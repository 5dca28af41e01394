package worker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Calls that overlap: a request during a stop, a stop that times out before a restart, a beat during a drain.

func TestRestartOnAStoppingPoolIsRefusedAndDoesNothing(t *testing.T) {
	for name, stop := range map[string]func(t *testing.T, pool *worker.WorkerPool, cancel func()){
		"stopped by Stop":                   func(t *testing.T, pool *worker.WorkerPool, _ func()) { go func() { assert.NoError(t, pool.Stop()) }() },
		"stopped by the end of its context": func(_ *testing.T, _ *worker.WorkerPool, cancel func()) { cancel() },
		"stopped by a worker":               func(_ *testing.T, pool *worker.WorkerPool, _ func()) { pool.Register(failing()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("producer", drain(10*time.Second))),
					worker.WithWorker(do("consumer", drain(time.Second)), worker.WithStopStage(1)))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				require.NoError(t, pool.Start(ctx))
				synctest.Wait()
				stop(t, pool, cancel)
				synctest.Wait()
				time.Sleep(time.Second)

				for _, name := range []string{"producer", "consumer"} { // the one that was told, and the one whose turn has not come
					require.ErrorIs(t, pool.RestartWorker(t.Context(), name), worker.ErrPoolNotStarted)
				}
				assert.Equal(t, time.Second, time.Since(start), "at once")
				require.NoError(t, pool.Stop())
				assert.Equal(t, start.Add(10*time.Second), execution(t, pool, "producer").EndedAt().UTC())
				assert.Equal(t, start.Add(11*time.Second), execution(t, pool, "consumer").EndedAt().UTC(), "in its stage")
			})
		})
	}
}

func failing() *worker.WorkerRegistration {
	return worker.NewWorkerRegistration(do("failing", fail), worker.WithStopPoolOnFailure())
}

func TestRestartOutlivesItsCaller(t *testing.T) {
	for name, request := range map[string]func(t *testing.T, pool *worker.WorkerPool){
		"that timed out": func(t *testing.T, pool *worker.WorkerPool) {
			require.ErrorIs(t, pool.RestartWorker(within(t, time.Second), "job"), worker.ErrStopTimeout)
		},
		"whose caller has left": func(t *testing.T, pool *worker.WorkerPool) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			err := pool.RestartWorker(ctx, "job")
			require.ErrorIs(t, err, context.Canceled)
			var stop *worker.StopError
			require.ErrorAs(t, err, &stop)
		},
		"after a StopWorker": func(t *testing.T, pool *worker.WorkerPool) {
			require.ErrorIs(t, pool.StopWorker(within(t, time.Second/2), "job"), worker.ErrStopTimeout)
			require.ErrorIs(t, pool.RestartWorker(within(t, time.Second/2), "job"), worker.ErrStopTimeout)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", drain(time.Minute))))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				request(t, pool)
				assert.Equal(t, time.Second, time.Since(start))

				time.Sleep(time.Minute)
				e := execution(t, pool, "job")
				assert.Equal(t, []string{"+1m0s id-2 starting execution attempt 1/1"}, timeline(e))
				assert.Equal(t, worker.Running, e.Status())
				require.NoError(t, pool.Stop())
			})
		})
	}
}

func TestTheLastRequestWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", drain(time.Minute))))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.ErrorIs(t, pool.RestartWorker(within(t, time.Second), "job"), worker.ErrStopTimeout)
		require.ErrorIs(t, pool.StopWorker(within(t, time.Second), "job"), worker.ErrStopTimeout)
		time.Sleep(time.Hour)

		assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
		require.NoError(t, pool.RestartWorker(t.Context(), "job"))
		synctest.Wait()
		restarted := make(chan error, 1)
		go func() { restarted <- pool.RestartWorker(t.Context(), "job") }()
		synctest.Wait()
		require.NoError(t, pool.Stop(), "the pool's stop wins over a restart that is under way")
		require.ErrorIs(t, <-restarted, worker.ErrPoolNotStarted)
		assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
	})
}

func TestWorkerAsksForItsOwnRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var pool *worker.WorkerPool
		runs := 0
		pool = newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			if runs++; runs == 1 {
				assert.ErrorIs(t, pool.RestartWorker(within(t, time.Second), "job"), worker.ErrStopTimeout)
			}
			return block(ctx)
		})))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		synctest.Wait()

		assert.Equal(t, 2, runs)
		assert.Equal(t, []string{"+1s id-2 starting execution attempt 1/1"}, timeline(execution(t, pool, "job")))
		require.NoError(t, pool.Stop())
	})
}

// TestHeartbeatIsWatchedAfterAStopThatTimedOut: a worker that falls silent while it drains is told of, whoever told it to stop.
func TestHeartbeatIsWatchedAfterAStopThatTimedOut(t *testing.T) {
	for name, request := range map[string]func(pool *worker.WorkerPool, ctx context.Context) error{
		"RestartWorker": func(pool *worker.WorkerPool, ctx context.Context) error { return pool.RestartWorker(ctx, "job") },
		"StopWorker":    func(pool *worker.WorkerPool, ctx context.Context) error { return pool.StopWorker(ctx, "job") },
		"Shutdown":      func(pool *worker.WorkerPool, ctx context.Context) error { return pool.Shutdown(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", drain(24*time.Hour)), worker.WithHeartbeat(10*time.Second)))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.ErrorIs(t, request(pool, within(t, time.Second)), worker.ErrStopTimeout)
				assert.True(t, pool.Health().Live)
				time.Sleep(10 * time.Second)

				assert.Equal(t, worker.Stuck, execution(t, pool, "job").Status())
				assert.False(t, pool.Health().Live)
				require.NoError(t, pool.Stop())
			})
		})
	}
}

func TestBeatDuringADrainClearsStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			<-ctx.Done() // told at 5 s, silent until 15 s
			time.Sleep(10 * time.Second)
			for range 30 {
				worker.Heartbeat(ctx)
				time.Sleep(time.Second)
			}
			return nil
		}), worker.WithHeartbeat(10*time.Second)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(5 * time.Second)
		go func() { assert.NoError(t, pool.Stop()) }()
		time.Sleep(8 * time.Second)
		assert.Equal(t, worker.Stuck, execution(t, pool, "job").Status())
		assert.False(t, pool.Health().Live)

		time.Sleep(4 * time.Second)
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
		assert.True(t, pool.Health().Live, "for the rest of the drain")
		require.NoError(t, pool.Stop())
		assert.Equal(t, worker.Success, execution(t, pool, "job").Status(), "told to stop before it was silent")
	})
}

// TestMissedHeartbeatIsAFailureWhateverRunReturns: also where the worker beats again before, by whatever timing.
func TestMissedHeartbeatIsAFailureWhateverRunReturns(t *testing.T) {
	for _, after := range []time.Duration{0, 1, time.Second - 1, time.Second, time.Second + 1, time.Minute} {
		for name, err := range map[string]error{"nil": nil, "its context's error": context.Canceled, "its cause": worker.ErrHeartbeatMissed} {
			t.Run(fmt.Sprintf("%s, %s after a beat", name, after), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
						<-ctx.Done()
						worker.Heartbeat(ctx)
						time.Sleep(after)
						return err
					}), worker.WithHeartbeat(10*time.Second)))
					require.ErrorIs(t, pool.Run(t.Context()), worker.ErrHeartbeatMissed)
					assert.Equal(t, worker.Error, execution(t, pool, "job").Status())
				})
			})
		}
	}
}

func TestConsumerThatReturnsNilAfterASlowMessageIsRunAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("consumer", func(ctx context.Context) error {
			<-ctx.Done() // in the midst of a slow message
			worker.Heartbeat(ctx)
			time.Sleep(2 * time.Second)
			return nil
		}), worker.WithHeartbeat(10*time.Second), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ConstantBackoff(0))))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(61 * time.Second)
		assert.Equal(t, 6, execution(t, pool, "consumer").CurrentExecutionAttempt())
		assert.Equal(t, 5, execution(t, pool, "consumer").ConsecutiveFailures())
		require.NoError(t, pool.Stop())
		assert.Equal(t, worker.Success, execution(t, pool, "consumer").Status(), "it was stopped, and returned nil")
	})
}

func TestAttemptThatHangsIsNeverHealthy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", block), worker.WithHeartbeat(2*time.Minute), worker.WithHealthyAfter(time.Minute),
			worker.WithMaxExecutionsAttempts(3)))
		require.ErrorIs(t, pool.Run(t.Context()), worker.ErrHeartbeatMissed)
		assert.Equal(t, 6*time.Minute, time.Since(start), "given up after three attempts")
		assert.Equal(t, 3, execution(t, pool, "job").ConsecutiveFailures())
	})
}

// A heartbeat's timeout may be far longer than the time after which a worker is healthy.
func TestBeatBeforeAWorkerIsHealthyDoesNotMakeItHealthy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(worker.NewPeriodicWorker("job", time.Minute, block), worker.WithHeartbeat(10*time.Minute),
			worker.WithHealthyAfter(30*time.Second), worker.WithMaxExecutionsAttempts(3)))
		require.ErrorIs(t, pool.Run(within(t, time.Hour)), worker.ErrHeartbeatMissed, "each beats at its begin, and hangs")
		assert.Equal(t, 33*time.Minute, time.Since(start), "given up after three attempts")
		assert.Equal(t, 3, execution(t, pool, "job").ConsecutiveFailures())
	})
}

func TestBeatsOfAnAttemptThatIsShorterThanItsHeartbeat(t *testing.T) {
	beats := func(ctx context.Context) error {
		for range 40 {
			worker.Heartbeat(ctx)
			time.Sleep(time.Second)
		}
		return errors.New("boom")
	}
	for healthyAfter, attempts := range map[time.Duration]int{30 * time.Second: 10, 50 * time.Second: 3} {
		t.Run(healthyAfter.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ran := 0
				e := script(t, 10*40*time.Second-time.Second, do("job", func(ctx context.Context) error { ran++; return beats(ctx) }),
					worker.WithHeartbeat(time.Hour), worker.WithHealthyAfter(healthyAfter), worker.WithMaxExecutionsAttempts(3))
				assert.Equal(t, attempts, ran)
				assert.LessOrEqual(t, e.ConsecutiveFailures(), 3)
			})
		})
	}
}

func TestTimeInAMiddlewareIsNotHealth(t *testing.T) {
	locks := middleware("lock", func(ctx context.Context, next worker.HandlerFunc) error {
		time.Sleep(time.Hour)
		return next(ctx)
	})
	never := middleware("lock", func(context.Context, worker.HandlerFunc) error {
		time.Sleep(time.Hour)
		return errors.New("no lock")
	})
	after := middleware("flush", func(ctx context.Context, next worker.HandlerFunc) error {
		err := next(ctx)
		time.Sleep(time.Hour)
		return err
	})
	again := middleware("retry", func(ctx context.Context, next worker.HandlerFunc) error {
		_ = next(ctx)
		time.Sleep(time.Hour)
		return next(ctx)
	})
	wrappers := map[string]worker.Middleware{"before": locks, "without Run": never, "after": after, "between two runs": again}
	for name, wrapper := range wrappers {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", fail), worker.WithMiddlewares(wrapper), worker.WithHealthyAfter(time.Minute),
					worker.WithMaxExecutionsAttempts(3)))
				require.Error(t, pool.Run(within(t, 24*time.Hour)))
				assert.Equal(t, 3*time.Hour, time.Since(start))
			})
		})
	}
}

func TestRowOfFailuresIsOverOnceTheAttemptIsHealthy(t *testing.T) {
	beats := func(ctx context.Context) error {
		for ctx.Err() == nil {
			worker.Heartbeat(ctx)
			time.Sleep(time.Second)
		}
		return ctx.Err()
	}
	for name, test := range map[string]struct {
		run     run
		options []worker.WorkerExecutionOption
	}{
		"alone":             {run: block},
		"in a middleware":   {run: block, options: []worker.WorkerExecutionOption{worker.WithMiddlewares(middleware("m", nil))}},
		"with a heartbeat ": {run: beats, options: []worker.WorkerExecutionOption{worker.WithHeartbeat(5 * time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(inOrder("job", fail, fail, test.run), append(test.options,
					worker.WithMaxExecutionsAttempts(5), worker.WithHealthyAfter(time.Minute))...))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(time.Minute - time.Second)
				failures := func() []any {
					return []any{pool.Report().Workers[0].ConsecutiveFailures, metricsText(t, pool.Metrics(), "worker_consecutive_failures")}
				}
				assert.Equal(t, []any{2, []string{`worker_consecutive_failures{worker="job"} 2`}}, failures())
				time.Sleep(2 * time.Second)
				assert.Equal(t, []any{0, []string{`worker_consecutive_failures{worker="job"} 0`}}, failures())
				time.Sleep(24 * time.Hour)
				assert.Equal(t, 0, execution(t, pool, "job").ConsecutiveFailures())
				require.NoError(t, pool.Stop())
			})
		})
	}
}

func TestSuccessIsNotSlowedDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		runs := 0
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { runs++; return nil }),
			worker.WithRestartPolicy(worker.RestartAlways), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(10 * time.Minute)
		require.NoError(t, pool.Stop())
		assert.GreaterOrEqual(t, runs, int(10*time.Minute/(100*time.Millisecond)), "each after the shortest backoff")
	})
	assert.LessOrEqual(t, worker.ExponentialBackoff(time.Second, time.Minute)(0, nil), time.Second)
}

func TestBeatReachesTheWorkersOutside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nest := func(name string, inner worker.Worker) worker.Worker {
			return do(name, func(ctx context.Context) error { return newPool(t, worker.WithWorker(inner)).Run(ctx) })
		}
		beats := do("innermost", func(ctx context.Context) error {
			for ctx.Err() == nil {
				worker.Heartbeat(ctx)
				time.Sleep(time.Second)
			}
			return ctx.Err()
		})
		pool := newPool(t, worker.WithWorker(nest("outer", nest("inner", beats)), worker.WithHeartbeat(10*time.Second)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"+0s id-1 starting execution attempt 1/1"}, timeline(execution(t, pool, "outer")))
		require.NoError(t, pool.Stop())
	})
}
