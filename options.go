package worker

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The defaults of the options.
const (
	DefaultDeferredStartThreshold = 0  // seconds: start at once
	DefaultMaxExecutionsAttempts  = 1  // no restarts
	DefaultMetricsNamespace       = "" // no prefix
	DefaultMetricsSubsystem       = "" // no prefix
	DefaultMaxEvents              = 1000
)

// UnlimitedExecutionsAttempts is the maximum of execution attempts that is never reached.
const UnlimitedExecutionsAttempts = -1

// PoolOptions are options for the [WorkerPoolFactory] implementations.
type PoolOptions struct {
	GlobalDeferredStartThreshold float64                        // see [WithGlobalDeferredStartThreshold]
	GlobalMaxExecutionsAttempts  int                            // see [WithGlobalMaxExecutionsAttempts]
	Metrics                      *WorkerMetrics                 // see [WithMetrics]
	Generator                    uuid.UuidGenerator             // see [WithGenerator]
	Registrations                map[string]*WorkerRegistration // by worker name, see [WithWorker]
	TracerProvider               oteltrace.TracerProvider       // see [WithTracerProvider]
	GlobalBackoff                BackoffFunc                    // see [WithGlobalBackoff]
	GlobalHealthyAfter           time.Duration                  // see [WithGlobalHealthyAfter]
	GlobalRestartPolicy          RestartPolicy                  // see [WithGlobalRestartPolicy]
	GlobalMiddlewares            []Middleware                   // see [WithGlobalMiddlewares]
	GlobalStopTimeout            time.Duration                  // see [WithGlobalStopTimeout]
	GlobalMaxEvents              int                            // see [WithGlobalMaxEvents]
	GlobalListener               func(Transition)               // see [WithGlobalListener]

	registered []*WorkerRegistration // those of WithWorker in its order, the invalid ones too
}

// DefaultWorkerPoolOptions are the default options used in the [DefaultWorkerPoolFactory].
func DefaultWorkerPoolOptions() PoolOptions {
	return PoolOptions{
		GlobalDeferredStartThreshold: DefaultDeferredStartThreshold,
		GlobalMaxExecutionsAttempts:  DefaultMaxExecutionsAttempts,
		Metrics:                      NewWorkerMetrics(DefaultMetricsNamespace, DefaultMetricsSubsystem),
		Generator:                    uuid.NewDefaultUuidGenerator(),
		Registrations:                map[string]*WorkerRegistration{},
		GlobalMaxEvents:              DefaultMaxEvents,
	}
}

// WorkerPoolOption are functional options for the [WorkerPoolFactory] implementations.
type WorkerPoolOption func(o *PoolOptions)

// WithGenerator is used to specify the [uuid.UuidGenerator] to use by the [WorkerPool], for the id of each attempt.
//
// The pool calls it from the goroutines of its workers, so it must be safe for concurrent use. Where it panics or returns
// an empty id, the default generator's id is used, and the failure logged. nil means the default: random UUIDs.
func WithGenerator(generator uuid.UuidGenerator) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.Generator = generator
	}
}

// WithMetrics is used to specify the [WorkerMetrics] to use by the [WorkerPool]. nil means the default: metrics of their own
// for each pool, without namespace and subsystem.
func WithMetrics(metrics *WorkerMetrics) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.Metrics = metrics
	}
}

// WithTracerProvider is used to specify the [oteltrace.TracerProvider] of [CtxTracer] in the workers. nil means the default:
// the provider of the active span, or OpenTelemetry's global one.
func WithTracerProvider(provider oteltrace.TracerProvider) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.TracerProvider = provider
	}
}

// WithGlobalMaxExecutionsAttempts is used to specify the global workers max execution attempts: [WithMaxExecutionsAttempts]
// for each worker that has none of its own.
func WithGlobalMaxExecutionsAttempts(max int) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalMaxExecutionsAttempts = max
	}
}

// WithGlobalDeferredStartThreshold is used to specify the global workers deferred start threshold, in seconds:
// [WithDeferredStartThreshold] for each worker that has none of its own.
func WithGlobalDeferredStartThreshold(threshold float64) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalDeferredStartThreshold = threshold
	}
}

// WithGlobalBackoff is used to specify the global workers backoff: [WithBackoff] for each worker that has none of its own.
func WithGlobalBackoff(backoff BackoffFunc) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalBackoff = backoff
	}
}

