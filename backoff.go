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
// failures counts the failures in a row, the last one included, so it is 1 or more; with [RestartAlways] the successes among them
// count too, as they do against the maximum of attempts. err is the error of the last attempt: that of Run, a [*PanicError] or
// [ErrGoexit], and nil after a success. [WithHealthyAfter] begins a new row. A result of 0 or
// less means no wait. It is called by the goroutines of all workers that it was given to, so it must be safe for concurrent
// use; where it panics, the wait is that of ExponentialBackoff(100ms, 30s), and the panic is logged.
type BackoffFunc func(failures int, err error) time.Duration

// ExponentialBackoff returns a [BackoffFunc] that doubles from min with each failure, up to max: a delay d, of which each wait
// is a random part in [d/2, d] ("equal jitter"), so that workers which failed together do not come back together. Negative
// bounds count as 0, and max wins over a greater min. It never overflows, keeps no state, and may serve any number of workers.
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

// askBackoff asks the worker's backoff, or the default one where that fails.
func (s *supervisor) askBackoff() (delay time.Duration, err error) {
	if err = guard(func() { delay = s.options.Backoff(s.streak, s.outcome.err) }); err != nil {
		delay = ExponentialBackoff(defaultMinBackoff, defaultMaxBackoff)(s.streak, nil)
	}

	return delay, err
}
