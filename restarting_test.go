package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBackoffEndsTheMomentThePoolStops(t *testing.T) {
	for name, stop := range map[string]func(t *testing.T, pool *worker.WorkerPool) error{
		"Stop":       func(_ *testing.T, pool *worker.WorkerPool) error { return pool.Stop() },
		"StopWorker": func(t *testing.T, pool *worker.WorkerPool) error { return pool.StopWorker(t.Context(), "job") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", fail),
					worker.WithMaxExecutionsAttempts(3), worker.WithBackoff(worker.ConstantBackoff(time.Hour))))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(time.Minute)

				e := execution(t, pool, "job")
				assert.Equal(t, worker.Waiting, e.Status())
				assert.Equal(t, start.Add(time.Hour), e.NextAttemptAt().UTC())
				require.NoError(t, stop(t, pool))

				assert.Equal(t, time.Minute, time.Since(start))
				assert.Equal(t, []string{
					"+0s id-1 starting execution attempt 1/3",
					"+0s id-1 stopping execution attempt 1/3 with error: boom",
					"+0s id-1 restarting after error",
					"+0s id-1 waiting 1h0m0s before execution attempt 2/3",
					"+1m0s id-1 skipping restart on cancellation",
				}, timeline(e))
				assert.Equal(t, worker.Stopped, e.Status())
				assert.Zero(t, e.NextAttemptAt())
				require.NoError(t, pool.Stop())
				assert.NoError(t, pool.Wait(t.Context()), "stopped, not failed")
			})
		})
	}
}

func TestADayOfHourlyRestartsIs25Attempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, 24*time.Hour+time.Minute, do("job", fail),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(time.Hour)))

		assert.Equal(t, 25, e.CurrentExecutionAttempt())
		assert.Equal(t, 25, e.ConsecutiveFailures())
		want := []string{}
		for n := range 25 {
			want = append(want,
				fmt.Sprintf("+%s id-%d starting execution attempt %d/unlimited", time.Duration(n)*time.Hour, n+1, n+1),
				fmt.Sprintf("+%s id-%d stopping execution attempt %d/unlimited with error: boom", time.Duration(n)*time.Hour, n+1, n+1),
				fmt.Sprintf("+%s id-%d restarting after error", time.Duration(n)*time.Hour, n+1),
				fmt.Sprintf("+%s id-%d waiting 1h0m0s before execution attempt %d/unlimited", time.Duration(n)*time.Hour, n+1, n+2),
			)
		}
		assert.Equal(t, append(want, "+24h1m0s id-25 skipping restart on cancellation"), timeline(e))
	})
}

func TestFailureAfterAHealthyRunCountsAsTheFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []int
		backoff := func(failures int, err error) time.Duration {
			assert.EqualError(t, err, "boom")
			asked = append(asked, failures)
			return time.Duration(failures) * time.Second
		}
		healthy := takes(time.Minute, errors.New("boom"))
		e := script(t, time.Hour, inOrder("job", fail, fail, healthy, fail, fail),
			worker.WithMaxExecutionsAttempts(3), worker.WithHealthyAfter(time.Minute), worker.WithBackoff(backoff))

		assert.Equal(t, []int{1, 2, 1, 2}, asked)
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/3",
			"+0s id-1 stopping execution attempt 1/3 with error: boom",
			"+0s id-1 restarting after error",
			"+0s id-1 waiting 1s before execution attempt 2/3",
			"+1s id-2 starting execution attempt 2/3",
			"+1s id-2 stopping execution attempt 2/3 with error: boom",
			"+1s id-2 restarting after error",
			"+1s id-2 waiting 2s before execution attempt 3/3",
			"+3s id-3 starting execution attempt 3/3",
			"+1m3s id-3 stopping execution attempt 3/3 with error: boom",
			"+1m3s id-3 restarting after error",
			"+1m3s id-3 waiting 1s before execution attempt 2/3",
			"+1m4s id-4 starting execution attempt 2/3",
			"+1m4s id-4 stopping execution attempt 2/3 with error: boom",
			"+1m4s id-4 restarting after error",
			"+1m4s id-4 waiting 2s before execution attempt 3/3",
			"+1m6s id-5 starting execution attempt 3/3",
			"+1m6s id-5 stopping execution attempt 3/3 with error: boom",
			"+1m6s id-5 max execution attempts reached",
		}, timeline(e))
		assert.Equal(t, 3, e.ConsecutiveFailures())
		assert.EqualError(t, e.LastError(), "boom")
		assert.Equal(t, start.Add(66*time.Second), e.StartedAt().UTC())
		assert.Equal(t, start.Add(66*time.Second), e.EndedAt().UTC())
	})
}

