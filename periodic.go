package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// PeriodicOption are functional options for [NewPeriodicWorker].
type PeriodicOption func(w *PeriodicWorker)

// WithInitialDelay makes a periodic worker wait before its first run, and before the first one after a restart. The default, 0,
// and negative values mean no wait.
func WithInitialDelay(d time.Duration) PeriodicOption {
	return func(w *PeriodicWorker) {
		w.initialDelay = d
	}
}

// WithIntervalJitter makes each interval of a periodic worker longer by a random part of it, up to fraction, so that many
// workers or replicas do not run at the same moments. fraction is from 0, the default, to 1.
func WithIntervalJitter(fraction float64) PeriodicOption {
	return func(w *PeriodicWorker) {
		w.jitter = fraction
	}
}

// PeriodicWorker is a [Worker] that calls a function at an interval, made by [NewPeriodicWorker].
type PeriodicWorker struct {
	name         string
	run          HandlerFunc
	interval     time.Duration
	initialDelay time.Duration
	jitter       float64
	err          error // what is wrong with the options
}

// NewPeriodicWorker returns a [Worker] that calls run at once, and then whenever an interval has passed since the last call was
// due. Calls never overlap: those that come due while one is running are left out, not made up for. They are part of one attempt, so
// none has a log line, an event or a span of its own; the report tells how many there were, and when ([WorkerReport]). For a span of
// each call wrap run: NewTracingMiddleware().Handle()(run).
//
// An error of run is returned from Run: the attempt has failed, and the worker's options for restarts decide whether and when it
// goes on. Each call is a [Heartbeat]. So the timeout of a heartbeat should be longer than the initial delay, and longer than the
// interval and a call together: a shorter one is missed between two calls. An interval that is not positive, a nil run and a jitter
// outside of [0, 1] are errors of the registration, like an empty name. If the worker is embedded in another type so that the
// registration cannot see them, its first attempt fails instead, with a [Permanent] error.
func NewPeriodicWorker(name string, interval time.Duration, run HandlerFunc, options ...PeriodicOption) *PeriodicWorker {
	w := &PeriodicWorker{name: name, run: run, interval: interval}
	for i, option := range options {
		if option == nil {
			w.err = fmt.Errorf("periodic option %d is nil", i+1)
		} else if err := guard(func() { option(w) }); err != nil {
			w.err = fmt.Errorf("periodic option %d: %w", i+1, err)
		}
	}

	return w
}

// Name returns the name of the worker.
func (w *PeriodicWorker) Name() string {
	return w.name
}

// Run runs until ctx is done or a call fails.
func (w *PeriodicWorker) Run(ctx context.Context) error {
	if err := w.invalid(); err != nil {
		return Permanent(err)
	}

	seen := &calls{}
	if a := attemptOf(ctx); a != nil {
		seen = &a.supervisor.execution.calls
		defer seen.next.Store(0)
	}
	due := time.Now().Add(max(w.initialDelay, 0))
	seen.expect(due)

	timer := time.NewTimer(time.Until(due)) // one for all waits
	defer timer.Stop()

	for arrives(ctx, timer.C) {
		Heartbeat(ctx)
		seen.begin(time.Now())

		if err := w.run(ctx); err != nil {
			return err
		}

		due = w.next(due, time.Now())
		seen.expect(due)
		timer.Reset(time.Until(due))
	}

	return ctx.Err()
}

// arrives waits for a timer, or until ctx is done, and returns false then.
func arrives(ctx context.Context, due <-chan time.Time) bool {
	select {
	case <-due:
	case <-ctx.Done():
	}

	return ctx.Err() == nil
}

// next returns when the next call is due after one that was due and has ended now.
func (w *PeriodicWorker) next(due, now time.Time) time.Time {
	due = due.Add(w.interval)
	if late := now.Sub(due); late > 0 {
		due = due.Add((late - 1).Truncate(w.interval)).Add(w.interval) // what is due now is not late
	}

	return due.Add(time.Duration(rand.Float64() * w.jitter * float64(w.interval)))
}

func (w *PeriodicWorker) invalid() error {
	switch {
	case w == nil:
		return errors.New("nil worker")
	case w.err != nil:
		return w.err
	case w.interval <= 0:
		return fmt.Errorf("interval %s is not positive", w.interval)
	case !(0 <= w.jitter && w.jitter <= 1): // also true for NaN
		return fmt.Errorf("interval jitter %v is not in [0, 1]", w.jitter)
	case w.run == nil:
		return errors.New("nil run function")
	default:
		return nil
	}
}
