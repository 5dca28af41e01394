package worker

import (
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
	GlobalRestartLimit           int                            // see [WithGlobalRestartLimit]
	GlobalRestartLimitWithin     time.Duration                  // likewise
	GlobalAttemptTimeout         time.Duration                  // see [WithGlobalAttemptTimeout]
	GlobalStopTimeout            time.Duration                  // see [WithGlobalStopTimeout]
	GlobalStopDelay              time.Duration                  // see [WithGlobalStopDelay]
	GlobalStopErrors             func(error) bool               // see [WithGlobalStopErrors]
	GlobalMaxEvents              int                            // see [WithGlobalMaxEvents]
	GlobalListener               func(Transition)               // see [WithGlobalListener]
	PoolLogs                     bool                           // see [WithPoolLogs]

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

// WithGenerator sets the [uuid.UuidGenerator] to use by the [WorkerPool], for the id of each attempt.
//
// The pool calls it from the goroutines of its workers, so it must be safe for concurrent use. Where it panics, ends its goroutine
// or returns an empty id, the default generator's id is used, and the failure logged. nil means the default: random UUIDs.
func WithGenerator(generator uuid.UuidGenerator) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.Generator = generator
	}
}

// WithMetrics sets the [WorkerMetrics] to use by the [WorkerPool]. nil means the default: metrics of their own
// for each pool, without namespace and subsystem.
func WithMetrics(metrics *WorkerMetrics) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.Metrics = metrics
	}
}

// WithTracerProvider sets the [oteltrace.TracerProvider] of [CtxTracer] in the workers. nil means the default:
// the provider of the active span, or OpenTelemetry's global one.
func WithTracerProvider(provider oteltrace.TracerProvider) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.TracerProvider = provider
	}
}

// WithGlobalMaxExecutionsAttempts sets the global workers max execution attempts: [WithMaxExecutionsAttempts]
// for each worker that has none of its own.
func WithGlobalMaxExecutionsAttempts(max int) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalMaxExecutionsAttempts = max
	}
}

// WithGlobalDeferredStartThreshold sets the global workers deferred start threshold, in seconds:
// [WithDeferredStartThreshold] for each worker that has none of its own.
func WithGlobalDeferredStartThreshold(threshold float64) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalDeferredStartThreshold = threshold
	}
}

// WithGlobalBackoff sets the global workers backoff: [WithBackoff] for each worker that has none of its own.
func WithGlobalBackoff(backoff BackoffFunc) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalBackoff = backoff
	}
}

// WithGlobalHealthyAfter sets the global workers healthy time: [WithHealthyAfter] for each worker that has none of
// its own.
func WithGlobalHealthyAfter(d time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalHealthyAfter = d
	}
}

// WithGlobalRestartPolicy sets the global workers restart policy: [WithRestartPolicy] for each worker that has none
// of its own.
func WithGlobalRestartPolicy(policy RestartPolicy) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalRestartPolicy = policy
	}
}

// WithGlobalMiddlewares wraps each attempt of all workers into middlewares, the first one outermost, and outside of the
// workers' own. It adds to those of an earlier option.
func WithGlobalMiddlewares(middlewares ...Middleware) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalMiddlewares = append(o.GlobalMiddlewares, middlewares...)
	}
}

// WithGlobalRestartLimit sets the global workers restart limit: [WithRestartLimit] for each worker that has none of its own.
func WithGlobalRestartLimit(n int, within time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalRestartLimit, o.GlobalRestartLimitWithin = n, within
	}
}

// WithGlobalAttemptTimeout sets the global workers attempt timeout: [WithAttemptTimeout] for each worker that has none of its own.
func WithGlobalAttemptTimeout(d time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalAttemptTimeout = d
	}
}

// WithGlobalStopDelay is how long the workers go on after a stop has begun ("lame duck"), so that traffic goes elsewhere meanwhile: from
// the begin of the stop the pool is not ready and no attempt begins, but workers are told only d later. A second call of
// [WorkerPool.Stop] or [WorkerPool.Shutdown] tells them at once, and so does [WithGlobalStopTimeout], which counts from the begin of the
// stop. It holds for each stop of the pool, whoever began it. The default, 0, and negative values mean no delay.
func WithGlobalStopDelay(d time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalStopDelay = d
	}
}

// WithGlobalStopErrors sets the global workers stop errors: [WithStopErrors] for each worker that has none of its own.
func WithGlobalStopErrors(is func(error) bool) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalStopErrors = is
	}
}

// WithGlobalStopTimeout bounds each stop of the pool, whoever began it ([WorkerPool.Stop], [WorkerPool.Shutdown], the end of
// Start's context, [WithStopPoolOnFailure], [WorkerPool.Run]), from the begin of the stop on. Once it is over, the workers that
// were not told yet are told, those that have not ended are logged, and callers that wait get the [*StopError]. It bounds the waits
// of [WorkerPool.StopWorker], [WorkerPool.RestartWorker] and [WorkerPool.Unregister] too. The default, 0, and negative values mean
// no bound.
func WithGlobalStopTimeout(d time.Duration) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalStopTimeout = d
	}
}

// WithGlobalMaxEvents bounds the events that each execution keeps, to the newest n. The default is [DefaultMaxEvents]; 0
// and negative values mean no bound.
func WithGlobalMaxEvents(n int) WorkerPoolOption {
	return func(o *PoolOptions) {
		o.GlobalMaxEvents = n
	}
}

// WithGlobalListener adds a function that is called for each [Transition] of each worker, after those of earlier options.
//
// The listener is called on the worker's goroutine: in order for one worker, at the same time for several. Four transitions come
// from another goroutine, while the attempt is in Run: a missed heartbeat, its end, a timeout, and that the worker is not ready in
// time. That it is ready comes from the goroutine that called [Ready]. A listener holds the worker up for as long as it takes, and
// must not wait for the worker. A panic in it is recovered and logged. nil is none.
func WithGlobalListener(listener func(Transition)) WorkerPoolOption {
	return func(o *PoolOptions) {
		before := o.GlobalListener
		switch {
		case listener == nil:
		case before == nil:
			o.GlobalListener = listener
		default:
			o.GlobalListener = func(t Transition) {
				defer listener(t) // even if that one panics
				before(t)
			}
		}
	}
}

// WithWorker registers a [Worker] in the [WorkerPool], with an optional list of [WorkerExecutionOption]. A worker of
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
