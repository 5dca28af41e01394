package worker

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ExecutionOptions are options for the [Worker] executions.
type ExecutionOptions struct {
	DeferredStartThreshold float64      // see [WithDeferredStartThreshold]
	MaxExecutionsAttempts  int          // see [WithMaxExecutionsAttempts]
	Middlewares            []Middleware // see [WithMiddlewares]

	Backoff            BackoffFunc      // see [WithBackoff]
	HealthyAfter       time.Duration    // see [WithHealthyAfter]
	RestartPolicy      RestartPolicy    // see [WithRestartPolicy]
	RestartLimit       int              // see [WithRestartLimit]
	RestartLimitWithin time.Duration    // likewise
	AttemptTimeout     time.Duration    // see [WithAttemptTimeout]
	Heartbeat          time.Duration    // see [WithHeartbeat]
	Schedule           Schedule         // see [WithSchedule]
	Readiness          bool             // see [WithReadiness]
	ReadyWithin        time.Duration    // likewise
	ReadyOnSuccess     bool             // see [WithReadyOnSuccess]
	DependsOn          []string         // see [WithDependsOn]
	Optional           bool             // see [WithOptional]
	StopStage          int              // see [WithStopStage]
	StopTimeout        time.Duration    // see [WithStopTimeout]
	StopErrors         func(error) bool // see [WithStopErrors]
	StopPoolOnFailure  bool             // see [WithStopPoolOnFailure]

	ownRestartPolicy bool // whether RestartPolicy is not the global one
}

// RestartPolicy says after which outcomes a worker is run again, as long as it has attempts left.
type RestartPolicy int

// The restart policies.
const (
	RestartOnFailure RestartPolicy = iota // after an error, a panic or a Goexit
	RestartAlways                         // after a success too
)

// DefaultWorkerExecutionOptions are the default options for the [Worker] executions.
func DefaultWorkerExecutionOptions() ExecutionOptions {
	return ExecutionOptions{
		DeferredStartThreshold: DefaultDeferredStartThreshold,
		MaxExecutionsAttempts:  DefaultMaxExecutionsAttempts,
		Middlewares:            []Middleware{},
	}
}

// WorkerExecutionOption are functional options for the [Worker] executions. What they set wins over the pool's global options.
type WorkerExecutionOption func(o *ExecutionOptions)

// WithDeferredStartThreshold sets the worker deferred start threshold, in seconds: how long the pool waits before the worker's
// first attempt. Fractions count. 0, the default, and negative values mean no wait. Infinity, and values that a [time.Duration]
// cannot hold, mean a wait until the worker is stopped. A value that is not a number is an error of [WorkerPoolFactory.Create].
func WithDeferredStartThreshold(t float64) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.DeferredStartThreshold = t
	}
}

// WithMaxExecutionsAttempts sets the worker max execution attempts: how often it is run at most, the first
// attempt included, as long as it fails. The default is 1. [UnlimitedExecutionsAttempts] means no maximum; 0 and other
// negative values mean one attempt, and are reported as they are.
func WithMaxExecutionsAttempts(l int) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.MaxExecutionsAttempts = l
	}
}

// WithMiddlewares wraps each attempt of the worker into middlewares, the first one outermost. It adds to those of
// an earlier option, and to the global ones, which are outside of them.
func WithMiddlewares(middlewares ...Middleware) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Middlewares = append(o.Middlewares, middlewares...)
	}
}

// WithBackoff sets how long the worker waits before it is run again, so it has no effect on a worker with a single attempt
// ([WithMaxExecutionsAttempts]). nil, the default, means no wait. With [UnlimitedExecutionsAttempts], however, nil means
// ExponentialBackoff(100ms, 30s); for no wait there, use [ConstantBackoff] of 0.
func WithBackoff(backoff BackoffFunc) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Backoff = backoff
	}
}

// WithHealthyAfter sets when the worker counts as healthy: once its Run has lasted for d, the row of failures before it is over. If it
// fails in the end, that failure counts as the first again, for the backoff and for the maximum of attempts. With [WithHeartbeat] only
// the time up to the last beat counts, and the wait in a middleware never does. The default, 0, and negative values mean never. Without
// another attempt ([WithMaxExecutionsAttempts]) it changes nothing but the report.
func WithHealthyAfter(d time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.HealthyAfter = d
	}
}

// WithRestartPolicy sets after which outcomes the worker is run again, as long as it has attempts left: that needs
// [WithMaxExecutionsAttempts] too, and with [RestartAlways] successes count against the maximum. The default is [RestartOnFailure].
// RestartAlways beside a schedule ([WithSchedule]) is an error of [WorkerPoolFactory.Create]; the global one does not apply there.
func WithRestartPolicy(policy RestartPolicy) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.RestartPolicy, o.ownRestartPolicy = policy, true
	}
}