// WithGlobalHealthyAfter is used to specify the global workers healthy time: [WithHealthyAfter] for each worker that has none of
// its own.
func WithGlobalHealthyAfter(d time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalHealthyAfter = d
	}
}

// WithGlobalRestartPolicy is used to specify the global workers restart policy: [WithRestartPolicy] for each worker that has none
// of its own.
func WithGlobalRestartPolicy(policy RestartPolicy) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalRestartPolicy = policy
	}
}

// WithGlobalMiddlewares is used to wrap each attempt of all workers into middlewares, the first one outermost, and outside of the
// workers' own. It adds to those of an earlier option.
func WithGlobalMiddlewares(middlewares ...Middleware) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalMiddlewares = append(o.GlobalMiddlewares, middlewares...)
	}
}

// WithGlobalStopTimeout is used to bound how long [WorkerPool.Stop], [WorkerPool.Shutdown], [WorkerPool.StopWorker] and
// [WorkerPool.RestartWorker] wait for workers to end. The default, 0, and negative values mean no bound.
func WithGlobalStopTimeout(d time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalStopTimeout = d
	}
}

// WithGlobalMaxEvents is used to bound the events that each execution keeps, to the newest n. The default is [DefaultMaxEvents]; 0
// and negative values mean no bound.
func WithGlobalMaxEvents(n int) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalMaxEvents = n
	}
}

// WithGlobalListener is used to be told of each [Transition] of each worker.
//
// The listener is called on the worker's goroutine, so for one worker in order, and for several at once; only a missed heartbeat
// and its end come from another goroutine, while the worker's own is in Run. It holds the worker up for as long as it takes, and
// must not wait for the worker. A panic in it is recovered and logged. nil means none.
func WithGlobalListener(listener func(Transition)) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalListener = listener
	}
}

// WithWorker is used to register a [Worker] in the [WorkerPool], with an optional list of [WorkerExecutionOption]. A worker of
// the same name that was registered before is replaced.
func WithWorker(worker Worker, options ...WorkerExecutionOption) WorkerPoolOption {
	return func(o *PoolOptions) {
		registration := NewWorkerRegistration(worker, options...)
		o.registered = append(o.registered, registration)

		if registration.err != nil {
			return
		}

		if o.Registrations == nil {
			o.Registrations = map[string]*WorkerRegistration{}
		}
		o.Registrations[registration.name] = registration
	}
}

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

const (
	RestartOnFailure RestartPolicy = iota // after an error, a panic or a Goexit
	RestartAlways                         // after a success too
)

// DefaultWorkerExecutionOptions are the default options for the [Worker] executions.
func DefaultWorkerExecutionOptions() ExecutionOptions {
	return ExecutionOptions{
		DeferredStartThreshold: DefaultDeferredStartThreshold,
		MaxExecutionsAttempts:  DefaultMaxExecutionsAttempts,
	}
}

// WorkerExecutionOption are functional options for the [Worker] executions. What they set wins over the pool's global options.
type WorkerExecutionOption func(o *ExecutionOptions)

// WithDeferredStartThreshold is used to specify the worker deferred start threshold, in seconds: how long the pool waits
// before the worker's first attempt. Fractions count. 0, the default, and negative values mean no wait; infinity, and what a
// [time.Duration] cannot hold, a wait until the worker is stopped. A value that is not a number is an error of
// [WorkerPoolFactory.Create].
func WithDeferredStartThreshold(t float64) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.DeferredStartThreshold = t
	}
}

// WithMaxExecutionsAttempts is used to specify the worker max execution attempts: how often it is run at most, the first
// attempt included, as long as it fails. The default is 1. [UnlimitedExecutionsAttempts] means no maximum; 0 and other
// negative values mean 1.
func WithMaxExecutionsAttempts(l int) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.MaxExecutionsAttempts = l
	}
}

// WithMiddlewares is used to wrap each attempt of the worker into middlewares, the first one outermost. It adds to those of
// an earlier option, and to the global ones, which are outside of them.
func WithMiddlewares(middlewares ...Middleware) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Middlewares = append(o.Middlewares, middlewares...)
	}
}

