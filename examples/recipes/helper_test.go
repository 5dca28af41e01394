package recipes_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var errNoConnection = errors.New("no connection")

// block runs until it is cancelled.
func block(ctx context.Context) error {
	<-ctx.Done()

	return ctx.Err()
}

// status returns the status of a worker of a pool that was started.
func status(pool *worker.WorkerPool, name string) worker.WorkerStatus {
	execution, err := pool.Execution(name)
	if err != nil {
		panic(err)
	}

	return execution.Status()
}
