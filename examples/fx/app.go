// Package app holds the code of the recipe for Fx in docs/recipes.md.
package app

import (
	"context"
	"slices"
	"time"

	"github.com/ankorstore/yokai/fxworker"
	"github.com/ankorstore/yokai/worker"
	"go.uber.org/fx"
)

// Workers is what a service gives to yokai's fxcore.NewBootstrapper().WithOptions, beside what its workers depend on.
var Workers = fx.Options(
	fxworker.FxWorkerModule,
	withPoolOptions(worker.WithGlobalStopTimeout(10*time.Second)), // below fx.StopTimeout, so that the pool tells who hangs
	fxworker.AsWorker(NewConsumer, worker.WithMaxExecutionsAttempts(3), worker.WithStopPoolOnFailure()),
	fx.Invoke(endWithPool),
)

// withPoolOptions adds options to those that fxworker makes the pool with. Where both set one, these win.
func withPoolOptions(options ...worker.WorkerPoolOption) fx.Option {
	return fx.Decorate(func(factory worker.WorkerPoolFactory) worker.WorkerPoolFactory {
		return poolFactory{factory, options}
	})
}

type poolFactory struct {
	worker.WorkerPoolFactory
	options []worker.WorkerPoolOption
}

func (f poolFactory) Create(options ...worker.WorkerPoolOption) (*worker.WorkerPool, error) {
	return f.WorkerPoolFactory.Create(slices.Concat(options, f.options)...)
}

// endWithPool ends the application once the pool has ended: with status 1 if a worker has failed, so that it is started anew.
func endWithPool(lifecycle fx.Lifecycle, shutdowner fx.Shutdowner, pool *worker.WorkerPool) {
	lifecycle.Append(fx.StartHook(func() {
		go func() {
			status := 0
			if err := pool.Wait(context.Background()); err != nil {
				status = 1
			}
			_ = shutdowner.Shutdown(fx.ExitCode(status))
		}()
	}))
}

// startWithApp starts a pool that is made without fxworker. The context of OnStart ends with the start, and so would the pool.
func startWithApp(lifecycle fx.Lifecycle, pool *worker.WorkerPool) {
	lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error { return pool.Start(context.WithoutCancel(ctx)) },
		OnStop:  pool.Shutdown,
	})
}

// Consume is what a Consumer does.
type Consume func(ctx context.Context) error

// Consumer is a worker with a dependency.
type Consumer struct{ consume Consume }

// NewConsumer returns a Consumer.
func NewConsumer(consume Consume) *Consumer { return &Consumer{consume} }

// Name returns the name of the worker.
func (*Consumer) Name() string { return "consumer" }

// Run consumes until ctx is done.
func (c *Consumer) Run(ctx context.Context) error { return c.consume(ctx) }
