package recipes_test

import (
	"context"
	"fmt"
	"time"

	"github.com/ankorstore/yokai/worker"
)

// together makes a pool of workers that are of use only together: where one gives up, all stop.
func together(workers ...worker.Worker) *worker.WorkerPool {
	pool := worker.NewWorkerPool()
	for _, w := range workers {
		pool.Register(worker.NewWorkerRegistration(w, worker.WithMaxExecutionsAttempts(3), worker.WithStopPoolOnFailure()))
	}

	return pool
}

func Example_oneForAll() {
	pool := together(
		worker.NewFuncWorker("reader", func(context.Context) error {
			time.Sleep(50 * time.Millisecond) // until both have begun

			return errNoConnection
		}),
		worker.NewFuncWorker("writer", func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println("writer ends:", context.Cause(ctx))

			return ctx.Err()
		}),
	)

	fmt.Println("Run returns:", pool.Run(context.Background()))
	// Output:
	// writer ends: worker reader: no connection
	// Run returns: worker reader: no connection
}
