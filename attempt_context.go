package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// attemptContext is what an attempt has of a context. Many that fail ask it for nothing: so the context behind it, one of package
// context with children and a cause, is made once somebody does.
type attemptContext struct {
	native bool        // its parent is the pool's context: it sees the end of Start's context at once
	made   atomic.Bool // whether the fields from behind on are set, and do not change any more

	mu      sync.Mutex      // guards the fields below, until made is set
	over    bool            // it was cancelled before it was made
	cause   error           // why
	behind  context.Context // a child of the parent, so that nothing nests
	untimed context.Context // the same without the deadline of WithAttemptTimeout
	end     context.CancelCauseFunc
}

// parent returns the context that the attempt's derives from.
func (a *attempt) parent() context.Context {
	if a.native {
		return a.supervisor.generation.ctx
	}

	return a.supervisor.generation.detached
}

// context returns the context behind the attempt.
func (a *attempt) context() context.Context {
	if !a.made.Load() {
		a.makeContext()
	}

	return a.behind
}

func (a *attempt) makeContext() {
	a.mu.Lock()
	defer a.mu.Unlock()

	if a.made.Load() {
		return
	}
	parent := a.parent()
	if a.over {
		parent = context.WithoutCancel(parent) // whose end has come later, if it has
	}
	a.untimed, a.end = context.WithCancelCause(parent)
	a.behind = a.untimed
	if a.over {
		a.end(a.cause)
	}
	if d := a.supervisor.plan.options.AttemptTimeout; d > 0 {
		a.addDeadline(d)
	}
	a.made.Store(true)
}

func (a *attempt) addDeadline(d time.Duration) {
	inner, release := context.WithTimeoutCause(undated{a.untimed}, d, ErrAttemptTimeout)
	end := a.end
	a.behind, a.end = inner, func(cause error) { end(cause); release() }
}

// undated is a context without its deadline: package context starts no timer for one of a child that is later, and a deadline of Start's
// context may pass without its end.
type undated struct{ context.Context }

func (undated) Deadline() (time.Time, bool) {
	return time.Time{}, false
}

// cancel ends the attempt's context, if it has not ended.
func (a *attempt) cancel(cause error) {
	if !a.cancelUnmade(cause) {
		a.end(cause)
	}
}

// cancelUnmade notes the end of a context that nobody has asked for. It returns false where there is one.
func (a *attempt) cancelUnmade(cause error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()

	if a.made.Load() {
		return false
	}
	if !a.over && a.parent().Err() == nil {
		a.over, a.cause = true, cause
	}

	return true
}

// Deadline is that of [WithAttemptTimeout] or of Start's context, whichever is earlier.
func (a *attempt) Deadline() (time.Time, bool) {
	deadline, ok := a.parent().Deadline()
	if a.supervisor.plan.options.AttemptTimeout > 0 {
		if own, _ := a.context().Deadline(); !ok || own.Before(deadline) {
			return own, true
		}
	}

	return deadline, ok
}

func (a *attempt) Done() <-chan struct{} {
	return a.context().Done()
}

func (a *attempt) Err() error {
	return a.context().Err()
}
