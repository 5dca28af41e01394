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

	Backoff           BackoffFunc   // see [WithBackoff]
	HealthyAfter      time.Duration // see [WithHealthyAfter]
	RestartPolicy     RestartPolicy // see [WithRestartPolicy]
	Heartbeat         time.Duration // see [WithHeartbeat]
	StopStage         int           // see [WithStopStage]
	StopPoolOnFailure bool          // see [WithStopPoolOnFailure]
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

// WithDeferredStartThreshold sets the worker deferred start threshold, in seconds: how long the pool waits
// before the worker's first attempt. Fractions count. 0, the default, and negative values mean no wait; infinity, and what a
// [time.Duration] cannot hold, a wait until the worker is stopped. A value that is not a number is an error of
// [WorkerPoolFactory.Create].
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

// WithBackoff sets how long the worker waits before it is run again. nil, the default, means no wait; with
// [UnlimitedExecutionsAttempts] it means ExponentialBackoff(100ms, 30s), and [ConstantBackoff] of 0 means no wait there.
func WithBackoff(backoff BackoffFunc) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Backoff = backoff
	}
}

// WithHealthyAfter sets when the worker counts as healthy: an attempt that ran for d or longer ends the row of
// failures before it. If it fails in the end, that failure counts as the first again, for the backoff and for the maximum of
// attempts. The default, 0, and negative values mean never.
func WithHealthyAfter(d time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.HealthyAfter = d
	}
}

// WithRestartPolicy sets after which outcomes the worker is run again, as long as it has attempts left: that needs
// [WithMaxExecutionsAttempts] too, and with [RestartAlways] successes count against the maximum. The default is [RestartOnFailure].
func WithRestartPolicy(policy RestartPolicy) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.RestartPolicy = policy
	}
}

// WithHeartbeat watches the worker: if it does not call [Heartbeat] for timeout, its status becomes [Stuck], the stacks
// of its goroutines are logged, and its attempt is cancelled with [ErrHeartbeatMissed] as the cause. Once Run has returned, and not
// before, the attempt has failed if it returned an error or is still stuck, and is followed by what follows a failure. If it beats
// again and returns nil it is a success, so a worker that drains when its context is done should return [context.Cause] then, which
// is no failure where it was stopped. Silence is noticed within a tenth of timeout. The default, 0, and negative values mean no watch.
func WithHeartbeat(timeout time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Heartbeat = timeout
	}
}

// WithStopStage stops workers one after the other, by a number that may be negative: when the pool stops, those of a lower stage are
// cancelled, and have ended, before those of a higher one are cancelled. No attempt begins meanwhile: a worker of a higher stage that
// is deferred, waits or fails then is not run again. The default is 0 for all workers, which then stop together.
//
// The workers of the stage that is lowest at Start see the end of Start's context at once, with its own error and deadline. So does
// a worker of a still lower stage that is registered later: only Stop and Shutdown stop it before them.
func WithStopStage(n int) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.StopStage = n
	}
}

// WithStopPoolOnFailure is used to stop the whole pool once the worker has given up: after its last attempt has failed, or one
// failed with a [Permanent] error. The cause of the other workers' contexts is its [*WorkerError].
func WithStopPoolOnFailure() WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.StopPoolOnFailure = true
	}
}

// normalized returns the options with each value that stands for another replaced by that.
func (o ExecutionOptions) normalized() (ExecutionOptions, error) {
	if math.IsNaN(o.DeferredStartThreshold) {
		return o, errors.New("deferred start threshold is not a number")
	}

	if i := slices.Index(o.Middlewares, nil); i >= 0 {
		return o, fmt.Errorf("middleware %d is nil", i+1)
	}

	if o.RestartPolicy != RestartOnFailure && o.RestartPolicy != RestartAlways {
		return o, fmt.Errorf("unknown restart policy %d", o.RestartPolicy)
	}

	if o.MaxExecutionsAttempts == UnlimitedExecutionsAttempts && o.Backoff == nil {
		o.Backoff = ExponentialBackoff(defaultMinBackoff, defaultMaxBackoff)
	}

	return o, nil
}
