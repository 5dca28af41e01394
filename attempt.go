package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
)

// outcome is how an attempt ended: succeeded, cancelled, failed, panicked or goexited.
type outcome struct {
	kind      kind
	permanent bool // no further attempt can mend it
	detail
}

// start records the start of the next attempt.
func (s *supervisor) start() {
	s.next = runningAttempt
	s.attempt = s.streak + 1
	s.startedAt = time.Now()
	s.record(starting, detail{})
}

// runAttempt runs the worker once, in a context that ends with the attempt.
func (s *supervisor) runAttempt() {
	s.next = settlingAttempt

	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	heartbeat := s.watch(cancel)
	defer func() { s.outcome.countMissed(s.ctx, ctx, heartbeat.end()) }()

	logged := s.logger.WithContext(ctx)
	s.execute(&attemptContext{
		Context: logged, supervisor: s, executionID: s.id, logger: zerolog.Ctx(logged), heartbeat: heartbeat,
	})
}

// execute turns whatever the worker and its middlewares do into the outcome. The user's errors and panic values are asked for
// their texts here too, since they may misbehave like Run itself.
func (s *supervisor) execute(ctx context.Context) {
	s.outcome = outcome{kind: goexited, detail: detail{err: ErrGoexit, text: ErrGoexit.Error()}}

	returned := false
	defer func() {
		if returned {
			return
		}
		// Neither returned nor panicked: the goroutine ends in Goexit, and its stack still shows who called it.
		caught := newPanicError(recover())
		s.outcome.stack = string(caught.Stack)
		if caught.Value != nil {
			text := fmt.Sprint(caught.Value)
			s.outcome.kind, s.outcome.err, s.outcome.text = panicked, caught, text
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
		var p *permanentError
		return outcome{failed, errors.As(err, &p), detail{err: err, text: fmt.Sprint(err)}}
	}
}

// countMissed makes a failure of an attempt that was cancelled because it missed its heartbeat: of its error always, of its
// success if it was stuck to the end. A worker that was stopped meanwhile is spared.
func (o *outcome) countMissed(worker, attempt context.Context, stuck bool) {
	if worker.Err() != nil || context.Cause(attempt) != ErrHeartbeatMissed {
		return
	}

	switch {
	case o.kind == failed:
		o.err = fmt.Errorf("%w: %w", ErrHeartbeatMissed, o.err)
		o.text = ErrHeartbeatMissed.Error() + ": " + o.text
	case o.kind == succeeded && stuck:
		*o = outcome{failed, false, detail{err: ErrHeartbeatMissed, text: ErrHeartbeatMissed.Error()}}
	}
}
