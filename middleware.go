package worker

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

// HandlerFunc is what an attempt runs: [Worker.Run], or a [MiddlewareFunc] around it.
type HandlerFunc func(ctx context.Context) error

// MiddlewareFunc wraps a [HandlerFunc] into another one.
type MiddlewareFunc func(next HandlerFunc) HandlerFunc

// Middleware wraps each attempt of a worker, for what several workers have in common: locks, measurements, transactions.
//
// The pool calls Handle, and the function that it returns, once for each attempt, on the worker's goroutine. Whatever goes
// wrong in it (an error, a panic, a [runtime.Goexit], a nil function) is an outcome of the attempt, as if Run had caused
// it. Name names the middleware in such an error.
//
// The error of the outermost middleware is that of the attempt. The attempt lasts until Run has returned, too. If a middleware does
// not wait for Run, the context is cancelled when the outermost one returns, and a next that is called later returns the context's
// error without calling Run. A panic of Run goes through a middleware that calls next on its own goroutine; on another goroutine,
// next returns it as a [*PanicError].
type Middleware interface {
	// Name returns the name of the middleware.
	Name() string
	// Handle returns the function that wraps an attempt.
	Handle() MiddlewareFunc
}

// wrap puts middlewares around a handler, the first one outermost.
func wrap(handler HandlerFunc, middlewares []Middleware) (HandlerFunc, error) {
	for i := len(middlewares) - 1; i >= 0; i-- {
		handle := middlewares[i].Handle()
		if handle == nil {
			return nil, fmt.Errorf("middleware %s returned a nil MiddlewareFunc", middlewares[i].Name())
		}

		if handler = handle(handler); handler == nil {
			return nil, fmt.Errorf("middleware %s returned a nil HandlerFunc", middlewares[i].Name())
		}
	}

	return handler, nil
}

// innermost is the handler that middlewares are around: it calls Run, and knows when that has returned.
type innermost struct {
	a *attempt

	mu      sync.Mutex // guards the fields below
	closed  bool       // the outermost middleware has returned
	running int
	idle    sync.Cond // running is 0
	caught  *PanicError
}

// runWrapped runs the worker within its middlewares, and returns once both have ended.
func (a *attempt) runWrapped(middlewares []Middleware) error {
	inner := &innermost{a: a}
	inner.idle.L = &inner.mu
	defer inner.close()

	handler, err := wrap(inner.handle, middlewares)
	if err != nil {
		return err
	}
	err = handler(a)
	if caught, ok := err.(*PanicError); ok && inner.has(caught) {
		a.panicked.Store(caught)
	}

	return err
}

// close ends the attempt for whoever still holds next, and waits until Run has returned.
func (i *innermost) close() {
	i.mu.Lock()
	defer i.mu.Unlock()

	i.closed = true
	if i.running > 0 {
		i.a.cancel(nil)
	}
	for i.running > 0 {
		i.idle.Wait()
	}
}

func (i *innermost) enter() bool {
	i.mu.Lock()
	defer i.mu.Unlock()

	if i.closed {
		return false
	}
	i.running++
	i.a.noteRun(time.Now())

	return true
}

func (i *innermost) leave() {
	i.mu.Lock()
	defer i.mu.Unlock()

	if i.running--; i.running == 0 {
		i.idle.Broadcast()
	}
}

func (i *innermost) has(caught *PanicError) bool {
	i.mu.Lock()
	defer i.mu.Unlock()

	return i.caught == caught
}

// handle is the next of the innermost middleware.
func (i *innermost) handle(ctx context.Context) (err error) {
	if !i.enter() {
		return cmp.Or(context.Cause(i.a), context.Canceled) // which it will be in a moment
	}
	defer i.leave()

	returned := false
	defer func() {
		// On the attempt's own goroutine a panic or a Goexit goes on, for the middlewares to see.
		if returned || onAttemptGoroutine() {
			return
		}
		if value := recover(); value != nil {
			caught := newPanicError(value)
			i.mu.Lock()
			i.caught = caught
			i.mu.Unlock()
			err = caught
		} else {
			i.a.cancel(ErrGoexit) // what waits for next would wait for ever
		}
	}()
	err = i.a.supervisor.plan.registration.worker.Run(ctx)
	returned = true

	return err
}

// onAttemptGoroutine reports whether its caller runs on the goroutine of an attempt, and not on one that a middleware has started.
func onAttemptGoroutine() bool {
	pcs := make([]uintptr, 128)
	n := runtime.Callers(1, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 4*len(pcs))
		n = runtime.Callers(1, pcs)
	}

	for frames, more := runtime.CallersFrames(pcs[:n]), true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); strings.HasSuffix(frame.Function, "worker.(*attempt).runWrapped") {
			return true
		}
	}

	return false
}