// WithHeartbeat watches the worker: if it does not call [Heartbeat] for timeout, its status becomes [Stuck], the stacks of its
// goroutines are logged, and its attempt is cancelled with [ErrHeartbeatMissed] as the cause. The attempt has failed then, whatever
// Run returns, unless the worker is told to stop before Run returns. A restart follows as after any failure, but only once Run has
// returned. A beat makes the status [Running] again, but the attempt has failed all the same. The watch lasts as long as the
// attempt, while the worker drains in a stop too. Silence is noticed within a tenth of timeout. The default, 0, and negative values
// mean no watch.
func WithHeartbeat(timeout time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Heartbeat = timeout
	}
}

// WithStopStage stops workers one after the other, by a number that may be negative: when the pool stops, those of a lower stage are
// cancelled, and have ended, before those of a higher one are cancelled. No attempt begins meanwhile: a worker of a higher stage that
// is deferred, waits or fails then is not run again. The default is 0 for all workers, which then stop together.
//
// The workers of the stage that is lowest at Start see the end of Start's context at once, with its own error and deadline. Those
// that others depend on do not, and no worker does with a [WithGlobalStopDelay]. A worker of an even lower stage that is registered
// later sees that end at the same time as they do; only Stop and Shutdown stop it before them.
func WithStopStage(n int) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.StopStage = n
	}
}

// WithStopPoolOnFailure stops the whole pool once the worker has given up: after its last attempt has failed, or one failed with a
// [Permanent] error. The cause of the other workers' contexts is its [*WorkerError].
func WithStopPoolOnFailure() WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.StopPoolOnFailure = true
	}
}

// WithRestartLimit makes the worker give up when it would be restarted more than n times within a duration: at each moment t,
// restarts after t-within and up to t count. Retries and the restarts of [RestartAlways] count; those of [WorkerPool.RestartWorker]
// and the runs of a schedule do not. Where a scheduled run reaches it, that run gives up. The maximum of attempts, which
// [WithHealthyAfter] sets back, applies as well. The worker keeps the times of its last n restarts. n < 1, the default, means no
// limit.
//
// It is what Erlang/OTP calls restart intensity, and systemd StartLimitBurst and StartLimitIntervalSec.
func WithRestartLimit(n int, within time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.RestartLimit, o.RestartLimitWithin = n, within
	}
}

// WithAttemptTimeout bounds how long an attempt of the worker may take, middlewares included: its context has that deadline, and
// one that runs into it has failed with [ErrAttemptTimeout], whatever it returns. Nothing can end a goroutine from outside: a retry
// begins only once Run has returned. A worker that was told to stop before the deadline counts as stopped, and not as timed out,
// even if it returns after it. The default, 0, and negative values mean no bound.
func WithAttemptTimeout(d time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.AttemptTimeout = d
	}
}

// WithSchedule runs the worker at each due time of a schedule, and not at the start: each run is an attempt, with its id, events, log,
// span, duration and count, and between two the worker is [Waiting], with the due time as its NextAttemptAt. A run that fails is
// retried as the worker's other options say; the numbers of attempts, the backoff and [WithHealthyAfter] begin anew with each run. A run
// that gives up leaves the worker waiting for the next due time, unless its error is [Permanent] or it has [WithStopPoolOnFailure].
//
// Runs never overlap: due times that pass during a run are left out, and one event tells how many; a run that is due just as
// another one ends is run. Waits follow the clock on the wall: after it was set, or the machine suspended, a run is late by a
// minute at most. Where the clock is set back, the next due time comes later, and none is run twice.
//
// nil means none. The pool understands no cron syntax: any parser's schedule will do. For calls that are too frequent for a log
// line each, see [NewPeriodicWorker].
func WithSchedule(schedule Schedule) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Schedule = schedule
	}
}

// WithReadiness makes the worker ready only once it calls [Ready] in its attempt, or has succeeded. An attempt that is not ready within
// the given time is cancelled with [ErrNotReady] as the cause, and has failed. 0 or less means no bound.
func WithReadiness(within time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Readiness, o.ReadyWithin = true, within
	}
}

// WithReadyOnSuccess makes the worker ready only once it has succeeded: for migrations, and whatever else is to be done once before
// others begin.
func WithReadyOnSuccess() WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.ReadyOnSuccess = true
	}
}

// WithDependsOn lets the worker begin only after others: it is [Pending] until each of them has been ready once in its execution.
// What it depends on needs [WithReadyOnSuccess] (a migration) or [WithReadiness] (a cache that warms up): without either, a
// dependency is ready as soon as its attempt is running, and the worker begins while that is still at work. A deferral
// ([WithDeferredStartThreshold]) counts from the moment when all are ready.
//
// A dependency that ends without having been ready (it gave up, or was stopped by [WorkerPool.StopWorker]) makes the worker end in
// [Error] without an attempt, with a [*DependencyError]; it has given up then, and so have those that depend on it in turn. Once
// begun, a worker is not told of later failures of what it depends on. A stop goes the other way, whoever began it: a dependency is
// told once all that depend on it have ended. There is one exception: if the attempt of a dependency was running already when its
// first dependent was registered, that attempt sees the end of Start's context at once.
//
// Several options add up. A dependency on itself, a cycle, and a [WithStopStage] that would stop a dependency before its dependent are
// errors of [WorkerPoolFactory.Create] and [WorkerPool.Start], and a name that nobody has registered is one of Start; a running pool
// refuses such a registration.
func WithDependsOn(names ...string) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		for _, name := range names {
			if !slices.Contains(o.DependsOn, name) {
				o.DependsOn = append(slices.Clip(o.DependsOn), name)
			}
		}
	}
}

