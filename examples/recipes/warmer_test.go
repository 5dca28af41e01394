package recipes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// warmTime is how long a cache may take to become ready, a failure not included.
const warmTime = 2 * time.Minute

func newCached(load worker.HandlerFunc, api worker.Worker) *worker.WorkerPool {
	warmer := worker.NewFuncWorker("cache", func(ctx context.Context) error {
		for {
			if err := load(ctx); err != nil {
				return err
			}
			worker.Ready(ctx) // the first call in an attempt counts

			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})

	return worker.NewWorkerPool(
		worker.WithWorker(warmer,
			worker.WithReadiness(warmTime), // one that takes longer is cancelled, and has failed
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ConstantBackoff(10*time.Second)),
		),
		worker.WithWorker(api, worker.WithDependsOn("cache"), worker.WithStopPoolOnFailure()),
	)
}

func TestCacheWarmer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, loads := time.Now(), 0
		var begun []time.Duration
		pool := newCached(
			func(ctx context.Context) error {
				switch loads++; loads {
				case 1: // it hangs
					return block(ctx)
				case 3: // an hour later
					return errNoConnection
				}
				time.Sleep(time.Minute)

				return nil
			},
			worker.NewFuncWorker("api", func(ctx context.Context) error {
				begun = append(begun, time.Since(start))

				return block(ctx)
			}),
		)
		require.NoError(t, pool.Start(t.Context()))

		time.Sleep(warmTime - 1)
		assert.Equal(t, map[string]worker.WorkerStatus{"cache": worker.Running, "api": worker.Pending}, pool.Health().NotReady)

		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, warmTime+10*time.Second+time.Minute, time.Since(start))

		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, map[string]worker.WorkerStatus{"cache": worker.Waiting}, pool.Health().NotReady)
		assert.Equal(t, worker.Running, status(pool, "api"), "it goes on with what is in the cache")

		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, []time.Duration{warmTime + 10*time.Second + time.Minute}, begun, "once")
		require.NoError(t, pool.Stop())
	})
}

// An optional cache keeps nobody from being ready but those that depend on it, until they have begun.
func TestOptionalCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := worker.NewWorkerPool(
			worker.WithWorker(worker.NewFuncWorker("cache", func(ctx context.Context) error {
				time.Sleep(time.Minute)
				worker.Ready(ctx)
				time.Sleep(time.Minute)

				return errNoConnection
			}), worker.WithReadiness(warmTime), worker.WithOptional()),
			worker.WithWorker(worker.NewFuncWorker("api", block), worker.WithDependsOn("cache")),
		)
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, map[string]worker.WorkerStatus{"api": worker.Pending}, pool.Health().NotReady)

		require.NoError(t, pool.WaitReady(t.Context()))
		time.Sleep(time.Hour)
		assert.Equal(t, worker.Error, status(pool, "cache"))
		assert.True(t, pool.Health().Ready)
		require.NoError(t, pool.Stop())
	})
}
