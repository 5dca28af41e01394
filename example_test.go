package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Mailer is a worker that sends mails.
type Mailer struct{ attempts int }

func (m *Mailer) Name() string { return "mailer" }

func (m *Mailer) Run(ctx context.Context) error {
	m.attempts++
	if m.attempts == 1 {
		return errors.New("no connection")
	}

	return nil
}

// A pool runs its workers from Start to Stop, and tells what happened to each.
func Example() {
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithWorker(&Mailer{}, worker.WithMaxExecutionsAttempts(3)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}

	if err := pool.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	waitFor(pool, "mailer", worker.Success)
	_ = pool.Stop()

	execution, _ := pool.Execution("mailer")
	fmt.Println(execution.Status())
	for _, event := range execution.Events() {
		fmt.Println(event.Message())
	}
	// Output:
	// success
	// starting execution attempt 1/3
	// stopping execution attempt 1/3 with error: no connection
	// restarting after error
	// starting execution attempt 2/3
	// stopping execution attempt 2/3 with success
}

// The logger of the context that the pool is started with is the workers' logger too.
func ExampleCtxLogger() {
	pool := worker.NewWorkerPool(
		worker.WithGenerator(&sequence{}),
		worker.WithWorker(do("greeter", func(ctx context.Context) error {
			worker.CtxLogger(ctx).Info().Msg("hello")

			return nil
		})),
	)

	ctx := zerolog.New(os.Stdout).WithContext(context.Background())
	_ = pool.Run(ctx)
	// Output:
	// {"level":"info","worker":"greeter","workerExecutionID":"id-1","message":"starting execution attempt 1/1"}
	// {"level":"info","worker":"greeter","workerExecutionID":"id-1","message":"hello"}
	// {"level":"info","worker":"greeter","workerExecutionID":"id-1","message":"stopping execution attempt 1/1 with success"}
}

// Spans of a worker carry its name and its execution id.
func ExampleCtxTracer() {
	exporter := tracetest.NewInMemoryExporter()
	provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))

	pool := worker.NewWorkerPool(
		worker.WithGenerator(&sequence{}),
		worker.WithTracerProvider(worker.AnnotateTracerProvider(provider)),
		worker.WithWorker(do("greeter", func(ctx context.Context) error {
			_, span := worker.CtxTracer(ctx).Start(ctx, "hello")
			defer span.End()

			return nil
		})),
	)
	_ = pool.Run(context.Background())

	for _, attribute := range exporter.GetSpans()[0].Attributes {
		fmt.Println(attribute.Key, attribute.Value.AsString())
	}
	// Output:
	// Worker greeter
	// WorkerExecutionID id-1
}

// Register the metrics of a pool like any collector.
func ExampleWorkerMetrics() {
	pool := worker.NewWorkerPool(
		worker.WithMetrics(worker.NewWorkerMetrics("shop", "")),
		worker.WithWorker(do("greeter", succeed)),
	)

	registry := prometheus.NewRegistry()
	_ = pool.Metrics().Register(registry)
	_ = pool.Run(context.Background())

	for _, sample := range samples(registry, "shop_worker_executions_total") {
		fmt.Println(sample)
	}
	// Output:
	// shop_worker_executions_total{status="started",worker="greeter"} 1
	// shop_worker_executions_total{status="success",worker="greeter"} 1
}

// Greeter is a worker that logs and traces what it does.
type Greeter struct{}

func (*Greeter) Name() string { return "greeter" }

func (*Greeter) Run(ctx context.Context) error {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "greet")
	defer span.End()

	worker.CtxLogger(ctx).Info().Msg("hello") // with worker, workerExecutionID, traceID and spanID

	return nil
}

// Logs, traces and metrics of a pool.
func ExampleNewWorkerPool() {
	exporter := tracetest.NewInMemoryExporter()
	provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))
	registry := prometheus.NewRegistry()
	logger := zerolog.New(zerolog.ConsoleWriter{
		Out: os.Stdout, NoColor: true, PartsOrder: []string{"message"},
		FieldsExclude: []string{"workerExecutionID", "traceID", "spanID"},
	})

	pool := worker.NewWorkerPool(
		worker.WithTracerProvider(worker.AnnotateTracerProvider(provider)), // spans tell their worker and its execution id
		worker.WithGlobalMiddlewares(worker.NewTracingMiddleware()),        // and each attempt has one of its own
		worker.WithWorker(&Greeter{}),
	)
	_ = pool.Metrics().Register(registry)                    // or, for any prometheus.Registerer: MustRegister(pool.Metrics())
	_ = pool.Start(logger.WithContext(context.Background())) // a zerolog.Logger, for the workers too; without one nothing is logged
	_ = pool.Wait(context.Background())
	_ = pool.Stop()

	for _, span := range exporter.GetSpans() {
		fmt.Println("span:", span.Name)
	}
	for _, sample := range samples(registry, "worker_executions_total") {
		fmt.Println(sample)
	}
	// Output:
	// starting execution attempt 1/1 worker=greeter
	// hello worker=greeter
	// stopping execution attempt 1/1 with success worker=greeter
	// span: greet
	// span: worker greeter
	// worker_executions_total{status="started",worker="greeter"} 1
	// worker_executions_total{status="success",worker="greeter"} 1
}

