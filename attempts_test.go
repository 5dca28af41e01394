package worker_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What an attempt is: a goroutine of its own, from its begin until Run has returned.

// goroutineID returns the number of the goroutine that it is called on.
func goroutineID() string {
	text := make([]byte, 64)

	return strings.Fields(string(text[:runtime.Stack(text, false)]))[1]
}

// deep needs a stack of some MB.
func deep(n int) int {
	var frame [1 << 10]byte
	if n == 0 {
		return int(frame[0])
	}

	return deep(n-1) + int(frame[n%len(frame)])
}

func TestEachAttemptHasAGoroutineOfItsOwn(t *testing.T) {
	ends := map[string]run{"an error": fail, "a panic": panics, "a Goexit": goexits, "a success": succeed}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var ids []string
				pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
					ids = append(ids, goroutineID())
					runtime.LockOSThread() // and never unlocked, so the thread dies with the goroutine
					assert.Zero(t, deep(1<<10))

					return end(ctx)
				}), worker.WithMaxExecutionsAttempts(20), worker.WithRestartPolicy(worker.RestartAlways)))
				_ = pool.Run(t.Context())

				require.Len(t, ids, 20)
				seen := map[string]bool{}
				for _, id := range ids {
					seen[id] = true
				}
				assert.Len(t, seen, 20)
			})
		})
	}
}

// TestNothingOfAnAttemptIsLeftOnItsGoroutine: the log writer, the listener and the next attempt run on a fresh one.
func TestNothingOfAnAttemptIsLeftOnItsGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var tainted string
		var attempts, told int
		var labels []string
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			label, _ := pprof.Label(ctx, "worker")
			labels = append(labels, label)
			if attempts++; attempts == 1 {
				tainted = goroutineID()
				runtime.LockOSThread()
				pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("worker", "somebody else", "mine", "too")))
				return errors.New("boom")
			}
			assert.Contains(t, labelsOfTheAttempt(), `{"worker":"job"}`)
			return nil
		}), worker.WithMaxExecutionsAttempts(2)),
			worker.WithGlobalListener(func(transition worker.Transition) {
				if told++; transition.Kind != worker.TransitionStarting || told > 1 {
					assert.NotEqual(t, tainted, goroutineID(), "%s", transition.Kind)
				}
			}))
		logs := logging(t, func(string) {
			if tainted != "" {
				assert.NotEqual(t, tainted, goroutineID())
			}
		})
		require.NoError(t, pool.Run(logs))
		assert.Equal(t, 5, told)
		assert.Equal(t, []string{"job", "job"}, labels)
	})
}

// labelsOfTheAttempt returns the profiler labels of the goroutine that it is called on, if that runs an attempt.
func labelsOfTheAttempt() string {
	var text strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
	for record := range strings.SplitSeq(text.String(), "\n\n") {
		if strings.Contains(record, "labelsOfTheAttempt") {
			_, labels, _ := strings.Cut(record, "# labels: ")
			labels, _, _ = strings.Cut(labels, "\n")

			return labels
		}
	}

	return ""
}

func TestEachRowOfTheTableSaysWhereItComesFrom(t *testing.T) {
	kinds := 0
	for kind := worker.TransitionKind(0); !strings.HasPrefix(kind.String(), "TransitionKind("); kind++ {
		kinds++
		from := 0
		for status := worker.Unknown; status <= worker.Pending; status++ {
			if kind.MayComeFrom(status) {
				from++
			}
		}
		assert.Positive(t, from, kind.String())
	}
	assert.Equal(t, 32, kinds)
	assert.True(t, worker.TransitionStarting.MayComeFrom(worker.Waiting))
	assert.False(t, worker.TransitionDeferring.MayComeFrom(worker.Running), "an attempt that ended before it began was deferred again")
	assert.False(t, worker.TransitionStoppedWhileDeferred.MayComeFrom(worker.Running))
	assert.False(t, worker.TransitionSucceeded.MayComeFrom(worker.Waiting))
}

func TestAttemptLastsUntilRunHasReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var alive, most atomic.Int32
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error {
			most.Store(max(most.Load(), alive.Add(1)))
			defer alive.Add(-1)
			time.Sleep(10 * time.Second)
			return nil
		}), worker.WithMiddlewares(timeoutMiddleware(time.Second)), worker.WithMaxExecutionsAttempts(3)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(5 * time.Second)
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status(), "although the middleware has returned")
		time.Sleep(20 * time.Second)
		require.NoError(t, pool.Stop())

		assert.Zero(t, alive.Load(), "Stop has waited for it")
		assert.EqualValues(t, 1, most.Load())
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/3",
			"+10s id-1 stopping execution attempt 1/3 with error: took too long",
			"+10s id-1 restarting after error",
			"+10s id-2 starting execution attempt 2/3",
			"+20s id-2 stopping execution attempt 2/3 with error: took too long",
			"+20s id-2 restarting after error",
			"+20s id-3 starting execution attempt 3/3",
			"+30s id-3 stopping execution attempt 3/3 with error: took too long",
			"+30s id-3 max execution attempts reached",
		}, timeline(execution(t, pool, "job")))
	})
}

