package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type valueKey struct{}

var errOnPurpose = errors.New("on purpose")

// runOnce runs a pool with one worker until that has ended, or the stop has.
func runOnce(t *testing.T, ctx context.Context, run func(context.Context) error, stop error, options ...worker.WorkerExecutionOption) {
	t.Helper()

	pool := newPool(t, worker.WithWorker(do("job", run), options...))
	require.NoError(t, pool.Start(ctx))
	synctest.Wait()
	if stop != nil {
		require.NoError(t, pool.StopWorker(t.Context(), "job"))
	}
	time.Sleep(time.Minute)
	require.NoError(t, pool.Stop())
}

// TestCauseOfEachEnd asks a context why it has ended, some while it does, some only then.
func TestCauseOfEachEnd(t *testing.T) {
	because := errors.New("because")
	for name, test := range map[string]struct {
		returns error
		stop    error
		cancel  error
		options []worker.WorkerExecutionOption
		want    error
		err     error
	}{
		"success":         {want: context.Canceled, err: context.Canceled},
		"failure":         {returns: errOnPurpose, want: context.Canceled, err: context.Canceled},
		"stop":            {stop: worker.ErrWorkerStopped, want: worker.ErrWorkerStopped, err: context.Canceled},
		"Start's context": {cancel: because, want: because, err: context.Canceled},
		"timeout": {
			options: []worker.WorkerExecutionOption{worker.WithAttemptTimeout(time.Second)},
			want:    worker.ErrAttemptTimeout, err: context.DeadlineExceeded,
		},
		"not ready": {
			options: []worker.WorkerExecutionOption{worker.WithReadiness(time.Second)},
			want:    worker.ErrNotReady, err: context.Canceled,
		},
	} {
		for when, early := range map[string]bool{"asked before": true, "asked after": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					start, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					var its context.Context
					ends := test.stop != nil || test.cancel != nil || test.options != nil
					leave := make(chan struct{})
					run := func(ctx context.Context) error {
						its = ctx
						if early {
							assert.NoError(t, ctx.Err())
							assert.NoError(t, context.Cause(ctx))
						}
						if ends {
							<-leave
						}
						return test.returns
					}
					time.AfterFunc(10*time.Second, func() { close(leave) })
					if test.cancel != nil {
						time.AfterFunc(time.Second, func() { cancel(test.cancel) })
					}
					if test.stop != nil {
						time.AfterFunc(2*time.Second, func() { cancel(because) }) // too late to be the cause
					}
					runOnce(t, start, run, test.stop, test.options...)

					assert.Equal(t, test.err, its.Err())
					assert.Equal(t, test.want, context.Cause(its))
					select {
					case <-its.Done():
					default:
						t.Error("not done")
					}
				})
			})
		}
	}
}

// TestContextsOfAnAttempt derives contexts from an attempt's in each way that package context has.
func TestContextsOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := context.WithValue(t.Context(), valueKey{}, "of Start")
		var kept, afterEnd context.Context
		after := make(chan struct{})
		runOnce(t, start, func(ctx context.Context) error {
			valued := context.WithValue(ctx, valueKey{}, "own")
			child, cancel := context.WithTimeoutCause(valued, time.Hour, errOnPurpose)
			defer cancel()
			context.AfterFunc(child, func() { close(after) })
			kept = context.WithoutCancel(child)
			afterEnd = ctx

			deadline, ok := ctx.Deadline()
			assert.Zero(t, deadline)
			assert.False(t, ok)
			_, ok = child.Deadline()
			assert.True(t, ok)
			assert.Equal(t, "of Start", ctx.Value(valueKey{}))
			assert.Equal(t, "own", child.Value(valueKey{}))
			assert.Equal(t, "job", worker.CtxWorkerName(child))

			<-child.Done()
			assert.Equal(t, context.Canceled, child.Err())
			assert.Equal(t, worker.ErrWorkerStopped, context.Cause(child))
			return child.Err()
		}, worker.ErrWorkerStopped)

		<-after
		assert.NoError(t, kept.Err())
		assert.Equal(t, "own", kept.Value(valueKey{}))
		late, cancel := context.WithCancel(afterEnd)
		defer cancel()
		assert.Equal(t, context.Canceled, late.Err(), "a child of an attempt that is over")
	})
}

// TestDeadlineOfStartAndOfTheAttempt has the earlier one count.
func TestDeadlineOfStartAndOfTheAttempt(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Minute, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			start, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var left time.Duration
			runOnce(t, start, func(ctx context.Context) error {
				deadline, ok := ctx.Deadline()
				assert.True(t, ok)
				left = time.Until(deadline)
				return nil
			}, nil, worker.WithAttemptTimeout(timeout))

			want := time.Hour
			if timeout == time.Minute {
				want = timeout
			}
			assert.Equal(t, want, left)
		})
	}
}

// TestChildrenOfAnAttemptTakeNoGoroutine would see that of package context, which it starts for contexts that it does not know.
func TestChildrenOfAnAttemptTakeNoGoroutine(t *testing.T) {
	var children []context.CancelFunc
	pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
		before := runtime.NumGoroutine()
		for range 100 {
			_, cancel := context.WithCancel(context.WithValue(ctx, valueKey{}, 1))
			children = append(children, cancel)
		}
		assert.Less(t, runtime.NumGoroutine(), before+50)
		return nil
	})))
	require.NoError(t, pool.Run(t.Context()))
	for _, cancel := range children {
		cancel()
	}
}

// TestAllocations counts what the pool takes. The workers ask their contexts for nothing but its end, or for nothing at all.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	logger := zerolog.New(io.Discard)
	failed := func(ctx context.Context) func(n int) {
		return func(n int) {
			pool := worker.NewWorkerPool(worker.WithGlobalMaxEvents(10), worker.WithWorker(do("job", func(context.Context) error { return errOnPurpose }),
				worker.WithMaxExecutionsAttempts(n)))
			assert.ErrorIs(t, pool.Run(ctx), errOnPurpose)
		}
	}
	workers := make([]worker.Worker, 2000)
	for i := range workers {
		workers[i] = do(fmt.Sprint("worker", i), block)
	}
	for name, test := range map[string]struct {
		do   func(n int)
		most float64
	}{
		"a failed attempt":         {failed(t.Context()), 2},
		"a failed attempt, logged": {failed(logger.WithContext(t.Context())), 4},
		"a worker from its option to its end": {func(n int) {
			options := make([]worker.WorkerPoolOption, n)
			for i := range options {
				options[i] = worker.WithWorker(workers[i])
			}
			pool, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
			require.NoError(t, err)
			require.NoError(t, pool.Start(t.Context()))
			require.NoError(t, pool.WaitReady(t.Context()))
			require.NoError(t, pool.Stop())
		}, 14},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 1000
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the runtime keeps what goroutines wait with until a collection
			test.do(2 * n)
			of := func(n int) float64 { // the least, since others may allocate too
				least := math.Inf(1)
				for range 5 {
					least = min(least, testing.AllocsPerRun(1, func() { test.do(n) }))
				}
				return least
			}
			assert.LessOrEqual(t, (of(2*n)-of(n))/n, test.most+.3)
		})
	}
}
