package worker

import (
	"math/rand/v2"
	"time"
)

// The backoff of a worker with unlimited attempts that has none of its own.
const (
	defaultMinBackoff = 100 * time.Millisecond
	defaultMaxBackoff = 30 * time.Second
)

// BackoffFunc says how long to wait before the attempt that follows a failed one.
//
// failures counts the failures in a row, the last one included; it is 0 after a success, with [RestartAlways]. err is the error of the
// last attempt: that of Run, a [*PanicError] or [ErrGoexit], and nil after a success. [WithHealthyAfter] begins a new row, and so does
// each run of a schedule. A result of 0 or less means no wait. It is called by the goroutines of all workers that it was given to, so it
// must be safe for concurrent use; where it panics or ends the goroutine, the wait is that of ExponentialBackoff(100ms, 30s).
type BackoffFunc func(failures int, err error) time.Duration

// ExponentialBackoff returns a [BackoffFunc] with a delay d that begins at min, doubles with each failure, and is never more than
// max. Each wait is a random one in [d/2, d] ("equal jitter"), so that workers which failed together do not come back together.
// After a success d is min. Negative bounds count as 0. If min is greater than max, max counts. It never overflows, keeps no state,
// and may serve any number of workers.
func ExponentialBackoff(min, max time.Duration) BackoffFunc {
	return func(failures int, _ error) time.Duration {
		d := doubled(min, max, failures)

		return d - rand.N(d/2+1)
	}
}

// ConstantBackoff returns a [BackoffFunc] that always waits for d; 0 or less means no wait.
func ConstantBackoff(d time.Duration) BackoffFunc {
	return func(int, error) time.Duration {
		return d
	}
}

// doubled doubles d with each failure after the first, and stops at limit.
func doubled(d, limit time.Duration, failures int) time.Duration {
	d, limit = max(d, 0), max(limit, 0)

	for ; failures > 1 && 0 < d && d < limit; failures-- {
		if d > limit/2 {
			return limit
		}
		d *= 2
	}

	return min(d, limit)
}

// defaultBackoff is that of a worker with unlimited attempts that has none of its own.
var defaultBackoff = ExponentialBackoff(defaultMinBackoff, defaultMaxBackoff)

// askBackoff asks the worker's backoff.
func (s *supervisor) askBackoff() (delay time.Duration, err error) {
	err = guard(func() { delay = s.plan.options.Backoff(s.counts.row, s.outcome.err) })

	return delay, err
}
