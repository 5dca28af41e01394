package migrating_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/oklog/run"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func runGroup(ctx context.Context, server *http.Server, listener net.Listener, consume func(ctx context.Context) error) error {
	var group run.Group
	group.Add(run.SignalHandler(ctx, os.Interrupt, syscall.SIGTERM))

	group.Add(func() error {
		return server.Serve(listener)
	}, func(error) {
		_ = server.Shutdown(context.Background())
	})

	consumeCtx, cancel := context.WithCancel(ctx)
	group.Add(func() error {
		return consume(consumeCtx)
	}, func(error) {
		cancel()
	})

	return group.Run()
}

func runFromGroup(ctx context.Context, server *http.Server, listener net.Listener, consume func(ctx context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()

	serve := fromActor("server", func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, func(error) {
		_ = server.Shutdown(context.Background())
	})

	return worker.NewWorkerPool(
		worker.WithWorker(serve, worker.WithStopPoolOnFailure()),
		worker.WithWorker(worker.NewFuncWorker("consumer", consume), worker.WithStopPoolOnFailure()),
	).Run(ctx)
}

// fromActor makes a worker of an actor. It ends once both functions have returned.
func fromActor(name string, execute func() error, interrupt func(error)) worker.Worker {
	return worker.NewFuncWorker(name, func(ctx context.Context) error {
		interrupted := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(interrupted)
			interrupt(context.Cause(ctx))
		})

		err := execute()
		if !stop() {
			<-interrupted
		}

		return err
	})
}

func TestOklogRun(t *testing.T) {
	for name, run := range map[string]func(context.Context, *http.Server, net.Listener, func(context.Context) error) error{
		"before": runGroup, "after": runFromGroup,
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)

			err = run(t.Context(), &http.Server{}, listener, func(context.Context) error { return errNoConnection })
			require.ErrorIs(t, err, errNoConnection, "one that fails ends all")
			require.Error(t, listener.Close(), "it is closed already")
		})
	}
}

func TestOklogRunCancelled(t *testing.T) {
	for name, test := range map[string]struct {
		run   func(context.Context, *http.Server, net.Listener, func(context.Context) error) error
		ended error
	}{
		"before": {runGroup, context.Canceled}, "after": {runFromGroup, nil},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			assert.Equal(t, test.ended, test.run(ctx, &http.Server{}, listener, block))
			_ = listener.Close()
		})
	}
}
