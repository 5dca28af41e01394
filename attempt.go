package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/rs/zerolog"
)

// outcome is how an attempt ended: succeeded, cancelled, failed, panicked or goexited.
type outcome struct {
	kind      kind
	permanent bool // no further attempt can help
	detail
}

// leftByGoexit is the outcome of an attempt that neither returned nor panicked.
var leftByGoexit = outcome{kind: goexited, detail: detail{err: ErrGoexit, text: ErrGoexit.Error()}}

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

// withLogger is not inlined for the size of its frame: an idle worker should fit into the smallest stack.
//
//go:noinline
func withLogger(ctx context.Context, logger *zerolog.Logger) context.Context {
	return logger.WithContext(ctx)
}

// execute turns whatever the worker and its middlewares do into the outcome. Errors and panic values are formatted here too: their
// methods are user code, and may misbehave like Run itself.
func (s *supervisor) execute(ctx context.Context) {
	s.outcome = leftByGoexit

	returned := false
	defer func() {
		if !returned {
			s.judgePanic(recover())
		}
	}()

	s.judge(s.callWorker(ctx))
	returned = true
}

func (s *supervisor) callWorker(ctx context.Context) error {
	if len(s.options.Middlewares) == 0 {
		return s.registration.worker.Run(ctx)
	}

	handler, err := wrap(s.registration.worker.Run, s.options.Middlewares)
	if err != nil {
		return err
	}

	return handler(ctx)
}

// judge sets the outcome of an attempt that returned err.
func (s *supervisor) judge(err error) {
	switch {
	case err == nil:
		s.outcome = outcome{kind: succeeded}
	case s.stoppedWith(s.ctx, err):
		s.outcome = outcome{kind: cancelled}
	default:
		_, isPermanent := errors.AsType[*permanentError](err)
		s.outcome = outcome{failed, isPermanent, detail{err: err, text: textOf(err)}}
	}
}

// judgePanic sets the outcome of an attempt that panicked with value; nil means a Goexit. The stack still shows where it came from.
func (s *supervisor) judgePanic(value any) {
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

// stoppedWith reports whether an attempt in ctx that returned err was stopped, and so has not failed.
func (s *supervisor) stoppedWith(ctx context.Context, err error) bool {
	return ctx.Err() != nil && s.stopping() && isErrorOf(ctx, err)
}

// isErrorOf reports whether err is the error of a context that is done, or its cause, as it is or wrapped. An error that joins it with
// another one is not: that of a flush, say, or of a pool within the worker that has not stopped in time.
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
