package recipes_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/ankorstore/yokai/worker"
)

// toSentry returns a listener that reports each failed attempt. A *sentry.Hub has this method, where ID is *sentry.EventID.
func toSentry[ID any](hub interface{ CaptureException(error) ID }) func(worker.Transition) {
	return func(t worker.Transition) {
		if t.Err == nil {
			return
		}
		hub.CaptureException(&worker.WorkerError{Worker: t.Worker, ExecutionID: t.ExecutionID, Attempt: t.Attempt, Err: t.Err})
	}
}

// all makes one listener of many: a pool has one.
func all(listeners ...func(worker.Transition)) func(worker.Transition) {
	return func(t worker.Transition) {
		for _, listener := range listeners {
			listener(t)
		}
	}
}

func Example_sentry() {
	hub := &fakeHub{}

	pool := worker.NewWorkerPool(
		worker.WithGlobalListener(all(toSentry(hub), func(t worker.Transition) { fmt.Println(t.Message) })),
		worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error { return errNoConnection })),
	)
	_ = pool.Run(context.Background())
	// Output:
	// starting execution attempt 1/1
	// captured: worker mailer: no connection, known: true
	// stopping execution attempt 1/1 with error: no connection
	// max execution attempts reached
}

type eventID string

// fakeHub prints what it is given. The real one is safe for concurrent use; so is this one, which keeps nothing.
type fakeHub struct{}

func (*fakeHub) CaptureException(err error) *eventID {
	fmt.Printf("captured: %v, known: %t\n", err, errors.Is(err, errNoConnection))

	return nil
}
