package worker_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMiddlewaresWrapEachAttempt(t *testing.T) {
	var calls []string
	note := func(name string) worker.Middleware {
		return middleware(name, func(ctx context.Context, next worker.HandlerFunc) error {
			calls = append(calls, name+" of "+worker.CtxWorkerName(ctx))
			defer func() { calls = append(calls, name+" done") }()

			return next(ctx)
		})
	}
	options := []worker.WorkerExecutionOption{
		worker.WithMaxExecutionsAttempts(2), worker.WithMiddlewares(note("outer")), worker.WithMiddlewares(note("inner")),
	}
	pool := newPool(t, worker.WithWorker(inOrder("job", fail, func(context.Context) error {
		calls = append(calls, "run")
		return nil
	}), options...))
	require.NoError(t, pool.Run(t.Context()))

	assert.Equal(t, []string{
		"outer of job", "inner of job", "inner done", "outer done", "outer of job", "inner of job", "run", "inner done", "outer done",
	}, calls)
	assert.Len(t, execution(t, pool, "job").Middlewares(), 2)
}

func TestMiddlewareDecidesTheOutcome(t *testing.T) {
	cases := map[string]struct {
		middleware worker.Middleware
		outcome    string
	}{
		"panic":     {middleware("m", func(context.Context, worker.HandlerFunc) error { panic("no") }), "with recovered panic: no"},
		"Goexit":    {middleware("m", func(context.Context, worker.HandlerFunc) error { runtime.Goexit(); return nil }), "with runtime.Goexit"},
		"swallowed": {middleware("m", func(context.Context, worker.HandlerFunc) error { return nil }), "with success"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", fail), worker.WithMiddlewares(test.middleware)))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())
				assert.Equal(t, "stopping execution attempt 1/1 "+test.outcome, messages(execution(t, pool, "job"))[1])
			})
		})
	}
}
