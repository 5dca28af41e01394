package migrating_test

import (
	"context"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func runErrgroup(ctx context.Context, produce, consume func(ctx context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return produce(ctx) })
	group.Go(func() error { return consume(ctx) })

	return group.Wait()
}

func runFromErrgroup(ctx context.Context, produce, consume func(ctx context.Context) error) error {
	return worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("producer", produce), worker.WithStopPoolOnFailure()),
		worker.WithWorker(worker.NewFuncWorker("consumer", consume), worker.WithStopPoolOnFailure()),
	).Run(ctx)
}

func TestErrgroup(t *testing.T) {
	for name, test := range map[string]struct {
		run       func(ctx context.Context, produce, consume func(ctx context.Context) error) error
		failed    string
		cancelled error
	}{
		"before": {runErrgroup, "no connection", context.Canceled},
		"after":  {runFromErrgroup, "worker producer: no connection", nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.run(t.Context(), func(context.Context) error { return errNoConnection }, block)
			require.EqualError(t, err, test.failed, "the other one has ended with its context's error, and does not appear")
			require.ErrorIs(t, err, errNoConnection)

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			assert.Equal(t, test.cancelled, test.run(ctx, block, block))

			done := func(context.Context) error { return nil }
			require.NoError(t, test.run(t.Context(), done, done))
		})
	}
}
