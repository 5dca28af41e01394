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

	// flakyDelay is how long each of the first two attempts runs.
	flakyDelay = 250 * time.Millisecond

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
