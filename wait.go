package worker

import (
	"context"
	"math"
	"strconv"
	"time"
)

// forever is the longest wait, 292 years.
const forever time.Duration = math.MaxInt64

// deferStart announces the wait before the first attempt, if there is one.
func (s *supervisor) deferStart() {
	s.next = startingAttempt

	if threshold := s.options.DeferredStartThreshold; threshold > 0 {
		s.next = sleeping
		s.delay = seconds(threshold)
		s.record(deferring, &detail{text: strconv.FormatFloat(threshold, 'g', -1, 64), delay: s.delay})
	}
}

// sleep waits for the next attempt, and ends the worker if it is stopped meanwhile.
func (s *supervisor) sleep() {
	first := s.attempt == 0

	switch slept := sleep(s.ctx, s.delay, s.generation.quit) && s.mayRunAgain(); {
	case slept && first:
		s.next = startingAttempt
	case slept:
		s.next = identifying
	case first:
		s.next = leaving
		s.record(stoppedWhileDeferred, &detail{})
	default:
		s.next = leaving
		s.record(skippedWhileWaiting, &detail{})
	}
}

// sleep waits for d, and not longer once ctx is done, which makes it return false, or quit is closed.
func sleep(ctx context.Context, d time.Duration, quit <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-quit:
	}

	return ctx.Err() == nil
}

// seconds converts to a duration; what is too long for one becomes the longest.
func seconds(s float64) time.Duration {
	if ns := math.Round(s * float64(time.Second)); ns < math.MaxInt64 {
		return time.Duration(ns)
	}

	return forever
}
