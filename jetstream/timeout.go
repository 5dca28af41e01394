package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrMessageTimeout is the cause ([context.Cause]) of a handler's context that was cancelled after the time of [WithMessageTimeout],
// and what the message has failed with then.
var ErrMessageTimeout = errors.New("message timeout")

// hungGrace is how long a handler may take to return after its time, before its message is given up without it.
const hungGrace = time.Second

// WithMessageTimeout sets the time that a handler has for one message: its context is cancelled then, with [ErrMessageTimeout] as
// its cause, and an error that it returns counts as that of the message, which is retried or terminated as usual. The default, and
// 0, is no bound; less is an error of Run.
//
// A handler that has not returned a second later counts as hung. Its message is retried or terminated without it, by others or by
// another handler of this worker; its place is not free before it returns, and until then the worker does not beat
// ([worker.Heartbeat]), so that a worker with a heartbeat counts as stuck.
func WithMessageTimeout(d time.Duration) Option {
	return func(s *settings) { s.messageTimeout = d }
}

// timed bounds a handler's context.
func (s *session) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	d := s.worker.settings.messageTimeout
	if d == 0 {
		return ctx, func() {}
	}

	return context.WithTimeoutCause(ctx, d, ErrMessageTimeout)
}

// late says of an error that the handler had run out of time.
func (s *session) late(ctx context.Context, err error) error {
	if err == nil || s.worker.settings.messageTimeout == 0 || context.Cause(ctx) != ErrMessageTimeout {
		return err
	}

	return fmt.Errorf("%w after %s: %w", ErrMessageTimeout, s.worker.settings.messageTimeout, err)
}

// giveUpHung answers for messages whose handlers do not return.
func (s *session) giveUpHung() {
	d := s.worker.settings.messageTimeout
	if d == 0 {
		return
	}

	hung := s.inbox.overdue(d + hungGrace)
	s.hung.Store(len(hung) > 0)
	for _, overdue := range hung {
		if !overdue.claim(answered) {
			continue
		}
		s.help(func() {
			guard(func() {
				err := fmt.Errorf("%w after %s: the handler has not returned", ErrMessageTimeout, d)
				h := handling{session: s, delivery: overdue, ctx: s.handling, span: noSpan, took: d + hungGrace}
				h.verdict = s.again(overdue, err, err.Error())
				h.report(s.settle(s.handling, overdue, h.verdict))
			})
		})
	}
}
