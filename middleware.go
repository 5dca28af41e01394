package worker

import (
	"context"
	"fmt"
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