func TestExponentialBackoffStaysInItsBounds(t *testing.T) {
	backoff := worker.ExponentialBackoff(100*time.Millisecond, 30*time.Second)
	for failures, d := range map[int]time.Duration{
		math.MinInt: 100 * time.Millisecond, 0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond,
		3: 400 * time.Millisecond, 9: 25600 * time.Millisecond, 10: 30 * time.Second, 63: 30 * time.Second, 64: 30 * time.Second,
		1 << 40: 30 * time.Second, math.MaxInt: 30 * time.Second,
	} {
		least, most := time.Duration(math.MaxInt64), time.Duration(0)
		for range 1000 {
			delay := backoff(failures, nil)
			least, most = min(least, delay), max(most, delay)
		}
		assert.GreaterOrEqual(t, least, d/2, "failure %d", failures)
		assert.LessOrEqual(t, most, d, "failure %d", failures)
		assert.Less(t, least, d*6/10, "the jitter uses its range")
		assert.Greater(t, most, d*9/10, "the jitter uses its range")
	}

	for name, bounds := range map[string][3]time.Duration{ // min, max, the greatest delay
		"negative min":    {-time.Second, time.Minute, 0},
		"negative max":    {time.Second, -time.Minute, 0},
		"min over max":    {time.Minute, time.Second, time.Second},
		"the longest max": {math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64},
		"one nanosecond":  {1, 1, 1},
	} {
		delay := worker.ExponentialBackoff(bounds[0], bounds[1])(1<<40, nil)
		assert.GreaterOrEqual(t, delay, bounds[2]/2, name)
		assert.LessOrEqual(t, delay, bounds[2], name)
	}
}

func TestNegativeBackoffIsNoWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Second, do("job", fail), worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(-time.Hour)))
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/2",
			"+0s id-1 stopping execution attempt 1/2 with error: boom",
			"+0s id-1 restarting after error",
			"+0s id-2 starting execution attempt 2/2",
			"+0s id-2 stopping execution attempt 2/2 with error: boom",
			"+0s id-2 max execution attempts reached",
		}, timeline(e))
	})
}

func TestPermanentErrorIsNotRestarted(t *testing.T) {
	for name, wrapped := range map[string]error{
		"itself":  worker.Permanent(io.EOF),
		"wrapped": fmt.Errorf("reading: %w", worker.Permanent(io.EOF)),
		"joined":  errors.Join(errors.New("other"), worker.Permanent(io.EOF)),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, time.Second, do("job", func(context.Context) error { return wrapped }),
					worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts))
				assert.Equal(t, []string{
					"+0s id-1 starting execution attempt 1/unlimited",
					"+0s id-1 stopping execution attempt 1/unlimited with error: " + wrapped.Error(),
					"+0s id-1 permanent error, not restarting",
				}, timeline(e))
				assert.Equal(t, worker.Error, e.Status())
				assert.ErrorIs(t, e.LastError(), io.EOF)
			})
		})
	}

	t.Run("the mark does not show", func(t *testing.T) {
		require.NoError(t, worker.Permanent(nil))
		assert.EqualError(t, worker.Permanent(io.EOF), "EOF")
		var marked interface{ Permanent() bool }
		require.ErrorAs(t, fmt.Errorf("x: %w", worker.Permanent(io.EOF)), &marked)
		assert.True(t, marked.Permanent())
	})
}

func TestUnlimitedAttemptsWithoutABackoffBackOffExponentially(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, 10*time.Minute, do("job", fail), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts))

		var before time.Time
		attempt := 0
		for _, event := range e.Events() {
			if event.Message() != fmt.Sprintf("starting execution attempt %d/unlimited", attempt+1) {
				continue
			}
			if attempt > 0 {
				d := min(100*time.Millisecond<<min(attempt-1, 20), 30*time.Second)
				assert.GreaterOrEqual(t, event.Timestamp().Sub(before), d/2, "attempt %d", attempt)
				assert.LessOrEqual(t, event.Timestamp().Sub(before), d, "attempt %d", attempt)
			}
			before = event.Timestamp()
			attempt++
		}
		assert.Greater(t, attempt, 20)
		assert.Equal(t, -1, e.MaxExecutionsAttempts())
	})
}