func TestContextEndsWhenTheOutermostMiddlewareReturns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told time.Duration
		early := middleware("early", func(ctx context.Context, next worker.HandlerFunc) error {
			go func() { _ = next(ctx) }()
			time.Sleep(time.Second)
			return nil
		})
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			<-ctx.Done()
			told = time.Since(start)
			return ctx.Err()
		}), worker.WithMiddlewares(early)))
		require.NoError(t, pool.Run(t.Context()))
		assert.Equal(t, time.Second, told)
		assert.Equal(t, worker.Success, execution(t, pool, "job").Status(), "the outcome is the middleware's")
	})
}

// panicsBelow panics n calls further down.
func panicsBelow(n int) run {
	if n == 0 {
		return panics
	}

	return func(ctx context.Context) error { return panicsBelow(n - 1)(ctx) }
}

func TestRunThatMisbehavesBehindAMiddlewareThatHasLeft(t *testing.T) {
	for name, late := range map[string]run{"panics": panics, "panics in the deep": panicsBelow(200), "goexits": goexits} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
					time.Sleep(10 * time.Second)
					return late(ctx)
				}), worker.WithMiddlewares(timeoutMiddleware(time.Second))))
				require.EqualError(t, pool.Run(t.Context()), "worker job: took too long")
				assert.Equal(t, 10*time.Second, time.Since(start))

				pool = newPool(t, worker.WithWorker(do("job", late), worker.WithMiddlewares(timeoutMiddleware(time.Second))))
				require.Error(t, pool.Run(t.Context()), "the process goes on")
			})
		})
	}
}

// A middleware that tries anew, around one that does not wait for Run.
func TestNextThatIsCalledWhileRunIsRunning(t *testing.T) {
	again := middleware("again", func(ctx context.Context, next worker.HandlerFunc) error {
		if err := next(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		return next(ctx)
	})
	timeout := middleware("timeout", func(ctx context.Context, next worker.HandlerFunc) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		returned := make(chan error, 1)
		go func() { returned <- next(ctx) }()
		select {
		case err := <-returned:
			return err
		case <-ctx.Done():
			return errors.New("too late")
		}
	})
	for name, test := range map[string]struct {
		first  time.Duration // of Run, whatever its context
		begins []time.Duration
		last   string
	}{
		"ends soon":  {70 * time.Second, []time.Duration{0, 70 * time.Second}, "with success"},
		"never soon": {time.Hour, []time.Duration{0}, "with error: too late"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				running, begins := 0, []time.Duration(nil)
				pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error {
					running++
					assert.Equal(t, 1, running, "at the same time")
					begins = append(begins, time.Since(start))
					if len(begins) == 1 {
						time.Sleep(test.first)
					}
					running--
					return nil
				}), worker.WithMiddlewares(again, timeout)))
				_ = pool.Run(t.Context())
				assert.Equal(t, test.begins, begins)
				assert.Equal(t, max(test.first, 70*time.Second), time.Since(start))
				assert.Equal(t, "stopping execution attempt 1/1 "+test.last, messages(execution(t, pool, "job"))[1])
			})
		})
	}
}

func TestNextThatIsCalledTooLateRunsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var late error
		ran := false
		later := middleware("later", func(ctx context.Context, next worker.HandlerFunc) error {
			time.AfterFunc(time.Minute, func() { late = next(ctx) })
			return nil
		})
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { ran = true; return nil }), worker.WithMiddlewares(later)))
		require.NoError(t, pool.Run(t.Context()))
		assert.Zero(t, time.Since(start), "without Run, the attempt ends with its middleware")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.ErrorIs(t, late, context.Canceled)
		assert.False(t, ran)
	})
}

// TestNextThatIsCalledWhileTheAttemptEnds comes between the return of the outermost middleware and the end of the context.
func TestNextThatIsCalledWhileTheAttemptEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var late error
		ran := false
		leaves := middleware("leaves", func(ctx context.Context, next worker.HandlerFunc) error {
			return errorFunc(func() string {
				late = next(ctx)
				return "boom"
			})
		})
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { ran = true; return nil }), worker.WithMiddlewares(leaves)))
		require.Error(t, pool.Run(t.Context()))
		require.ErrorIs(t, late, context.Canceled, "not nil, as if Run had succeeded")
		assert.False(t, ran)
	})
}
