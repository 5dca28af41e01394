package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlakyFailsPanicsAndRunsOn(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		pool := newTestPool(t, newFlaky())
		require.NoError(t, pool.Start(ctx))

		execution, err := pool.Execution(flakyName)
		require.NoError(t, err)

		<-time.After(flakyDelay + flakyBackoff - 1)
		synctest.Wait()
		assert.Equal(t, worker.Waiting, execution.Status())

		<-time.After(flakyDelay)
		synctest.Wait()
		assert.Equal(t, worker.Running, execution.Status())
		assert.Equal(t, 2, execution.CurrentExecutionAttempt())

		<-time.After(time.Hour)
		synctest.Wait()
		assert.Equal(t, 3, execution.CurrentExecutionAttempt())
		assert.Equal(t, worker.Running, execution.Status())

		require.NoError(t, pool.Stop())
		assert.NoError(t, pool.Wait(ctx))
		assert.True(t, execution.HasEvent("stopping execution attempt 1/3 with error: "+errFlaky.Error()))
		assert.True(t, execution.HasEvent("stopping execution attempt 2/3 with recovered panic: "+flakyPanic))
		assert.Equal(t, 1, logs.count("recovered, running on"))
	})
}

// A stop leaves a worker that has just failed as it is. Flaky's two failures are
// no reason for the service to fail even then; another worker's is.
func TestRunPoolLeavesOutWhatFlakyShows(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		worker   worker.Worker
		attempts int // at the end of which the service is stopped
		want     string
	}{
		"flaky's error":      {newFlaky(), 1, ""},
		"flaky's panic":      {newFlaky(), 2, ""},
		"flaky's last error": {failing{flakyName}, 3, "worker flaky: it does"},
		"another's error":    {failing{"other"}, 1, "worker other: it does"},
	}

	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				pool := newTestPool(t, test.worker, worker.WithMiddlewares(&afterAttempts{n: test.attempts, do: cancel}))

				err := runPool(ctx, pool)
				if test.want == "" {
					assert.NoError(t, err)
				} else {
					assert.EqualError(t, err, test.want)
				}

				execution, err := pool.Execution(test.worker.Name())
				require.NoError(t, err)
				assert.Equal(t, worker.Error, execution.Status(), "or there is nothing to leave out")
			})
		})
	}
}

// newTestPool returns a pool of that worker, restarted as flaky is.
func newTestPool(t *testing.T, w worker.Worker, options ...worker.WorkerExecutionOption) *worker.WorkerPool {
	t.Helper()

	options = append(options,
		worker.WithMaxExecutionsAttempts(flakyAttempts),
		worker.WithBackoff(worker.ConstantBackoff(flakyBackoff)),
	)
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w, options...))
	require.NoError(t, err)

	return pool
}

var errFailing = errors.New("it does")

// failing is a worker that fails at once.
type failing struct {
	name string
}

func (f failing) Name() string {
	return f.name
}

func (f failing) Run(context.Context) error {
	return errFailing
}

// afterAttempts is a middleware that calls do at the end of the n-th attempt.
type afterAttempts struct {
	n  int
	do func()
}

func (a *afterAttempts) Name() string {
	return "afterAttempts"
}

func (a *afterAttempts) Handle() worker.MiddlewareFunc {
	return func(next worker.HandlerFunc) worker.HandlerFunc {
		return func(ctx context.Context) error {
			defer func() {
				a.n--
				if a.n == 0 {
					a.do()
				}
			}()

			return next(ctx)
		}
	}
}
