package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/ankorstore/yokai/worker"
)

// The exit codes of a job.
const (
	exitDone        = 0
	exitFailed      = 1
	exitInterrupted = 75 // EX_TEMPFAIL of sysexits.h: try again
)

// runJob runs all workers of a job to their end, and returns the exit code.
func runJob(ctx context.Context, pool *worker.WorkerPool) int {
	if err := pool.Run(ctx); err != nil {
		log.Print(err)

		return exitFailed
	}

	// A worker that was stopped has not failed, but its work is not done.
	for _, w := range pool.Report().Workers {
		if w.Status != worker.Success {
			return exitInterrupted
		}
	}

	return exitDone
}

// A job ends as soon as all of its workers have.
func Example_job() {
	job := func(run worker.HandlerFunc) *worker.WorkerPool {
		return worker.NewWorkerPool(
			worker.WithWorker(worker.NewFuncWorker("import", run), worker.WithMaxExecutionsAttempts(3)),
		)
	}

	fmt.Println(runJob(context.Background(), job(func(context.Context) error { return nil })))
	fmt.Println(runJob(context.Background(), job(func(context.Context) error {
		return worker.Permanent(errors.New("no such file")) // no second attempt
	})))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(runJob(ctx, job(block)))
	// Output:
	// 0
	// 1
	// 75
}
