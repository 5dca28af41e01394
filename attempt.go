package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// outcome is how an attempt ended: succeeded, cancelled, failed, panicked or goexited.
type outcome struct {
	kind      kind
	permanent bool // no further attempt can mend it
	detail
}

// leftByGoexit is the outcome of an attempt until it has another one.
var leftByGoexit = outcome{kind: goexited, detail: detail{err: ErrGoexit, text: ErrGoexit.Error()}}

// start records the start of the next attempt, unless it is a restart and the worker was stopped since that was decided.
func (s *supervisor) start() {
	if s.attempt > 0 && !s.mayRunAgain() {
		s.next = leaving
		s.record(skippedWhileWaiting, &detail{})
		return
	}

	s.next = runningAttempt
	s.attempt = s.streak + 1
	s.startedAt = time.Now()
	s.record(starting, &detail{})
}

// runAttempt runs the worker once, in a context that ends with the attempt.
func (s *supervisor) runAttempt() {
	s.next = settlingAttempt
	defer s.cancel(nil)

	ctx := &s.first
	if ctx.supervisor != nil {
		ctx = &attemptContext{}
	}
	ctx.Context, ctx.supervisor, ctx.executionID = s.ctx, s, s.id
	if s.logger != nil {
		ctx.Context = withLogger(s.ctx, s.logger)
	}

	if s.options.Heartbeat <= 0 {
		s.execute(ctx)
		return
	}

	ctx.heartbeat = newHeartbeat(s)
	defer s.endHeartbeat(ctx.heartbeat)
	s.execute(ctx)
}

// withLogger is not inlined for the size of its frame: a worker that runs shall fit into the smallest stack.
//
//go:noinline
func withLogger(ctx context.Context, logger *zerolog.Logger) context.Context {
	return logger.WithContext(ctx)
}

// execute turns whatever the worker and its middlewares do into the outcome. The user's errors and panic values are asked for
// their texts here too, since they may misbehave like Run itself.
func (s *supervisor) execute(ctx context.Context) {
	s.outcome = leftByGoexit

	returned := false
	defer func() {
		if !returned {
			s.caught(recover())
		}
	}()

	err := s.call(ctx)
	s.returned(err)
	returned = true
}

func (s *supervisor) call(ctx context.Context) error {
	if len(s.options.Middlewares) == 0 {
		return s.registration.worker.Run(ctx)
	}

	handler, err := wrap(s.registration.worker.Run, s.options.Middlewares)
	if err != nil {
		return err
	}

	return handler(ctx)
}

// returned makes the outcome of an attempt that returned err.
func (s *supervisor) returned(err error) {
	switch {
	case err == nil:
		s.outcome = outcome{kind: succeeded}
	case s.stoppedWith(s.ctx, err):
		s.outcome = outcome{kind: cancelled}
	default:
		_, permanent := errors.AsType[*permanentError](err)
		s.outcome = outcome{failed, permanent, detail{err: err, text: textOf(err)}}
	}
}

// stoppedWith tells whether an attempt in ctx that returned err was stopped: it has not failed then.
func (s *supervisor) stoppedWith(ctx context.Context, err error) bool {
	return ctx.Err() != nil && s.stopping() && isErrorOf(ctx, err)
}

// missedHeartbeat tells whether an attempt in ctx was cancelled because it missed its heartbeat, and not stopped meanwhile.
func (s *supervisor) missedHeartbeat(ctx context.Context) bool {
	return context.Cause(ctx) == ErrHeartbeatMissed && !s.stopping()
}

// isErrorOf tells whether err is the error of a context that is done, or its cause, as it is or wrapped. What is joined with another
// error is not: that of a flush, say, or of a pool within the worker that has not stopped in time.
func isErrorOf(ctx context.Context, err error) bool {
	is, _ := err.(interface{ Is(error) bool })
	for _, own := range []error{ctx.Err(), context.Cause(ctx)} {
		if reflect.TypeOf(own).Comparable() && err == own || is != nil && is.Is(own) {
			return true
		}
	}

	switch wrapping := err.(type) {
	case interface{ Unwrap() error }:
		return isErrorOf(ctx, wrapping.Unwrap())
	case interface{ Unwrap() []error }:
		parts := wrapping.Unwrap()

		return len(parts) > 0 && !slices.ContainsFunc(parts, func(part error) bool { return !isErrorOf(ctx, part) })
	default:
		return false
	}
}

// caught makes the outcome of an attempt that panicked, or that neither returned nor panicked: the goroutine ends in Goexit then,
// and its stack still shows who called it.
func (s *supervisor) caught(value any) {
	panicError := newPanicError(value)
	s.outcome.stack = string(panicError.Stack)

	if value != nil {
		text := fmt.Sprint(value)
		s.outcome.kind, s.outcome.err, s.outcome.text = panicked, panicError, text
	}
}

// textOf is err.Error(), or what package fmt makes of an error that panics there.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprint(err)
		}
	}()

	return err.Error()
}

// endHeartbeat makes a failure of an attempt that was cancelled because it missed its heartbeat: of its error always, of its
// success if it was stuck to the end. A worker that was stopped meanwhile is spared.
func (s *supervisor) endHeartbeat(h *heartbeat) {
	stuck := h.end()
	if !s.missedHeartbeat(s.ctx) {
		return
	}

	switch o := &s.outcome; {
	case o.kind == failed:
		o.err = fmt.Errorf("%w: %w", ErrHeartbeatMissed, o.err)
		o.text = ErrHeartbeatMissed.Error() + ": " + o.text
	case o.kind == succeeded && stuck:
		*o = outcome{kind: failed, detail: detail{err: ErrHeartbeatMissed, text: ErrHeartbeatMissed.Error()}}
	}
}
