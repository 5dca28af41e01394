package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// PeriodicOption are functional options for [NewPeriodicWorker].
type PeriodicOption func(w *periodicWorker)

// WithInitialDelay makes a periodic worker wait before its first run, and before the first one after a restart. The default, 0,
// and negative values mean no wait.
func WithInitialDelay(d time.Duration) PeriodicOption {
	return func(w *periodicWorker) {
		w.initialDelay = d
	}
}

// WithIntervalJitter makes each interval of a periodic worker longer by a random part of it, up to fraction, so that many
// workers or replicas do not run at the same moments. fraction is from 0, the default, to 1.
func WithIntervalJitter(fraction float64) PeriodicOption {
	return func(w *periodicWorker) {
		w.jitter = fraction
	}
}

type periodicWorker struct {
	funcWorker
	interval     time.Duration
	initialDelay time.Duration
	jitter       float64
	err          error // what is wrong with the options
}

// NewPeriodicWorker returns a [Worker] that calls run at once, and then whenever an interval has passed since the last call was
// due. Calls never overlap: those that come due while one is running are left out, not made up for.
//
// An error of run is returned from Run: the worker has failed, and the one policy for restarts rules whether and when it goes
// on. Each call is a [Heartbeat], so a heartbeat's timeout should be longer than the initial delay, and than the interval and a call
// together. An interval that is not positive, a nil run and a jitter outside of [0, 1] are errors of the registration, as an empty
// name is.
func NewPeriodicWorker(name string, interval time.Duration, run HandlerFunc, options ...PeriodicOption) Worker {
	w := &periodicWorker{funcWorker: funcWorker{name: name, run: run}, interval: interval}
	for i, option := range options {
		if option == nil {
			w.err = fmt.Errorf("periodic option %d is nil", i+1)
			continue
		}
		option(w)
	}

	return w
}

// Run runs until ctx is done or a call fails.
func (w *periodicWorker) Run(ctx context.Context) error {
	due := time.Now().Add(max(w.initialDelay, 0))

	for sleep(ctx, time.Until(due), nil) {
		Heartbeat(ctx)

		if err := w.run(ctx); err != nil {
			return err
		}

		due = w.next(due, time.Now())
	}

	return ctx.Err()
}

// next returns when the next call is due after one that was due and has ended now.
func (w *periodicWorker) next(due, now time.Time) time.Time {
	due = due.Add(w.interval)
	if late := now.Sub(due); late > 0 {
		due = due.Add((late - 1).Truncate(w.interval)).Add(w.interval) // what is due now is not late
	}

	return due.Add(time.Duration(rand.Float64() * w.jitter * float64(w.interval)))
}

func (w *periodicWorker) invalid() error {
	switch {
	case w.err != nil:
		return w.err
	case w.interval <= 0:
		return fmt.Errorf("interval %s is not positive", w.interval)
	case !(0 <= w.jitter && w.jitter <= 1): // also true for NaN
		return fmt.Errorf("interval jitter %v is not in [0, 1]", w.jitter)
	default:
		return w.funcWorker.invalid()
	}
}
