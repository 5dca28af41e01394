package worker

import (
	"context"
	"time"
)

// userContext is a context that a caller hands over, Start's or one that bounds a wait. Its methods are a user's: one that panics
// counts as one that knows nothing. What each attempt asks it, package context included, is read once: so whatever becomes of the
// context, its end is seen.
type userContext struct {
	context.Context
	done        <-chan struct{}
	deadline    time.Time
	hasDeadline bool
	native      any // the context of package context in it, nil if there is none
}

func newUserContext(ctx context.Context) *userContext {
	c := &userContext{Context: ctx}
	_ = guard(func() { c.done = ctx.Done() })
	if c.done != nil { // else there is none, whatever a context says that was detached by hand
		_ = guard(func() { c.deadline, c.hasDeadline = ctx.Deadline() })
	}
	_ = guard(func() { c.native = ctx.Value(nativeKey) })

	return c
}

func (c *userContext) Done() <-chan struct{} {
	return c.done
}

func (c *userContext) Deadline() (time.Time, bool) {
	return c.deadline, c.hasDeadline
}

// Err is asked once Done's channel is closed, so that it must say something, and soon.
func (c *userContext) Err() error {
	if !isClosed(c.done) {
		return nil
	}

	answer := make(chan error, 1)
	briefly(func() { answer <- c.Context.Err() })
	select {
	case err := <-answer:
		if err != nil {
			return err
		}
	default:
	}

	return context.Canceled
}

func (c *userContext) Value(key any) (value any) {
	if key == nativeKey {
		return c.native
	}
	defer func() { _ = recover() }()

	return c.Context.Value(key)
}

// nativeKey is what package context asks a context for, to find one of its own in it.
var nativeKey = func() any {
	c := &endedContext{Context: context.Background()}
	_ = context.Cause(c)

	return c.asked
}()

// endedContext is a context that is done, and notes what it was asked for.
type endedContext struct {
	context.Context
	asked any
}

func (c *endedContext) Err() error {
	return context.Canceled
}

func (c *endedContext) Value(key any) any {
	c.asked = key

	return nil
}