func TestRestartAlwaysKeepsBudgetAndBackoff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []error
		backoff := func(failures int, err error) time.Duration {
			asked = append(asked, err)
			return time.Duration(failures) * time.Second
		}
		e := script(t, time.Hour, inOrder("job", succeed, fail, succeed),
			worker.WithMaxExecutionsAttempts(3), worker.WithRestartPolicy(worker.RestartAlways), worker.WithBackoff(backoff))

		assert.Equal(t, []error{nil, errors.New("boom")}, asked)
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/3",
			"+0s id-1 stopping execution attempt 1/3 with success",
			"+0s id-1 restarting after success",
			"+0s id-2 starting execution attempt 2/3",
			"+0s id-2 stopping execution attempt 2/3 with error: boom",
			"+0s id-2 restarting after error",
			"+0s id-2 waiting 1s before execution attempt 3/3",
			"+1s id-3 starting execution attempt 3/3",
			"+1s id-3 stopping execution attempt 3/3 with success",
			"+1s id-3 max execution attempts reached",
		}, timeline(e))
		assert.Equal(t, worker.Success, e.Status())
		assert.Zero(t, e.ConsecutiveFailures())
	})

	t.Run("and ends with a stop", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			e := script(t, time.Minute, do("job", untilTold),
				worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithRestartPolicy(worker.RestartAlways))
			assert.Equal(t, []string{
				"+0s id-1 starting execution attempt 1/unlimited",
				"+1m0s id-1 stopping execution attempt 1/unlimited with success",
				"+1m0s id-1 skipping restart on cancellation",
			}, timeline(e))
			assert.Equal(t, worker.Success, e.Status())
		})
	})
}

func TestGlobalRestartOptionsAndTheWorkersOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var global, own atomic.Int32
		backoff := func(asked *atomic.Int32) worker.BackoffFunc {
			return func(int, error) time.Duration { asked.Add(1); return time.Second }
		}
		pool := newPool(t,
			worker.WithGlobalMaxExecutionsAttempts(3),
			worker.WithGlobalBackoff(backoff(&global)),
			worker.WithGlobalHealthyAfter(time.Hour),
			worker.WithGlobalRestartPolicy(worker.RestartAlways),
			worker.WithGlobalMiddlewares(middleware("global", nil)),
			worker.WithWorker(do("global", succeed)),
			worker.WithWorker(do("own", fail), worker.WithBackoff(backoff(&own)), worker.WithMiddlewares(middleware("own", nil))),
			worker.WithWorker(do("none", fail), worker.WithBackoff(nil)),
			worker.WithWorker(do("once", succeed), worker.WithRestartPolicy(worker.RestartOnFailure)),
		)
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		require.NoError(t, pool.Stop())

		assert.EqualValues(t, 2, global.Load())
		assert.EqualValues(t, 2, own.Load())
		assert.Equal(t, 3, execution(t, pool, "global").CurrentExecutionAttempt())
		assert.Equal(t, start, execution(t, pool, "none").EndedAt().UTC(), "no backoff")
		assert.Equal(t, 1, execution(t, pool, "once").CurrentExecutionAttempt())
		middlewares := execution(t, pool, "own").Middlewares()
		assert.Equal(t, []string{"global", "own"}, []string{middlewares[0].Name(), middlewares[1].Name()})
		assert.Len(t, execution(t, pool, "global").Middlewares(), 1, "one worker's do not reach another's")
	})

	_, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(do("job", succeed), worker.WithRestartPolicy(7)))
	require.EqualError(t, err, "worker job: unknown restart policy 7")
}

func TestDeferralSaysWhenTheAttemptIsDue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("soon", succeed), worker.WithDeferredStartThreshold(60)),
			worker.WithWorker(do("never", succeed), worker.WithDeferredStartThreshold(math.Inf(1))),
		)
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, start.Add(time.Minute), execution(t, pool, "soon").NextAttemptAt().UTC())
		assert.Zero(t, execution(t, pool, "never").NextAttemptAt())
		require.NoError(t, pool.Stop())
		assert.Zero(t, execution(t, pool, "soon").NextAttemptAt())
	})
}

func TestErrorsOfAnAttempt(t *testing.T) {
	for name, test := range map[string]struct {
		run  run
		want error
	}{
		"error":            {func(context.Context) error { return io.EOF }, io.EOF},
		"panic with error": {func(context.Context) error { panic(io.EOF) }, io.EOF},
		"Goexit":           {goexits, worker.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", test.run)))
				err := pool.Run(t.Context())
				require.ErrorIs(t, err, test.want)
				require.ErrorIs(t, execution(t, pool, "job").LastError(), test.want)

				var failed *worker.WorkerError
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, "job", failed.Worker)
				assert.Equal(t, "id-1", failed.ExecutionID)
				assert.Equal(t, 1, failed.Attempt)

				var panicked *worker.PanicError
				assert.Equal(t, name == "panic with error", errors.As(err, &panicked))
			})
		})
	}
}