// Cleaner is a worker that removes what is old.
type Cleaner struct{}

func (*Cleaner) Name() string { return "cleaner" }

func (*Cleaner) Run(context.Context) error { return nil }

// Options are set for the pool or for one worker.
func ExampleWithWorker() {
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithGlobalMaxExecutionsAttempts(2),
		worker.WithWorker(&Mailer{}, worker.WithMaxExecutionsAttempts(3)),
		worker.WithWorker(&Cleaner{}, worker.WithDeferredStartThreshold(0.5)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}

	_ = pool.Start(context.Background())
	waitFor(pool, "mailer", worker.Success)
	_ = pool.Stop()

	for name, execution := range pool.Executions() {
		fmt.Println(name, execution.Status(), execution.CurrentExecutionAttempt())
	}
	// Unordered output:
	// mailer success 2
	// cleaner stopped 0
}

// LogErrors is a middleware: it wraps each attempt of a worker.
type LogErrors struct{}

func (LogErrors) Name() string { return "log-errors" }

func (LogErrors) Handle() worker.MiddlewareFunc {
	return func(next worker.HandlerFunc) worker.HandlerFunc {
		return func(ctx context.Context) error {
			err := next(ctx)
			fmt.Println(worker.CtxWorkerName(ctx), "returned:", err)

			return err
		}
	}
}

func ExampleWithMiddlewares() {
	pool := worker.NewWorkerPool(worker.WithWorker(&Mailer{}, worker.WithMiddlewares(LogErrors{})))
	_ = pool.Run(context.Background())
	// Output:
	// mailer returned: no connection
}

// waitFor waits until a worker has a status.
func waitFor(pool *worker.WorkerPool, name string, status worker.WorkerStatus) {
	for {
		if execution, err := pool.Execution(name); err == nil && execution.Status() == status {
			return
		}
	}
}

// A worker that shall never give up, does not come back too soon, and tells that it is alive.
func ExampleWithBackoff() {
	failed := false
	consumer := worker.NewFuncWorker("consumer", func(ctx context.Context) error {
		worker.Heartbeat(ctx)
		if !failed {
			failed = true
			return errors.New("no connection")
		}

		return nil
	})

	pool := worker.NewWorkerPool(
		worker.WithWorker(consumer,
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ExponentialBackoff(100*time.Millisecond, 30*time.Second)),
			worker.WithHealthyAfter(time.Minute),
			worker.WithHeartbeat(10*time.Second),
		),
	)
	fmt.Println(pool.Run(context.Background()))

	execution, _ := pool.Execution("consumer")
	fmt.Println(execution.Status(), "in attempt", execution.CurrentExecutionAttempt(), "after", execution.LastError())
	// Output:
	// <nil>
	// success in attempt 2 after no connection
}

// Run returns the errors of all workers that failed.
func ExampleWorkerPool_Run() {
	ctx := context.Background()
	pool := worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("server", func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println("server stops because of", context.Cause(ctx))

			return ctx.Err()
		})),
		worker.WithWorker(worker.NewFuncWorker("listener", func(context.Context) error {
			return errors.New("address already in use")
		}), worker.WithStopPoolOnFailure()),
	)

	err := pool.Run(ctx)

	var failed *worker.WorkerError
	if errors.As(err, &failed) {
		fmt.Println(failed.Worker, "failed in attempt", failed.Attempt, "with", failed.Err)
	}
	// Output:
	// server stops because of worker listener: address already in use
	// listener failed in attempt 1 with address already in use
}

// A worker that does not stop in time is named and located.
func ExampleWorkerPool_Shutdown() {
	release := make(chan struct{})
	pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("deaf", deaf(release))))
	_ = pool.Start(context.Background())
	waitFor(pool, "deaf", worker.Running)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()

	var timeout *worker.StopError
	if errors.As(pool.Shutdown(ctx), &timeout) {
		for _, stuck := range timeout.Workers {
			fmt.Println(stuck.Name, "is still", stuck.Status) // stuck.Stack tells where
		}
	}

	close(release)
	_ = pool.Stop()
	// Output:
	// deaf is still running
}

// Workers that feed each other stop in the order of their stages.
func ExampleWithStopStage() {
	stops := func(name string) worker.Worker {
		return worker.NewFuncWorker(name, func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println(name, "stops")

			return nil
		})
	}
	producer, consumer, flusher := stops("producer"), stops("consumer"), stops("flusher")

	pool := worker.NewWorkerPool(
		worker.WithWorker(producer),
		worker.WithWorker(consumer, worker.WithStopStage(1)),
		worker.WithWorker(flusher, worker.WithStopStage(2)),
	)
	_ = pool.Start(context.Background())
	_ = pool.WaitReady(context.Background())
	_ = pool.Stop()
	// Output:
	// producer stops
	// consumer stops
	// flusher stops
}

