package contender

import (
	"context"
	"strconv"
)

// Worker is a worker for all contenders: it has the methods that each of them asks for.
type Worker struct {
	name string
	run  func(context.Context) error
}

// NewWorker returns worker number i.
func NewWorker(i int, run func(context.Context) error) *Worker {
	return &Worker{name: "worker-" + strconv.Itoa(i), run: run}
}

// NewWorkers returns n workers that all do the same.
func NewWorkers(n int, run func(context.Context) error) []*Worker {
	workers := make([]*Worker, n)
	for i := range workers {
		workers[i] = NewWorker(i, run)
	}

	return workers
}

// Name is the worker's name in a pool.
func (w *Worker) Name() string { return w.name }

// String is the worker's name in a supervisor of suture.
func (w *Worker) String() string { return w.name }

// Run does the work in a pool.
func (w *Worker) Run(ctx context.Context) error { return w.run(ctx) }

// Serve does the work in a supervisor of suture.
func (w *Worker) Serve(ctx context.Context) error { return w.run(ctx) }
