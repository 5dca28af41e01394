package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
)

// outcome is how an attempt ended: succeeded, cancelled, failed, panicked or goexited.
type outcome struct {
	kind kind
	detail
}

// start records the start of the next attempt.
func (s *supervisor) start() {
	s.next = runningAttempt
	s.attempt++
	s.record(starting, detail{})
}

// runAttempt runs the worker once, in a context that ends with the attempt.
func (s *supervisor) runAttempt() {
	s.next = settlingAttempt

	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)

	ctx = s.logger.WithContext(ctx)
	s.execute(&attemptContext{Context: ctx, supervisor: s, executionID: s.id, logger: zerolog.Ctx(ctx)})
}

// execute turns whatever the worker and its middlewares do into the outcome. The user's errors and panic values are asked for
// their texts here too, since they may misbehave like Run itself.
func (s *supervisor) execute(ctx context.Context) {
	s.outcome = outcome{goexited, detail{err: ErrGoexit}}

	returned := false
	defer func() {
		if returned {
			return
		}
		// Neither returned nor panicked: the goroutine ends in Goexit, and its stack still shows who called it.
		caught := newPanicError(recover())
		s.outcome.stack = string(caught.Stack)
		if caught.Value != nil {
			s.outcome = outcome{panicked, detail{err: caught, text: fmt.Sprint(caught.Value), stack: string(caught.Stack)}}
		}
	}()

	handler, err := wrap(s.worker.Run, s.options.Middlewares)
	if err == nil {
		err = handler(ctx)
	}
	s.outcome = s.returned(err)
	returned = true
}

// returned is the outcome of an attempt that returned err.
func (s *supervisor) returned(err error) outcome {
	switch {
	case err == nil:
		return outcome{kind: succeeded}
	case s.ctx.Err() != nil && (errors.Is(err, s.ctx.Err()) || errors.Is(err, context.Cause(s.ctx))):
		return outcome{kind: cancelled}
	default:
		return outcome{failed, detail{err: err, text: fmt.Sprint(err)}}
	}
}
