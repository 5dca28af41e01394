package migrating_test

import (
	"context"
	"errors"
	"log"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/thejerf/suture/v4"
)

func runSuture(ctx context.Context, mailer, indexer suture.Service) error {
	supervisor := suture.New("shop", suture.Spec{
		EventHook: func(e suture.Event) { log.Print(e) },
		Timeout:   20 * time.Second,
	})
	supervisor.Add(mailer)
	supervisor.Add(indexer)

	return supervisor.Serve(ctx)
}

func runFromSuture(ctx context.Context, mailer, indexer suture.Service) error {
	pool := worker.NewWorkerPool(
		worker.WithGlobalListener(func(t worker.Transition) { log.Print(t.Worker, ": ", t.Message) }),
		worker.WithGlobalStopTimeout(20*time.Second),
		worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
		worker.WithGlobalRestartPolicy(worker.RestartAlways),
		worker.WithGlobalBackoff(worker.ExponentialBackoff(100*time.Millisecond, 15*time.Second)),
		worker.WithGlobalHealthyAfter(30*time.Second),
		worker.WithWorker(worker.NewFuncWorker("mailer", mailer.Serve)),
		worker.WithWorker(worker.NewFuncWorker("indexer", indexer.Serve)),
	)

	return pool.Run(ctx)
}

// service is a suture.Service of a function.
type service func(ctx context.Context) error

func (s service) Serve(ctx context.Context) error { return s(ctx) }

func TestSuture(t *testing.T) {
	for name, test := range map[string]struct {
		run   func(ctx context.Context, mailer, indexer suture.Service) error
		ended error
	}{
		"before": {runSuture, context.Canceled},
		"after":  {runFromSuture, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log.SetOutput(t.Output())
				var mails, walks atomic.Int32
				endsOnce := func(attempts *atomic.Int32, first func() error) suture.Service {
					return service(func(ctx context.Context) error {
						if attempts.Add(1) == 1 {
							return first()
						}

						return block(ctx)
					})
				}
				mailer := endsOnce(&mails, func() error { panic("boom") })
				indexer := endsOnce(&walks, func() error { return nil })

				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- test.run(ctx, mailer, indexer) }()
				time.Sleep(time.Hour)
				cancel()

				assert.Equal(t, test.ended, <-ended)
				assert.Equal(t, int32(2), mails.Load(), "it was restarted after its panic")
				assert.Equal(t, int32(2), walks.Load(), "it was restarted after its nil")
			})
		})
	}
}

// fromSuture makes a worker of a service that returns suture's two errors.
func fromSuture(name string, s suture.Service) worker.Worker {
	return worker.NewFuncWorker(name, func(ctx context.Context) error {
		err := s.Serve(ctx)
		if errors.Is(err, suture.ErrDoNotRestart) || errors.Is(err, suture.ErrTerminateSupervisorTree) {
			return worker.Permanent(err)
		}

		return err
	})
}

func TestFromSuture(t *testing.T) {
	pool := worker.NewWorkerPool(
		worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
		worker.WithWorker(fromSuture("once", service(func(context.Context) error { return suture.ErrDoNotRestart }))),
		worker.WithWorker(
			fromSuture("fatal", service(func(context.Context) error { return suture.ErrTerminateSupervisorTree })),
			worker.WithStopPoolOnFailure(),
		),
		worker.WithWorker(worker.NewFuncWorker("mailer", block)),
	)

	err := pool.Run(t.Context())
	require.ErrorIs(t, err, suture.ErrDoNotRestart)
	require.ErrorIs(t, err, suture.ErrTerminateSupervisorTree)
}
