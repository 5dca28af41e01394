// Package worker runs the background work of a service: each [Worker] of a [WorkerPool] on goroutines of its own, one at a time, with
// dependencies, schedules, restarts, panic recovery, logs (zerolog), traces (OpenTelemetry) and metrics (Prometheus), and an account of
// all that happened to it, the [WorkerExecution].
//
//	pool, err := worker.NewDefaultWorkerPoolFactory().Create(
//		worker.WithGlobalBackoff(worker.ExponentialBackoff(time.Second, time.Minute)),
//		worker.WithWorker(mailer, worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)),
//	)
//	if err != nil {
//		return err
//	}
//	return pool.Run(ctx)
//
// [WorkerPool.Run] is [WorkerPool.Start], the wait for the end, and [WorkerPool.Shutdown]; a program that has more to do than to
// run a pool calls these itself.
//
// # Statuses
//
//	Unknown ─Start─▶ [Pending: dependencies] ─▶ [Deferred] ─▶ [Waiting: schedule] ─▶ Running ─ nil ─▶ Success
//	Running ─ error, panic, Goexit ─▶ Error ─ attempts left ─▶ [Waiting: backoff] ─▶ Running
//	Running ─ own context done, returned its error ─▶ Stopped       Pending, Deferred, Waiting ─ told to stop ─▶ Stopped
//	Running ─ heartbeat missed ─▶ Stuck ─ beats again ─▶ Running,   Stuck, or Running after a miss ─ Run returns, whatever ─▶ Error
//	Success, or Error with no attempts left ─ has a schedule ─▶ Waiting          Pending ─ a dependency failed ─▶ Error
//
// With [RestartAlways], Success is followed by another attempt as Error is. A worker that was told to stop while it was Stuck ends as
// if it had been Running.
//
// # Starting
//
// A worker is ready once its attempt is running, or, with [WithReadiness], once it calls [Ready], or, with [WithReadyOnSuccess],
// once it has succeeded. Workers that depend on it ([WithDependsOn]) begin then. [WorkerPool.WaitReady] waits until all are ready,
// and [WorkerPool.Health] says what the probes answer. A worker with a schedule ([WithSchedule]) is run at each due time.
//
// # Restarting
//
// A worker that failed is run again as long as it has attempts left ([WithMaxExecutionsAttempts]), after a wait ([WithBackoff]),
// unless its error is [Permanent], or it was restarted too often ([WithRestartLimit]). Once an attempt has run for long enough
// ([WithHealthyAfter]), the row of failures is over: the next failure counts as the first. [RestartAlways] restarts after a success
// too. A worker that no longer tells that it is alive ([WithHeartbeat]), or takes too long ([WithAttemptTimeout]), has failed as
// well, but is not restarted before its Run has returned.
//
// # Ending
//
// Once a stop has begun no attempt begins. What Run returns after its context is done decides how the worker ends: nil is a
// [Success]; the context's error, wrapped or not, or one of [WithStopErrors], means [Stopped]; anything else is an [Error], and so
// is an error that joins the context's error with another one ([errors.Join]). It is not restarted in any case. [context.Cause]
// tells why the context is done: [ErrPoolStopped], [ErrWorkerStopped], [ErrHeartbeatMissed], [ErrNotReady], [ErrAttemptTimeout],
// the [*WorkerError] of a worker with [WithStopPoolOnFailure], or what ended the context of Start.
//
// Nothing can end a goroutine from outside. A stop that takes too long therefore returns a [*StopError], which names the workers
// that have not ended, and tells where they are.
//
// # Concurrency
//
// A pool and its executions are safe for concurrent use. Each attempt of a worker has a goroutine of its own. The next attempt
// begins once Run and its middlewares have returned and their context is cancelled. The pool holds no lock while it calls a user's
// code (a worker, a middleware, an id generator, a log writer, a schedule, the methods of contexts, errors and panic values), and
// recovers a panic of that code on the goroutine on which it called it. If such code calls [WorkerPool.Stop], or another method
// that waits for the worker that it is called for, without a bound, the call waits for itself and never returns.
//
// # Names
//
// Some names, such as Id or WorkerExecutionID, are not what Go's conventions ask for: they mirror the documented API of the
// published github.com/ankorstore/yokai/worker, which this module replaces.
package worker

import (
	"context"
	"errors"
)

// Worker is a unit of background work that a [WorkerPool] runs.
//
// The pool reads Name once, when the worker is registered: it is the key of the worker in the pool and must not be empty.
//
// Run does the work. It returns nil when the work is done, or an error when it failed, and it should return soon after ctx is done:
// nothing can end a goroutine from outside, so a Run that ignores its context delays the stop of its pool. Returning ctx's own
// error then is a stop, not a failure. A panic or a [runtime.Goexit] in Run is a failure like an error. Once Run has returned, ctx
// is cancelled.
//
// One worker is never run twice at the same time by one pool.
type Worker interface {
	// Name returns the name of the worker.
	Name() string
	// Run does the work, until it is done or ctx is.
	Run(ctx context.Context) error
}

// FuncWorker is a [Worker] of a name and a function, made by [NewFuncWorker].
type FuncWorker struct {
	name string
	run  HandlerFunc
}

// NewFuncWorker returns a [Worker] of a name and a function. A nil function is an error of the registration, like an empty name. If
// the worker is embedded in another type so that the registration cannot see this, its first attempt fails instead, with a
// [Permanent] error.
func NewFuncWorker(name string, run HandlerFunc) *FuncWorker {
	return &FuncWorker{name: name, run: run}
}

// Name returns the name of the worker.
func (w *FuncWorker) Name() string {
	return w.name
}

// Run calls the function.
func (w *FuncWorker) Run(ctx context.Context) error {
	if err := w.invalid(); err != nil {
		return Permanent(err)
	}

	return w.run(ctx)
}

// invalid returns why the worker cannot be registered.
func (w *FuncWorker) invalid() error {
	if w == nil {
		return errors.New("nil worker")
	}
	if w.run == nil {
		return errors.New("nil run function")
	}

	return nil
}
