// Package worker runs the background work of a service: each [Worker] of a [WorkerPool] on a goroutine of its own, with
// deferred start, restarts, panic recovery, logs (zerolog), traces (OpenTelemetry) and metrics (Prometheus), and an account of
// all that happened to it, the [WorkerExecution].
//
//	pool, err := worker.NewDefaultWorkerPoolFactory().Create(
//		worker.WithWorker(NewMailer(), worker.WithMaxExecutionsAttempts(3)),
//	)
//	if err != nil {
//		return err
//	}
//	if err := pool.Start(ctx); err != nil {
//		return err
//	}
//	defer pool.Stop()
//
// # Statuses
//
//	Unknown ─Start─▶ Deferred ─────────▶ Running ─ nil ─▶ Success
//	   └───────── no deferral ─────────▶ Running
//	Running ─ error, panic, Goexit ─▶ Error ─ attempts left ─▶ Running
//	Running ─ own context done, returned its error ─▶ Stopped       Deferred ─ own context done ─▶ Stopped
//
// An attempt ends with an error, a panic or a [runtime.Goexit] alike: in [Error], and the worker is run again as long as its
// options allow and nobody stops it. What a worker does after its context is done decides how it ends: with nil it is a
// [Success], with its context's error it was [Stopped], anything else is an [Error].
//
// # Concurrency
//
// All of a pool and its executions is safe for concurrent use. One worker is run by one goroutine, one attempt after the
// other, and the context of an attempt is cancelled before the next begins. The pool holds no lock while it calls a user's
// code (a worker, a middleware, an id generator, a log writer), and recovers its panics.
//
// # Names
//
// Some names, such as Id or WorkerExecutionID, are not what Go's conventions ask for: they mirror the documented API of the
// published github.com/ankorstore/yokai/worker, whose place this module takes.
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
