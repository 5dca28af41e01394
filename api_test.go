package worker_test

import (
	"context"
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
	"github.com/ankorstore/yokai/log"
	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Every documented symbol with its documented type: a change of one does not compile.

const (
	_ string = worker.ExecutionStarted
	_ string = worker.ExecutionRestarted
	_ string = worker.ExecutionSuccess
	_ string = worker.ExecutionError
	_ string = worker.DefaultMetricsNamespace
	_ string = worker.DefaultMetricsSubsystem
	_ string = worker.LogRecordFieldWorkerName
	_ string = worker.LogRecordFieldWorkerExecutionId
	_ string = worker.TraceSpanAttributeWorkerName
	_ string = worker.TraceSpanAttributeWorkerExecutionId
	_ string = worker.TracerName

	// Untyped: both serve as either type.
	_ int     = worker.DefaultDeferredStartThreshold
	_ float64 = worker.DefaultDeferredStartThreshold
	_ int     = worker.DefaultMaxExecutionsAttempts
	_ float64 = worker.DefaultMaxExecutionsAttempts

	_ worker.WorkerStatus = worker.Unknown
	_ worker.WorkerStatus = worker.Deferred
	_ worker.WorkerStatus = worker.Running
	_ worker.WorkerStatus = worker.Success
	_ worker.WorkerStatus = worker.Error
)

var (
	_ func(oteltrace.TracerProvider) oteltrace.TracerProvider = worker.AnnotateTracerProvider
	_ func(context.Context) *log.Logger                       = worker.CtxLogger
	_ func(context.Context) oteltrace.Tracer                  = worker.CtxTracer
	_ func(context.Context) string                            = worker.CtxWorkerExecutionId
	_ func(context.Context) string                            = worker.CtxWorkerName
	_ func(string) string                                     = worker.Sanitize

	_ = struct{}(worker.CtxWorkerExecutionIdKey{})
	_ = struct{}(worker.CtxWorkerNameKey{})

	_                                                                                                = struct{}(worker.DefaultWorkerPoolFactory{})
	_ func(*worker.DefaultWorkerPoolFactory, ...worker.WorkerPoolOption) (*worker.WorkerPool, error) = (*worker.DefaultWorkerPoolFactory).Create
	_ func() worker.WorkerPoolFactory                                                                = worker.NewDefaultWorkerPoolFactory
	_ worker.WorkerPoolFactory                                                                       = (*worker.DefaultWorkerPoolFactory)(nil)
	_ worker.WorkerPoolFactory                                                                       = (interface {
		Create(...worker.WorkerPoolOption) (*worker.WorkerPool, error)
	})(nil)

	_ = worker.ExecutionOptions{
		DeferredStartThreshold: float64(0),
		MaxExecutionsAttempts:  int(0),
		Middlewares:            []worker.Middleware(nil),
	}
	_ func() worker.ExecutionOptions = worker.DefaultWorkerExecutionOptions

	_ = worker.PoolOptions{
		GlobalDeferredStartThreshold: float64(0),
		GlobalMaxExecutionsAttempts:  int(0),
		Metrics:                      (*worker.WorkerMetrics)(nil),
		Generator:                    uuid.UuidGenerator(nil),
		Registrations:                map[string]*worker.WorkerRegistration(nil),
	}
	_ func() worker.PoolOptions = worker.DefaultWorkerPoolOptions

	_                                              = struct{}(worker.TracerProviderWorkerAnnotator{})
	_ otelsdktrace.SpanProcessor                   = (*worker.TracerProviderWorkerAnnotator)(nil)
	_ func() *worker.TracerProviderWorkerAnnotator = worker.NewTracerProviderWorkerAnnotator

	_ worker.Worker = (interface {
		Name() string
		Run(ctx context.Context) error
	})(nil)
	_ interface {
		Name() string
		Run(ctx context.Context) error
	} = worker.Worker(nil)

	_ func(id string, name string, options worker.ExecutionOptions) *worker.WorkerExecution = worker.NewWorkerExecution
	_ interface {
		AddEvent(string) *worker.WorkerExecution
		CurrentExecutionAttempt() int
		DeferredStartThreshold() float64
		Events() []*worker.WorkerExecutionEvent
		HasEvent(string) bool
		Id() string
		MaxExecutionsAttempts() int
		Middlewares() []worker.Middleware
		Name() string
		SetCurrentExecutionAttempt(int) *worker.WorkerExecution
		SetDeferredStartThreshold(float64) *worker.WorkerExecution
		SetId(string) *worker.WorkerExecution
		SetMaxExecutionsAttempts(int) *worker.WorkerExecution
		SetName(string) *worker.WorkerExecution
		SetStatus(worker.WorkerStatus) *worker.WorkerExecution
		Status() worker.WorkerStatus
	} = (*worker.WorkerExecution)(nil)

	_ func(string, string, time.Time) *worker.WorkerExecutionEvent = worker.NewWorkerExecutionEvent
	_ interface {
		ExecutionId() string
		Message() string
		String() string
		Timestamp() time.Time
	} = (*worker.WorkerExecutionEvent)(nil)

	_ worker.WorkerExecutionOption                            = (func(*worker.ExecutionOptions))(nil)
	_ func(float64) worker.WorkerExecutionOption              = worker.WithDeferredStartThreshold
	_ func(int) worker.WorkerExecutionOption                  = worker.WithMaxExecutionsAttempts
	_ func(...worker.Middleware) worker.WorkerExecutionOption = worker.WithMiddlewares

	_ func(string, string) *worker.WorkerMetrics = worker.NewWorkerMetrics
	_ interface {
		IncrementWorkerExecutionError(string) *worker.WorkerMetrics
		IncrementWorkerExecutionRestart(string) *worker.WorkerMetrics
		IncrementWorkerExecutionStart(string) *worker.WorkerMetrics
		IncrementWorkerExecutionSuccess(string) *worker.WorkerMetrics
		Register(*prometheus.Registry) error
	} = (*worker.WorkerMetrics)(nil)

	_ func(...worker.WorkerPoolOption) *worker.WorkerPool = worker.NewWorkerPool
	_ interface {
		Execution(string) (*worker.WorkerExecution, error)
		Executions() map[string]*worker.WorkerExecution
		Metrics() *worker.WorkerMetrics
		Options() worker.PoolOptions
		Register(...*worker.WorkerRegistration) *worker.WorkerPool
		Registration(string) (*worker.WorkerRegistration, error)
		Registrations() map[string]*worker.WorkerRegistration
		Start(context.Context) error
		Stop() error
	} = (*worker.WorkerPool)(nil)

	_ worker.WorkerPoolOption                                                      = (func(*worker.PoolOptions))(nil)
	_ func(uuid.UuidGenerator) worker.WorkerPoolOption                             = worker.WithGenerator
	_ func(float64) worker.WorkerPoolOption                                        = worker.WithGlobalDeferredStartThreshold
	_ func(int) worker.WorkerPoolOption                                            = worker.WithGlobalMaxExecutionsAttempts
	_ func(*worker.WorkerMetrics) worker.WorkerPoolOption                          = worker.WithMetrics
	_ func(worker.Worker, ...worker.WorkerExecutionOption) worker.WorkerPoolOption = worker.WithWorker

	_ func(worker.Worker, ...worker.WorkerExecutionOption) *worker.WorkerRegistration = worker.NewWorkerRegistration
	_ interface {
		Options() []worker.WorkerExecutionOption
		Worker() worker.Worker
	} = (*worker.WorkerRegistration)(nil)

	_ interface{ String() string } = worker.WorkerStatus(int(0))

	_ interface {
		Name() string
		Handle() worker.MiddlewareFunc
	} = worker.Middleware(nil)
	_ worker.MiddlewareFunc = (func(worker.HandlerFunc) worker.HandlerFunc)(nil)
	_ worker.HandlerFunc    = (func(context.Context) error)(nil)
)

// What is added to the documented API.

const (
	_ int                  = worker.UnlimitedExecutionsAttempts
	_ string               = worker.ExecutionStopped
	_ worker.WorkerStatus  = worker.Waiting
	_ worker.WorkerStatus  = worker.Stopped
	_ worker.WorkerStatus  = worker.Stuck
	_ worker.RestartPolicy = worker.RestartOnFailure
	_ worker.RestartPolicy = worker.RestartAlways
)

var (
	_ interface {
		Shutdown(context.Context) error
		Wait(context.Context) error
		Run(context.Context) error
		StopWorker(ctx context.Context, name string) error
		RestartWorker(ctx context.Context, name string) error
	} = (*worker.WorkerPool)(nil)

	_ interface {
		StartedAt() time.Time
		EndedAt() time.Time
		NextAttemptAt() time.Time
		ConsecutiveFailures() int
		LastError() error
	} = (*worker.WorkerExecution)(nil)

	_ = worker.StopError{Workers: []worker.StuckWorker{{Name: "", Status: worker.Stuck, Running: time.Duration(0), Stack: ""}}}
	_ = worker.WorkerError{Worker: "", ExecutionID: "", Attempt: int(0), Err: error(nil)}
	_ = worker.PanicError{Value: any(nil), Stack: []byte(nil)}

	_ interface {
		error
		Unwrap() error
	} = (*worker.WorkerError)(nil)
	_ interface {
		error
		Unwrap() error
	} = (*worker.PanicError)(nil)
	_ error = (*worker.StopError)(nil)

	_ = []error{
		worker.ErrPoolStopped, worker.ErrWorkerStopped, worker.ErrHeartbeatMissed, worker.ErrStopTimeout, worker.ErrPoolAlreadyStarted,
		worker.ErrGoexit,
	}

	_ func(*worker.WorkerPool) worker.PoolReport            = (*worker.WorkerPool).Report
	_ func(*worker.WorkerPool) worker.PoolState             = (*worker.WorkerPool).State
	_ func(*worker.WorkerExecution) bool                    = (*worker.WorkerExecution).GaveUp
	_ func(*worker.WorkerExecution) bool                    = (*worker.WorkerExecution).StopPoolOnFailure
	_ func(*worker.WorkerExecution) int                     = (*worker.WorkerExecution).DroppedEvents
	_ func(int) worker.WorkerPoolOption                     = worker.WithGlobalMaxEvents
	_ func(func(worker.Transition)) worker.WorkerPoolOption = worker.WithGlobalListener
	_ func() worker.Middleware                              = worker.NewTracingMiddleware
	_ prometheus.Collector                                  = (*worker.WorkerMetrics)(nil)

	_ = worker.Transition{
		Worker: "", ExecutionID: "", Attempt: int(0), From: worker.Unknown, To: worker.Unknown, Message: "", Err: error(nil), At: time.Time{},
	}

	_ worker.BackoffFunc                                                                               = (func(failures int, err error) time.Duration)(nil)
	_ func(min, max time.Duration) worker.BackoffFunc                                                  = worker.ExponentialBackoff
	_ func(time.Duration) worker.BackoffFunc                                                           = worker.ConstantBackoff
	_ func(worker.BackoffFunc) worker.WorkerExecutionOption                                            = worker.WithBackoff
	_ func(worker.BackoffFunc) worker.WorkerPoolOption                                                 = worker.WithGlobalBackoff
	_ func(time.Duration) worker.WorkerExecutionOption                                                 = worker.WithHealthyAfter
	_ func(time.Duration) worker.WorkerPoolOption                                                      = worker.WithGlobalHealthyAfter
	_ func(worker.RestartPolicy) worker.WorkerExecutionOption                                          = worker.WithRestartPolicy
	_ func(worker.RestartPolicy) worker.WorkerPoolOption                                               = worker.WithGlobalRestartPolicy
	_ func(time.Duration) worker.WorkerExecutionOption                                                 = worker.WithHeartbeat
	_ func(int) worker.WorkerExecutionOption                                                           = worker.WithStopStage
	_ func() worker.WorkerExecutionOption                                                              = worker.WithStopPoolOnFailure
	_ func(time.Duration) worker.WorkerPoolOption                                                      = worker.WithGlobalStopTimeout
	_ func(...worker.Middleware) worker.WorkerPoolOption                                               = worker.WithGlobalMiddlewares
	_ func(oteltrace.TracerProvider) worker.WorkerPoolOption                                           = worker.WithTracerProvider
	_ func(error) error                                                                                = worker.Permanent
	_ func(context.Context)                                                                            = worker.Heartbeat
	_ func(name string, run worker.HandlerFunc) *worker.FuncWorker                                     = worker.NewFuncWorker
	_ func(time.Duration) worker.PeriodicOption                                                        = worker.WithInitialDelay
	_ func(float64) worker.PeriodicOption                                                              = worker.WithIntervalJitter
	_ func(string, time.Duration, worker.HandlerFunc, ...worker.PeriodicOption) *worker.PeriodicWorker = worker.NewPeriodicWorker
)
