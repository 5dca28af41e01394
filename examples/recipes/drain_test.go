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

// consumer handles orders one by one.
type consumer struct {
	orders    <-chan string
	handle    func(ctx context.Context, order string) error
	drainTime time.Duration
}

func (c *consumer) Name() string { return "consumer" }

func (c *consumer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case order := <-c.orders:
			// The stop ends the loop, but no order halfway.
			if err := c.handle(context.WithoutCancel(ctx), order); err != nil {
				return err
			}
		case <-ctx.Done():
		}
	}

	return c.drain(context.WithoutCancel(ctx))
}

// drain handles what was accepted before the stop, as far as its time goes.
func (c *consumer) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.drainTime)
	defer cancel()

	for {
		select {
		case order := <-c.orders:
			if err := c.handle(ctx, order); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func newOrders(producer worker.Worker, consumer *consumer) *worker.WorkerPool {
	return worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(25*time.Second),
		worker.WithWorker(producer),
		worker.WithWorker(consumer, worker.WithStopStage(1)), // is stopped once the producer has ended
	)
}

func TestDrain(t *testing.T) {
	cases := map[string]struct {
		perOrder time.Duration
		handled  []string
		took     time.Duration
		status   worker.WorkerStatus
	}{
		"all that was accepted": {2 * time.Second, []string{"order 1", "order 2", "order 3"}, 6 * time.Second, worker.Success},
		"no longer than told":   {8 * time.Second, []string{"order 1", "order 2"}, 18 * time.Second, worker.Error},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				orders := make(chan string, 10)
				producer := worker.NewFuncWorker("producer", func(ctx context.Context) error {
					for i := range 3 {
						orders <- fmt.Sprintf("order %d", i+1)
					}
					<-ctx.Done()

					return nil
				})

				var handled []string
				handle := func(ctx context.Context, order string) error {
					select {
					case <-time.After(test.perOrder):
						handled = append(handled, order)

						return nil
					case <-ctx.Done():
						return fmt.Errorf("%s: %w", order, ctx.Err())
					}
				}

				pool := newOrders(producer, &consumer{orders, handle, 10 * time.Second})
				require.NoError(t, pool.Start(context.Background()))
				synctest.Wait()

				stop := time.Now()
				require.NoError(t, pool.Stop())
				assert.Equal(t, test.handled, handled)
				assert.Equal(t, test.took, time.Since(stop))
				assert.Equal(t, test.status, status(pool, "consumer"))
			})
		})
	}
}
