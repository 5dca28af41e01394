package worker

import (
	"errors"
	"runtime/debug"
)

var (
	// ErrPoolAlreadyStarted is returned by [WorkerPool.Start] on a pool that was started and not stopped since, or that
	// is still stopping.
	ErrPoolAlreadyStarted = errors.New("worker pool is already started")

	// ErrPoolNotStarted is returned by [WorkerPool.RestartWorker] on a pool that is not started, or that is stopping.
	ErrPoolNotStarted = errors.New("worker pool is not started")

	// ErrStopTimeout is what [errors.Is] finds in a [*StopError]. That is returned by [WorkerPool.Stop], [WorkerPool.Shutdown] and
	// the like when a worker has not stopped in time.
	ErrStopTimeout = errors.New("stop timed out")

	// ErrPoolStopped is the cause ([context.Cause]) of a worker's context that was cancelled by [WorkerPool.Stop] or
	// [WorkerPool.Shutdown].
	ErrPoolStopped = errors.New("worker pool was stopped")

	// ErrWorkerStopped is the cause of a worker's context that was cancelled by [WorkerPool.StopWorker],
	// [WorkerPool.RestartWorker] or [WorkerPool.Unregister].
	ErrWorkerStopped = errors.New("worker was stopped")

	// ErrHeartbeatMissed is the cause of an attempt's context that was cancelled because of [WithHeartbeat], and part of the
	// error of that attempt, unless it panicked.
	ErrHeartbeatMissed = errors.New("heartbeat missed")

	// ErrNotReady is the cause of an attempt's context that was cancelled because of [WithReadiness], and part of the error of that
	// attempt, unless it panicked.
	ErrNotReady = errors.New("not ready in time")

	// ErrAttemptTimeout is the cause of an attempt's context that has run into the deadline of [WithAttemptTimeout], and part of the
	// error of that attempt, unless it panicked.
	ErrAttemptTimeout = errors.New("attempt timed out")

	// ErrGoexit is the error of an attempt that ended in [runtime.Goexit].
	ErrGoexit = errors.New("runtime.Goexit was called")

	errNilContext = errors.New("nil context") // of a method that was called without one
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
	return panicText + printed(e.Value)
}

const panicText = "recovered panic: "

// Unwrap returns the recovered value where that is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)

	return err
}

// WorkerError is the error of a worker that has ended in [Error].
type WorkerError struct {
	Worker      string // its name
	ExecutionID string // of its last attempt
	Attempt     int    // the number of its last attempt
	Err         error  // what Run returned, a [*PanicError], [ErrGoexit], or what is wrong with its schedule
}

// Error returns the name of the worker and the text of its error.
func (e *WorkerError) Error() string {
	return "worker " + e.Worker + ": " + textOf(e.Err)
}

// Unwrap returns the worker's own error.
func (e *WorkerError) Unwrap() error {
	return e.Err
}

// permanentError is an error that no further attempt can fix.
type permanentError struct{ error }

// Permanent marks an error as one that no further attempt can fix: a worker that returns it, wrapped or not, is not run again,
// whatever its options say. The text of the error stays the same, and [errors.Is] and [errors.As] see through the mark; to find the
// mark itself, use errors.As with an interface{ Permanent() bool }. nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}

	return &permanentError{err}
}

// Unwrap returns the error that was marked.
func (e *permanentError) Unwrap() error {
	return e.error
}

// Permanent reports true; packages that handle errors for a worker look for this method.
func (e *permanentError) Permanent() bool {
	return true
}

// unmarked returns an error without the mark: what package zerolog, or a program's function for it, does with an error of its type.
func unmarked(err error) error {
	for {
		marked, ok := err.(*permanentError)
		if !ok {
			return err
		}
		err = marked.error
	}
}
