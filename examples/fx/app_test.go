package app

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ankorstore/yokai/fxcore"
	"github.com/ankorstore/yokai/fxworker"
	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"
)

const timeout = 10 * time.Second // for what takes a moment, so that only a hang exceeds it

func block(ctx context.Context) error {
	<-ctx.Done()

	return ctx.Err()
}

func newApp(t *testing.T, consume Consume, options ...fx.Option) (*fxtest.App, *worker.WorkerPool) {
	t.Helper()
	var pool *worker.WorkerPool
	app := fxcore.NewBootstrapper().BootstrapTestApp(t, fx.Options(options...), fx.Supply(consume), fx.Populate(&pool))

	return app, pool
}

func TestFailureEndsTheApplication(t *testing.T) {
	var attempts atomic.Int32
	app, _ := newApp(t, func(context.Context) error {
		attempts.Add(1)

		return errors.New("no connection")
	}, Workers)

	app.RequireStart()
	assert.Equal(t, 1, ended(t, app).ExitCode)
	assert.EqualValues(t, 3, attempts.Load())
	app.RequireStop()
	goleak.VerifyNone(t)
}

func TestEndOfAllWorkersEndsTheApplication(t *testing.T) {
	app, _ := newApp(t, func(context.Context) error { return nil }, Workers)

	app.RequireStart()
	assert.Equal(t, 0, ended(t, app).ExitCode)
	app.RequireStop()
	goleak.VerifyNone(t)
}

func TestSignalEndsTheApplication(t *testing.T) {
	app, pool := newApp(t, block, Workers)

	app.RequireStart()
	signals := app.Wait()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	assert.Equal(t, fx.ShutdownSignal{Signal: syscall.SIGTERM}, <-signals)
	app.RequireStop()
	assert.Equal(t, "stopped", pool.Report().Workers[0].Status.String())
	goleak.VerifyNone(t)
}

// The options of the pool are those of fxworker and of the recipe.
func TestPoolOptions(t *testing.T) {
	release := make(chan struct{})
	app, pool := newApp(t, func(context.Context) error {
		<-release

		return nil
	}, fxworker.FxWorkerModule, fxworker.AsWorker(NewConsumer), withPoolOptions(worker.WithGlobalStopTimeout(time.Millisecond)))

	app.RequireStart()
	require.Eventually(t, func() bool { return pool.Report().Workers[0].Status == worker.Running }, timeout, time.Millisecond)
	var hung *worker.StopError
	require.ErrorAs(t, app.Stop(context.Background()), &hung)
	assert.Equal(t, "consumer", hung.Workers[0].Name)
	close(release)
}

func TestStartWithApp(t *testing.T) {
	start := func(hook func(fx.Lifecycle, *worker.WorkerPool)) (*fx.App, *worker.WorkerPool) {
		pool := worker.NewWorkerPool(worker.WithWorker(NewConsumer(block)))
		app := fx.New(fx.NopLogger, fx.Supply(pool), fx.Invoke(hook))
		ctx, cancel := context.WithCancel(context.Background())
		require.NoError(t, app.Start(ctx))
		cancel() // as fx's own Run does once it has started

		return app, pool
	}
	wait := func(pool *worker.WorkerPool) error {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()

		return pool.Wait(ctx)
	}

	app, pool := start(startWithApp)
	require.ErrorIs(t, wait(pool), context.DeadlineExceeded, "it runs")
	require.NoError(t, app.Stop(context.Background()))
	require.NoError(t, wait(pool))

	_, pool = start(func(lifecycle fx.Lifecycle, pool *worker.WorkerPool) {
		lifecycle.Append(fx.Hook{OnStart: pool.Start, OnStop: pool.Shutdown})
	})
	require.NoError(t, wait(pool), "it has stopped with the start's context")
}

func ended(t *testing.T, app *fxtest.App) fx.ShutdownSignal {
	t.Helper()
	select {
	case signal := <-app.Wait():
		return signal
	case <-time.After(timeout):
		require.FailNow(t, "the application goes on")

		return fx.ShutdownSignal{}
	}
}
