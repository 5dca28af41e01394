package worker

import (
	"errors"
	"fmt"
	"slices"
)

// WorkerRegistration is a [Worker] registration, with optional [WorkerExecutionOption]. It never changes once made, and may
// be registered on several pools.
type WorkerRegistration struct {
	worker  Worker
	options []WorkerExecutionOption
	name    string // what Name returned, the one time it was asked
	err     error  // why the worker cannot be registered, nil if it can
}

// NewWorkerRegistration returns a new [WorkerRegistration] for a given [Worker] and an optional list of
// [WorkerExecutionOption].
//
// It calls the worker's Name, this once. A nil worker, an empty name and a Name that panics are reported by
// [WorkerPoolFactory.Create] or [WorkerPool.Start], whichever comes first for the pool that it is registered on.
func NewWorkerRegistration(worker Worker, options ...WorkerExecutionOption) *WorkerRegistration {
	r := &WorkerRegistration{worker: worker, options: slices.Clone(options)}
	r.name, r.err = readName(worker)

	return r
}

// Worker returns the [Worker] of the [WorkerRegistration].
func (r *WorkerRegistration) Worker() Worker {
	return r.worker
}

// Options returns a copy of the list of [WorkerExecutionOption] of the [WorkerRegistration].
func (r *WorkerRegistration) Options() []WorkerExecutionOption {
	return slices.Clone(r.options)
}

// readName asks a worker for its name, once.
func readName(worker Worker) (name string, err error) {
	if worker == nil {
		return "", errors.New("nil worker")
	}

	if err := guard(func() { name = worker.Name() }); err != nil {
		return "", fmt.Errorf("name of worker %T: %w", worker, err)
	}

	if name == "" {
		return "", fmt.Errorf("worker %T has an empty name", worker)
	}

	// The package's own workers were given more that may be wrong.
	if w, ok := worker.(interface{ invalid() error }); ok {
		if err := w.invalid(); err != nil {
			return "", fmt.Errorf("worker %s: %w", name, err)
		}
	}

	return name, nil
}
