package recipes_test

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

// A reader and its writer share a connection: where one has given up, both start anew.
func newShop(newConnection, reader, writer, mailer worker.HandlerFunc) *worker.WorkerPool {
	billing := worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(10*time.Second),
		worker.WithWorker(worker.NewFuncWorker("reader", reader), worker.WithStopPoolOnFailure()),
		worker.WithWorker(worker.NewFuncWorker("writer", writer), worker.WithStopPoolOnFailure()),
	)

	return worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(20*time.Second),
		worker.WithWorker(worker.NewFuncWorker("mailer", mailer)),
		worker.WithWorker(
			worker.NewFuncWorker("billing", func(ctx context.Context) error {
				if err := newConnection(ctx); err != nil {
					return err
				}

				return billing.Run(ctx)
			}),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ExponentialBackoff(time.Second, time.Minute)),
			worker.WithHealthyAfter(time.Minute),
		),
	)
}

func TestNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		connections := 0
		pool := newShop(
			func(context.Context) error {
				connections++
				log = append(log, fmt.Sprint("connection ", connections))

				return nil
			},
			func(ctx context.Context) error {
				if connections == 1 {
					time.Sleep(time.Minute)

					return errNoConnection
				}

				return block(ctx)
			},
			func(ctx context.Context) error {
				<-ctx.Done()
				log = append(log, "writer: "+context.Cause(ctx).Error())

				return ctx.Err()
			},
			block,
		)
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Hour)
		assert.Equal(t, worker.Running, status(pool, "billing"))
		execution, err := pool.Execution("billing")
		require.NoError(t, err)
		require.EqualError(t, execution.LastError(), "worker reader: no connection")
		require.Len(t, pool.Report().Workers[0].Nested, 1)
		assert.Len(t, pool.Report().Workers[0].Nested[0].Workers, 2)
		require.NoError(t, pool.Stop())

		assert.Equal(t, []string{
			"connection 1",
			"writer: worker reader: no connection",
			"connection 2",
			"writer: worker pool was stopped",
		}, log)
		assert.Empty(t, pool.Report().Workers[0].Nested)
		assert.Equal(t, worker.Success, status(pool, "billing"), "Run returns nil where all ended well")
		assert.Equal(t, worker.Stopped, status(pool, "mailer"))
	})
}
