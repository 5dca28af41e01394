package worker

import "context"

// Worker is a unit of background work that a [WorkerPool] runs.
//
// The pool reads Name once, when the worker is registered: it is the key of the worker in the pool and must not be empty.
//
// Run does the work. It returns nil when the work is done, or an error when it failed, and it should return soon after ctx
// is done: nothing can end a goroutine from outside, so a Run that ignores its context delays the stop of its pool.
// Returning ctx's own error then is a stop, not a failure. A panic or a [runtime.Goexit] in Run is a failure like an
// error. Whenever Run returned, ctx is cancelled.
//
// One worker is never run twice at the same time by one pool.
type Worker interface {
	Name() string
	Run(ctx context.Context) error
}