// WithBackoff is used to specify how long the worker waits before it is run again. nil, the default, means no wait; with
// [UnlimitedExecutionsAttempts] it means ExponentialBackoff(100ms, 30s), and [ConstantBackoff] of 0 means no wait there.
func WithBackoff(backoff BackoffFunc) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Backoff = backoff
	}
}

// WithHealthyAfter is used to specify when the worker counts as healthy: an attempt that ran for d or longer ends the row of
// failures before it. If it fails in the end, that failure counts as the first again, for the backoff and for the maximum of
// attempts. The default, 0, and negative values mean never.
func WithHealthyAfter(d time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.HealthyAfter = d
	}
}

// WithRestartPolicy is used to specify after which outcomes the worker is run again. The default is [RestartOnFailure].
func WithRestartPolicy(policy RestartPolicy) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.RestartPolicy = policy
	}
}

// WithHeartbeat is used to watch the worker: if it does not call [Heartbeat] for timeout, its status becomes [Stuck], the stacks
// of its goroutines are logged, and its attempt is cancelled with [ErrHeartbeatMissed] as the cause. The attempt has failed, and
// what follows a failure follows once Run has returned, not before. Silence is noticed within a tenth of timeout. The default, 0,
// and negative values mean no watch.
func WithHeartbeat(timeout time.Duration) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Heartbeat = timeout
	}
}

// WithStopStage is used to stop workers one after the other: when the pool stops, those of a lower stage are cancelled, and have
// ended, before those of a higher one are cancelled. The default is 0 for all workers, which then stop together.
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

// resolvePoolOptions applies options to the defaults, and returns what is wrong with them.
func resolvePoolOptions(options []WorkerPoolOption) (PoolOptions, []error) {
	o := DefaultWorkerPoolOptions()
	var problems []error

	for i, option := range options {
		if option == nil {
			problems = append(problems, fmt.Errorf("pool option %d is nil", i+1))
		} else if err := call(func() { option(&o) }); err != nil {
			problems = append(problems, fmt.Errorf("pool option %d: %w", i+1, err))
		}
	}

	defaults := DefaultWorkerPoolOptions()
	if o.Metrics != nil && o.Metrics.series == nil {
		problems = append(problems, errors.New("metrics were not made by NewWorkerMetrics"))
		o.Metrics = nil
	}
	if o.Metrics == nil {
		o.Metrics = defaults.Metrics
	}
	if o.Generator == nil {
		o.Generator = defaults.Generator
	}
	if o.GlobalRestartPolicy != RestartOnFailure && o.GlobalRestartPolicy != RestartAlways {
		problems = append(problems, fmt.Errorf("unknown global restart policy %d", o.GlobalRestartPolicy))
		o.GlobalRestartPolicy = defaults.GlobalRestartPolicy
	}
	if i := slices.Index(o.GlobalMiddlewares, nil); i >= 0 {
		problems = append(problems, fmt.Errorf("global middleware %d is nil", i+1))
		o.GlobalMiddlewares = nil
	}
	if math.IsNaN(o.GlobalDeferredStartThreshold) {
		problems = append(problems, errors.New("global deferred start threshold is not a number"))
		o.GlobalDeferredStartThreshold = defaults.GlobalDeferredStartThreshold
	}

	return o, problems
}

// executionOptions returns the options of one worker: the global ones, then its own in order.
func (o PoolOptions) executionOptions(own []WorkerExecutionOption) (ExecutionOptions, error) {
	e := DefaultWorkerExecutionOptions()
	e.DeferredStartThreshold = o.GlobalDeferredStartThreshold
	e.MaxExecutionsAttempts = o.GlobalMaxExecutionsAttempts
	e.Middlewares = slices.Clone(o.GlobalMiddlewares)
	e.Backoff = o.GlobalBackoff
	e.HealthyAfter = o.GlobalHealthyAfter
	e.RestartPolicy = o.GlobalRestartPolicy

	for i, option := range own {
		if option == nil {
			return e, fmt.Errorf("option %d is nil", i+1)
		}
		if err := call(func() { option(&e) }); err != nil {
			return e, fmt.Errorf("option %d: %w", i+1, err)
		}
	}

	return e.normalized()
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

	if o.MaxExecutionsAttempts < 1 && o.MaxExecutionsAttempts != UnlimitedExecutionsAttempts {
		o.MaxExecutionsAttempts = 1
	}

	return o, nil
}
