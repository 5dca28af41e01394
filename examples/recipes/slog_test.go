package recipes_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/ankorstore/yokai/worker"
)

// toSlog returns a listener that logs each transition, for services that do not use zerolog.
func toSlog(logger *slog.Logger) func(worker.Transition) {
	return func(t worker.Transition) {
		level := slog.LevelInfo
		attributes := []slog.Attr{
			slog.String("worker", t.Worker),
			slog.String("workerExecutionID", t.ExecutionID),
			slog.Int("attempt", t.Attempt),
			slog.String("status", t.To.String()),
		}
		if t.Err != nil {
			level = slog.LevelError
			attributes = append(attributes, slog.Any("error", t.Err))
		}

		logger.LogAttrs(context.Background(), level, t.Message, attributes...)
	}
}

func Example_slog() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimeAndID}))

	pool := worker.NewWorkerPool(
		worker.WithGlobalListener(toSlog(logger)),
		worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error { return errNoConnection })),
	)
	_ = pool.Run(context.Background())
	// Output:
	// level=INFO msg="starting execution attempt 1/1" worker=mailer attempt=1 status=running
	// level=ERROR msg="stopping execution attempt 1/1 with error: no connection" worker=mailer attempt=1 status=error error="no connection"
	// level=INFO msg="max execution attempts reached" worker=mailer attempt=1 status=error
}

// withoutTimeAndID leaves out what is different in each run.
func withoutTimeAndID(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "workerExecutionID" {
		return slog.Attr{}
	}

	return a
}
