// Package contender has a file for each way to run workers that is compared, and a test file for each question asked of them.
package contender

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Contender is one way to run workers, in the best form that its documentation shows.
type Contender struct {
	Name  string
	Lacks string // what it does not do for its price

	// New prepares workers to run. The first function that it returns starts them, and need not wait until they run; the second one
	// cancels their contexts and waits until all have returned.
	New func(Setup) (start, stop func())
}

// Setup is what a contender shall run, and how.
type Setup struct {
	Context  context.Context             // the parent of the workers' contexts, with the logger
	Logger   *zerolog.Logger             // nil for no logging
	Registry func() *prometheus.Registry // where a group with metrics registers them, nil for nowhere
	Workers  []*Worker
	Attempts int // at most, for each worker, where the contender has a maximum
}

// All has the contenders that restart workers, this module first, and the least that running them can cost.
var All = []Contender{Ours, Suture, Published, Goroutines}

// Worker is a worker for all contenders: it has the methods that each of them asks for.
type Worker struct {
	name string
	run  func(context.Context) error
}

// NewWorkers returns n workers that all do the same.
func NewWorkers(n int, run func(context.Context) error) []*Worker {
	workers := make([]*Worker, n)
	for i := range workers {
		workers[i] = &Worker{"worker-" + strconv.Itoa(i), run}
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

// check ends the process that measures: the command that started it reports that.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