// WithOptional lets the pool be live and ready without the worker: probes and [WorkerPool.WaitReady] pass over it.
func WithOptional() WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Optional = true
	}
}

// WithStopTimeout bounds how long the worker may hold up a stop: once it has not ended within d after it was told to stop, later stages
// and what it depends on are told as if it had. The stop still waits for it, up to [WithGlobalStopTimeout], and has succeeded if it ended
// by then. The default, 0, and negative values mean that it holds up the stop until it has ended.
func WithStopTimeout(d time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.StopTimeout = d
	}
}

// WithStopErrors sets which errors of a worker that was told to stop are a stop, and not a failure: a server's "closed", a gRPC
// status. The error of its context is one in any case. The function is not asked about an attempt that has timed out, or that missed
// its heartbeat or was not ready in time before it was told to stop. It may be called by several goroutines at once; a panic in it
// means no. It wins over [WithGlobalStopErrors], and nil is none.
func WithStopErrors(is func(error) bool) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.StopErrors = is
	}
}

// normalize replaces each value that stands for another by that, and returns what is wrong with the options.
func (o *ExecutionOptions) normalize() error {
	if math.IsNaN(o.DeferredStartThreshold) {
		return errors.New("deferred start threshold is not a number")
	}

	if i := slices.Index(o.Middlewares, nil); i >= 0 {
		return fmt.Errorf("middleware %d is nil", i+1)
	}

	if o.RestartPolicy != RestartOnFailure && o.RestartPolicy != RestartAlways {
		return fmt.Errorf("unknown restart policy %d", o.RestartPolicy)
	}

	if err := o.checkSchedule(); err != nil {
		return err
	}

	if slices.Contains(o.DependsOn, "") {
		return errors.New("dependency with an empty name")
	}
	// An option that sets the field itself may name one twice, and keeps its slice.
	names := o.DependsOn
	o.DependsOn = nil
	WithDependsOn(names...)(o)

	if o.MaxExecutionsAttempts == UnlimitedExecutionsAttempts && o.Backoff == nil {
		o.Backoff = defaultBackoff
	}

	return nil
}

func (o *ExecutionOptions) checkSchedule() error {
	if o.Schedule == nil {
		return nil
	}
	if interval, ok := o.Schedule.(every); ok && interval <= 0 {
		return fmt.Errorf("schedule: interval %s is not positive", time.Duration(interval))
	}
	if o.RestartPolicy == RestartAlways && o.ownRestartPolicy {
		return errors.New("RestartAlways beside a schedule, which runs the worker again after a success")
	}

	return nil
}

// isStop reports whether an error of a worker that was told to stop is a stop, and not a failure.
func (o *ExecutionOptions) isStop(err error) (is bool) {
	if o.StopErrors != nil {
		_ = guard(func() { is = o.StopErrors(err) })
	}

	return is
}

// told returns the options that are not the default, and that a report does not tell otherwise, for people to read.
func (o *ExecutionOptions) told() map[string]string {
	var told map[string]string
	tell := func(is bool, name string, value any) {
		if !is {
			return
		}
		if told == nil {
			told = map[string]string{}
		}
		told[name] = fmt.Sprint(value)
	}

	tell(o.AttemptTimeout > 0, "attemptTimeout", o.AttemptTimeout)
	tell(o.HealthyAfter > 0, "healthyAfter", o.HealthyAfter)
	tell(o.RestartPolicy == RestartAlways && o.Schedule == nil, "restartPolicy", "always")
	tell(o.StopStage != 0, "stopStage", o.StopStage)
	tell(o.StopTimeout > 0, "stopTimeout", o.StopTimeout)
	tell(o.ReadyOnSuccess, "readiness", "on success")
	if o.RestartLimit > 0 {
		tell(true, "restartLimit", fmt.Sprintf("%d within %s", o.RestartLimit, o.RestartLimitWithin))
	}
	if o.DeferredStartThreshold > 0 {
		tell(true, "deferredStart", fmt.Sprintf("%gs", o.DeferredStartThreshold))
	}
	if o.Readiness {
		tell(o.ReadyWithin > 0, "readiness", "within "+o.ReadyWithin.String())
		tell(o.ReadyWithin <= 0, "readiness", "when it says so")
	}

	return told
}
