package workerslog_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerslog"
)

func Example() {
	handler := workerslog.NewHandler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimeAndID}))
	logger := slog.New(handler)

	pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("mailer", func(ctx context.Context) error {
		logger.InfoContext(ctx, "sending", "mails", 3)
		return errNoConnection
	})))
	_ = pool.Run(workerslog.NewContext(context.Background(), handler))
	// Output:
	// level=INFO msg="starting execution attempt 1/1" worker=mailer
	// level=INFO msg=sending worker=mailer mails=3
	// level=ERROR msg="stopping execution attempt 1/1 with error: no connection" worker=mailer error="no connection"
	// level=INFO msg="max execution attempts reached" worker=mailer
}

// withoutTimeAndID leaves out what is different in each run.
func withoutTimeAndID(_ []string, attr slog.Attr) slog.Attr {
	if attr.Key == slog.TimeKey || attr.Key == worker.LogRecordFieldWorkerExecutionId {
		return slog.Attr{}
	}

	return attr
}
