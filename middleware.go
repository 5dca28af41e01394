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
// The error of the outermost middleware is that of the attempt. The attempt lasts until both have returned, the outermost
// middleware and Run. If a middleware does not wait for Run, the context is cancelled when the outermost one returns, and a next
// that is called later returns the context's error without calling Run. A next that is called while Run is running waits until that
// has returned, or its own context is done. A panic of Run goes through a middleware that calls next on its own goroutine; on
// another goroutine, next returns it as a [*PanicError].
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

	mu      sync.Mutex    // guards the fields below
	closed  bool          // the outermost middleware has returned
	running chan struct{} // closed once the Run that goes on has returned, nil if none does
	caught  *PanicError
}

// runWrapped runs the worker within its middlewares, and returns once both have ended.
func (a *attempt) runWrapped(middlewares []Middleware) error {
	inner := &innermost{a: a}
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
	i.closed = true
	running := i.running // the last one: no other begins
	i.mu.Unlock()

	if running != nil {
		i.a.cancel(nil)
		<-running
	}
}

// enter waits until no Run is running, and returns an error where none may begin any more. So a middleware that tries anew after another
// one has not waited for Run does not run the worker twice at the same time.
func (i *innermost) enter(ctx context.Context) error {
	for {
		running, entered := i.tryEnter()
		switch {
		case entered:
			i.a.noteRun(time.Now())
			return nil
		case running == nil:
			return cmp.Or(context.Cause(i.a), context.Canceled) // which the attempt's own is about to be
		}

		select {
		case <-running:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-i.a.Done():
			return context.Cause(i.a)
		}
	}
}

// tryEnter enters if nothing is running; else it returns a channel that is closed then, or nil if the attempt is over.
func (i *innermost) tryEnter() (running <-chan struct{}, entered bool) {
	i.mu.Lock()
	defer i.mu.Unlock()

	switch {
	case i.closed:
		return nil, false
	case i.running != nil:
		return i.running, false
	}
	i.running = make(chan struct{})

	return nil, true
}

func (i *innermost) leave() {
	i.mu.Lock()
	defer i.mu.Unlock()

	i.a.noteRunEnd(time.Now())
	close(i.running)
	i.running = nil
}

func (i *innermost) has(caught *PanicError) bool {
	i.mu.Lock()
	defer i.mu.Unlock()

	return i.caught == caught
}

// handle is the next of the innermost middleware.
func (i *innermost) handle(ctx context.Context) (err error) {
	if err := i.enter(ctx); err != nil {
		return err
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
