package recipes_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerslog"
)

// runMailer runs a pool that logs through a handler, as its workers do.
func runMailer(ctx context.Context, handler slog.Handler) error {
	handler = workerslog.NewHandler(handler) // tells which worker it is, by the context
	logger := slog.New(handler)

	pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("mailer", func(ctx context.Context) error {
		logger.InfoContext(ctx, "sending mails", "count", 3)

		return sendMails(ctx)
	})))

	return pool.Run(workerslog.NewContext(ctx, handler)) // brings the lines of the pool
}

func Example_slog() {
	_ = runMailer(context.Background(), slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimeAndID}))
	// Output:
	// level=INFO msg="starting execution attempt 1/1" worker=mailer
	// level=INFO msg="sending mails" worker=mailer count=3
	// level=ERROR msg="stopping execution attempt 1/1 with error: no connection" worker=mailer error="no connection"
	// level=INFO msg="max execution attempts reached" worker=mailer
}

func sendMails(context.Context) error { return errNoConnection }

// withoutTimeAndID leaves out what is different in each run.
func withoutTimeAndID(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == worker.LogRecordFieldWorkerExecutionId {
		return slog.Attr{}
	}

	return a
}
