package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// attempt is one attempt of a worker, and its context: all that a worker can ask of it in one node.
type attempt struct {
	attemptContext
	supervisor *supervisor
	id         string
	number     int
	watch      *watch // nil if no option asks for one

	logger   atomic.Pointer[context.Context] // carries the logger of the attempt, and nothing else; made when it is asked for
	said     atomic.Bool                     // that it is ready
	span     atomic.Pointer[oteltrace.SpanContext]
	nested   atomic.Pointer[nestedPools]
	panicked atomic.Pointer[PanicError] // of a Run that a middleware called on another goroutine
}

// newAttempt makes the attempt that s is about to begin.
func newAttempt(s *supervisor) *attempt {
	a := &attempt{supervisor: s, id: s.id, number: s.number}
	a.native = s.endsWithStart()
	if s.plan.options.AttemptTimeout > 0 {
		a.makeContext() // the time begins
	}

	return a
}

// outcome is how an attempt ended.
type outcome struct {
	kind      TransitionKind // one of those that end an attempt
	permanent bool           // no further attempt can help
	healthy   bool           // it ran for long enough to end a row of failures
	detail
}

// Outcomes that say nothing particular. An attempt has left by Goexit if it neither returned nor panicked.
var (
	leftByGoexit = outcome{kind: TransitionGoexited, detail: detail{err: ErrGoexit, text: ErrGoexit.Error()}}
	success      = outcome{kind: TransitionSucceeded}
)

// runAttempt runs the worker once, in a context that ends with the attempt.
func (s *supervisor) runAttempt() {
	s.next = (*supervisor).settle
	s.used = true
	s.outcome = leftByGoexit
	a := s.attempt
	defer s.leaveAttempt(a)

	if s.plan.options.watched() {
		a.watch = newWatch(a)
	}
	a.execute()
}

// leaveAttempt ends the context of an attempt, once that is over.
func (s *supervisor) leaveAttempt(a *attempt) {
	if a.watch != nil {
		a.watch.end()
	}
	s.mu.Lock()
	s.attempt = nil
	if span := a.span.Load(); span != nil {
		ids := idsOf(*span)
		s.trace = &ids
	}
	s.mu.Unlock()

	s.outcome.healthy = a.watch != nil && a.watch.healthy(time.Now())
	a.cancel(nil)
}

// execute turns whatever the worker and its middlewares do into the outcome. Errors and panic values are formatted here too: their
// methods are user code, and may misbehave like Run itself.
func (a *attempt) execute() {
	returned := false
	defer func() {
		if !returned {
			a.judgePanic(recover())
		}
	}()

	var err error
	if middlewares := a.supervisor.plan.options.Middlewares; len(middlewares) == 0 {
		err = a.supervisor.plan.registration.worker.Run(a)
	} else {
		err = a.runWrapped(middlewares)
	}
	a.watch.settle()
	a.judge(err, &a.supervisor.outcome)
	returned = true
}

// judge sets the outcome of an attempt that returned err. It asks why the context ended, and whether the worker was told to stop,
// before what err is.
func (a *attempt) judge(err error, o *outcome) {
	cause := a.failedBefore()

	switch {
	case cause != nil:
		err = because(cause, err)
	case err == nil:
		*o = success
		return
	case a.isTold() && a.Err() != nil && (isErrorOf(a, err) || a.supervisor.plan.options.isStop(err)):
		o.kind, o.detail = TransitionCancelled, detail{cause: a.supervisor.stopCause()}
		return
	}
	if caught, ok := err.(*PanicError); ok && caught != nil && caught == a.panicked.Load() {
		*o = panickedWith(caught)
		return
	}

	permanent, text := isPermanent(err), textOf(err) // these may not return
	o.kind, o.permanent, o.err, o.text = TransitionFailed, permanent, err, text
}

// failedBefore returns why the attempt has failed whatever it returns, nil if it has not: it ran for too long, or was not ready or
// silent for too long, and nobody had told it to stop before.
func (a *attempt) failedBefore() error {
	if a.watch == nil {
		return nil
	}

	switch overran, cause := a.watch.overran(), context.Cause(a); {
	case overran:
		return ErrAttemptTimeout
	case cause == nil, a.isTold():
		return nil
	case same(cause, ErrHeartbeatMissed), same(cause, ErrNotReady):
		return cause
	default:
		return nil
	}
}

// isTold reports whether the worker was told to stop. It asks what the pool did, never the error that a worker returned.
func (a *attempt) isTold() bool {
	return a.supervisor.told.Load() || a.native && a.supervisor.generation.ctx.Err() != nil
}

// because returns the error of an attempt that has failed because of cause, and returned err.
func because(cause, err error) error {
	if err == nil || same(err, cause) {
		return cause
	}

	return &causedError{cause, err}
}

// causedError is an error of an attempt with why that was cancelled before.
type causedError struct{ cause, err error }

func (e *causedError) Error() string   { return e.cause.Error() + ": " + textOf(e.err) }
func (e *causedError) Unwrap() []error { return []error{e.cause, e.err} }

// judgePanic sets the outcome of an attempt that panicked with value; nil means a Goexit. The stack still shows where it came from.
func (a *attempt) judgePanic(value any) {
	caught := newPanicError(value)
	a.watch.settle()                                  // is told before
	a.supervisor.outcome.stack = string(caught.Stack) // also where the value's own method exits
	if value != nil {
		a.supervisor.outcome = panickedWith(caught)
	}
}

func panickedWith(caught *PanicError) outcome {
	return outcome{kind: TransitionPanicked, detail: detail{err: caught, text: printed(caught.Value), stack: string(caught.Stack)}}
}

// Value returns what the attempt knows for the package's own keys, and what the pool's context has for all others.
func (a *attempt) Value(key any) any {
	switch key.(type) {
	case CtxWorkerNameKey:
		return a.supervisor.plan.name
	case CtxWorkerExecutionIdKey:
		return a.id
	case attemptKey:
		return a
	case tracerProviderKey:
		if provider := a.supervisor.pool.options.TracerProvider; provider != nil {
			return provider
		}
	}

	if labels := a.supervisor.labels.Value(key); labels != nil {
		return labels
	}
	if logger := a.withLogger(); logger != nil {
		if value := logger.Value(key); value != nil {
			return value
		}
	}

	return a.context().Value(key)
}

// withLogger returns a context that carries the logger of the attempt, and nothing else; nil if nothing is logged.
func (a *attempt) withLogger() context.Context {
	base := a.supervisor.generation.logger
	if base == nil {
		return nil
	}
	if made := a.logger.Load(); made != nil {
		return *made
	}

	own := base.With().Str(LogRecordFieldWorkerName, a.supervisor.plan.name).Str(LogRecordFieldWorkerExecutionId, a.id).Logger()
	made := zerolog.Logger.WithContext(own, context.Background())
	if !a.logger.CompareAndSwap(nil, &made) {
		return *a.logger.Load()
	}

	return made
}

// String describes the context as those of package context describe themselves.
func (a *attempt) String() string {
	return fmt.Sprintf("%v.WithWorker(%s)", a.context(), a.supervisor.plan.name)
}

// attemptOf returns the innermost attempt that ctx derives from, nil if there is none.
func attemptOf(ctx context.Context) *attempt {
	if a, ok := ctx.(*attempt); ok {
		return a
	}
	a, _ := ctx.Value(attemptKey{}).(*attempt)

	return a
}