// A schedule of short steps, so that the example does not take hours.
func ExampleWithSchedule() {
	pool := worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("sync", synchronize), worker.WithSchedule(worker.Every(10*time.Millisecond)),
			worker.WithMaxExecutionsAttempts(3), worker.WithBackoff(worker.ConstantBackoff(time.Millisecond))),
	)
	_ = pool.Start(context.Background())
	for len(pool.Report().Workers[0].Runs) < 2 {
		time.Sleep(time.Millisecond)
	}
	_ = pool.Stop()

	for _, run := range pool.Report().Workers[0].Runs[:1] {
		fmt.Println("a run of", run.EndedAt.Sub(run.StartedAt).Round(time.Second), "ended in", run.Status)
	}
	// Output:
	// a run of 0s ended in success
}

func synchronize(context.Context) error { return nil }

func ExampleWithAttemptTimeout() {
	hangs := func(ctx context.Context) error {
		<-ctx.Done()

		return ctx.Err()
	}

	pool := worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("importer", hangs),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ConstantBackoff(0)),
			worker.WithAttemptTimeout(10*time.Millisecond),
			worker.WithRestartLimit(3, time.Hour),
		),
	)
	err := pool.Run(context.Background())
	fmt.Println(err)
	fmt.Println(errors.Is(err, worker.ErrAttemptTimeout))
	// Output:
	// worker importer: attempt timed out: context deadline exceeded
	// true
}

func ExampleWithStopTimeout() {
	release := make(chan struct{})
	server := worker.NewFuncWorker("server", func(ctx context.Context) error {
		<-ctx.Done()

		return http.ErrServerClosed
	})
	slow := worker.NewFuncWorker("slow", func(context.Context) error {
		<-release

		return nil
	})
	flusher := worker.NewFuncWorker("flusher", func(ctx context.Context) error {
		<-ctx.Done()
		close(release)

		return nil
	})
	isClosed := func(err error) bool { return errors.Is(err, http.ErrServerClosed) }

	pool := worker.NewWorkerPool(
		worker.WithGlobalStopDelay(20*time.Millisecond),
		worker.WithGlobalStopTimeout(10*time.Second),
		worker.WithWorker(server, worker.WithStopErrors(isClosed)),
		worker.WithWorker(slow, worker.WithStopTimeout(20*time.Millisecond)),
		worker.WithWorker(flusher, worker.WithStopStage(1)),
	)
	_ = pool.Start(context.Background())
	_ = pool.WaitReady(context.Background())
	fmt.Println(pool.Stop())

	execution, _ := pool.Execution("server")
	fmt.Println(execution.Status())
	// Output:
	// <nil>
	// stopped
}

func ExampleNewPeriodicWorker() {
	sweep := func(context.Context) error { return nil }

	pool := worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("greeter", func(ctx context.Context) error {
			fmt.Println("hello")
			return nil
		})),
		worker.WithWorker(worker.NewPeriodicWorker("sweeper", time.Hour, sweep,
			worker.WithInitialDelay(time.Minute), worker.WithIntervalJitter(0.1),
		)),
	)
	_ = pool.Start(context.Background())
	_ = pool.WaitReady(context.Background())
	_ = pool.Stop()
	// Output:
	// hello
}

// A listener is told of each transition of each worker.
func ExampleWithGlobalListener() {
	pool := worker.NewWorkerPool(
		worker.WithGlobalListener(func(t worker.Transition) {
			if t.Err != nil {
				fmt.Println(t.Worker, "went from", t.From, "to", t.To, "with", t.Err)
			}
		}),
		worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error { return errors.New("no connection") })),
	)
	_ = pool.Run(context.Background())
	// Output:
	// mailer went from running to error with no connection
}

// A report is a snapshot of the whole pool.
func ExampleWorkerPool_Report() {
	pool := worker.NewWorkerPool(worker.WithWorker(&Mailer{}, worker.WithMaxExecutionsAttempts(3)))
	_ = pool.Run(context.Background())

	for _, w := range pool.Report().Workers {
		fmt.Println(w.Name, w.Status, w.Attempt, w.MaxAttempts, w.LastError)
	}
	// Output:
	// mailer success 2 3 no connection
}

// A migration, then a cache that warms up, then the API.
func ExampleWithDependsOn() {
	migrate := func(context.Context) error { fmt.Println("migrated"); return nil }
	warm := func(ctx context.Context) error {
		fmt.Println("warm")
		worker.Ready(ctx)
		<-ctx.Done()

		return ctx.Err()
	}
	serve := func(ctx context.Context) error { <-ctx.Done(); fmt.Println("served"); return ctx.Err() }

	pool := worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("migration", migrate), worker.WithReadyOnSuccess()),
		worker.WithWorker(worker.NewFuncWorker("cache", warm), worker.WithReadiness(time.Minute), worker.WithDependsOn("migration")),
		worker.WithWorker(worker.NewFuncWorker("api", serve), worker.WithDependsOn("cache")),
	)
	_ = pool.Start(context.Background())
	fmt.Println("ready:", pool.WaitReady(context.Background()))
	_ = pool.Stop()
	// Output:
	// migrated
	// warm
	// ready: <nil>
	// served
}
