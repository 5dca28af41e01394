package worker

import (
	"errors"
	"fmt"
	"runtime/debug"
)

var (
	// ErrPoolAlreadyStarted is returned by [WorkerPool.Start] on a pool that was started and not stopped since, or that
	// is still stopping.
	ErrPoolAlreadyStarted = errors.New("worker pool is already started")

	// ErrPoolStopped is the cause ([context.Cause]) of a worker's context that was cancelled by [WorkerPool.Stop].
	ErrPoolStopped = errors.New("worker pool was stopped")

	// ErrGoexit is the error of an attempt that ended in [runtime.Goexit].
	ErrGoexit = errors.New("runtime.Goexit was called")
)

// PanicError is the error of an attempt that ended in a panic.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // the stack of the goroutine at the panic, as of [debug.Stack]
}

// newPanicError must be called where the panic is recovered, so that the stack still shows where it came from.
func newPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// Error returns the recovered value as %v prints it.
func (e *PanicError) Error() string {
	return fmt.Sprintf("recovered panic: %v", e.Value)
}

// Unwrap returns the recovered value where that is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)

	return err
}
