package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerslog"
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

// withSentry returns a handler for all logs of a service, which go to Sentry too.
func withSentry(logs, sentry slog.Handler) slog.Handler {
	return workerslog.NewHandler(slog.NewMultiHandler(logs, sentry))
}

func Example_sentry() {
	hub := &fakeHub{}
	handler := withSentry(
		slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimeAndID}),
		slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimeAndID, Level: slog.LevelError}),
	)

	pool := worker.NewWorkerPool(
		worker.WithGlobalListener(toSentry(hub)),
		worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error { return errNoConnection })),
	)
	_ = pool.Run(workerslog.NewContext(context.Background(), handler))
	// Output:
	// level=INFO msg="starting execution attempt 1/1" worker=mailer
	// level=ERROR msg="stopping execution attempt 1/1 with error: no connection" worker=mailer error="no connection"
	// {"level":"ERROR","msg":"stopping execution attempt 1/1 with error: no connection","worker":"mailer","error":"no connection"}
	// captured: worker mailer: no connection, known: true
	// level=INFO msg="max execution attempts reached" worker=mailer
}

type eventID string

// fakeHub prints what it is given. The real one is safe for concurrent use; so is this one, which keeps nothing.
type fakeHub struct{}

func (*fakeHub) CaptureException(err error) *eventID {
	fmt.Printf("captured: %v, known: %t\n", err, errors.Is(err, errNoConnection))

	return nil
}
