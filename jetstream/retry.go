package jetstream

import (
	"errors"
	"fmt"
	"time"
)

// RetryAfter marks an error of a handler with the delay before the message's next delivery, in place of [WithBackoff]'s: such as what
// a Retry-After of some service says. 0 or less redelivers at once. An error that is marked by worker.Permanent, too, is permanent.
// nil stays nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}

	return &retryAfter{err: err, delay: d}
}

// Snooze returns an error for a handler that has not failed, and wants its message again after a delay: it is told of at the level
// info, and counts neither as a failure nor as an attempt. 0 or less is at once, or within the second of [WithRescheduling].
//
// Without [WithRescheduling] the server counts the delivery nonetheless, and a snooze in the last of MaxDeliver deliveries is a
// failure like any other.
func Snooze(d time.Duration) error {
	return &retryAfter{err: errSnoozed, delay: d, snooze: true}
}

var errSnoozed = errors.New("snoozed")

type retryAfter struct {
	err    error
	delay  time.Duration
	snooze bool
}

func (e *retryAfter) Error() string {
	if e.snooze {
		return fmt.Sprintf("%v for %s", e.err, e.delay)
	}

	return e.err.Error()
}

func (e *retryAfter) Unwrap() error { return e.err }
