package worker

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ankorstore/yokai/generate/uuid"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The defaults of the options.
const (
	DefaultDeferredStartThreshold = 0  // seconds: start at once
	DefaultMaxExecutionsAttempts  = 1  // no restarts
	DefaultMetricsNamespace       = "" // no prefix
	DefaultMetricsSubsystem       = "" // no prefix
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
}

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
// an earlier option.
func WithMiddlewares(middlewares ...Middleware) WorkerExecutionOption {
	return func(o *ExecutionOptions) {
		o.Middlewares = append(o.Middlewares, middlewares...)
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
	}
	if o.Metrics == nil {
		o.Metrics = defaults.Metrics
	}
	if o.Generator == nil {
		o.Generator = defaults.Generator
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

	if o.MaxExecutionsAttempts < 1 && o.MaxExecutionsAttempts != UnlimitedExecutionsAttempts {
		o.MaxExecutionsAttempts = 1
	}

	return o, nil
}
