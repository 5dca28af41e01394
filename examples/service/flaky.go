package main

import (
	"context"
	"errors"
	"time"

	"github.com/ankorstore/yokai/worker"
)

const (
	flakyName = "flaky"

	// flakyAttempts is the number of attempts that flaky needs: one that
	// fails, one that panics and one that runs on.
	flakyAttempts = 3

	// flakyDelay is how long each of the first two attempts runs, and
	// flakyBackoff how long the pool waits after each.
	flakyDelay   = 200 * time.Millisecond
	flakyBackoff = 50 * time.Millisecond

	flakyPanic = "flaky panics on its second attempt, by design"
)

var errFlaky = errors.New("flaky fails on its first attempt, by design")

// flaky is a worker that shows recovery: its first attempt fails, its second
// panics, every later one runs until it is cancelled.
type flaky struct {
	attempts int // begun so far; the pool never runs two at a time
}

func newFlaky() *flaky {
	return &flaky{}
}

// Name returns the name of the worker.
func (f *flaky) Name() string {
	return flakyName
}

// Run makes one attempt.
func (f *flaky) Run(ctx context.Context) error {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "attempt")
	defer span.End()

	f.attempts++

	if f.attempts >= flakyAttempts {
		worker.CtxLogger(ctx).Info().Msg("recovered, running on")
		<-ctx.Done()

		return ctx.Err()
	}

	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(flakyDelay):
	}

	if f.attempts == 1 {
		return errFlaky
	}

	panic(flakyPanic)
}

// exceptShown returns err, as [worker.WorkerPool.Run] returns it, without the
// failures that flaky is there to show. A stop that comes right after one of
// them leaves the worker as it is then: failed.
func exceptShown(err error) error {
	switch e := err.(type) {
	case *worker.WorkerError:
		if e.Worker == flakyName && e.Attempt < flakyAttempts {
			return nil
		}
	case *worker.StopError: // several errors too, but one piece of news
	case interface{ Unwrap() []error }:
		var kept []error
		for _, err := range e.Unwrap() {
			kept = append(kept, exceptShown(err))
		}

		return errors.Join(kept...)
	}

	return err
}
