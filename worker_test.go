package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

func TestStatusStrings(t *testing.T) {
	for status, text := range map[worker.WorkerStatus]string{
		worker.Unknown: "unknown", worker.Deferred: "deferred", worker.Running: "running", worker.Success: "success",
		worker.Error: "error", worker.Waiting: "waiting", worker.Stopped: "stopped", worker.Stuck: "stuck", worker.Pending: "pending",
		-1: "unknown", 99: "unknown",
	} {
		assert.Equal(t, text, status.String())
	}
}

func TestSanitize(t *testing.T) {
	for from, to := range map[string]string{
		"": "", "Foo Bar-baz_9": "foo_bar_baz_9", "É-a": "é_a", "a\xffb": "a\uFFFDb",
	} {
		assert.Equal(t, to, worker.Sanitize(from))
	}
}

func TestExecutionEvent(t *testing.T) {
	at := time.Date(2024, 3, 14, 15, 9, 26, 535, time.UTC)
	event := worker.NewWorkerExecutionEvent("id", "message", at)

	assert.Equal(t, "id", event.ExecutionId())
	assert.Equal(t, "message", event.Message())
	assert.Equal(t, at, event.Timestamp())
	assert.Equal(t, "[id - 2024-03-14 15:09:26] message", event.String())
}

func TestZeroExecution(t *testing.T) {
	e := new(worker.WorkerExecution).SetName("job").SetStatus(worker.Running).AddEvent("by hand")
	assert.Equal(t, "job", e.Name())
	assert.Nil(t, e.Middlewares())
	assert.False(t, e.Ready() || e.StopPoolOnFailure() || e.GaveUp())
	assert.True(t, e.HasEvent("by hand"))
}

func TestExecutionByHand(t *testing.T) {
	e := worker.NewWorkerExecution("id", "name", worker.ExecutionOptions{DeferredStartThreshold: 1.5, MaxExecutionsAttempts: 3})
	assert.Equal(t, "id", e.Id())
	assert.Equal(t, "name", e.Name())
	assert.Equal(t, worker.Unknown, e.Status())
	assert.Equal(t, 0, e.CurrentExecutionAttempt())
	assert.Equal(t, 3, e.MaxExecutionsAttempts())
	assert.InDelta(t, 1.5, e.DeferredStartThreshold(), 0)
	assert.Empty(t, e.Events())
	assert.False(t, e.HasEvent("seen"))

	assert.Same(t, e, e.SetId("id2").SetName("name2").SetStatus(worker.Success).SetCurrentExecutionAttempt(2).
		SetMaxExecutionsAttempts(4).SetDeferredStartThreshold(2.5).AddEvent("seen"))
	assert.Equal(t, "id2", e.Id())
	assert.Equal(t, "name2", e.Name())
	assert.Equal(t, worker.Success, e.Status())
	assert.Equal(t, 2, e.CurrentExecutionAttempt())
	assert.Equal(t, 4, e.MaxExecutionsAttempts())
	assert.InDelta(t, 2.5, e.DeferredStartThreshold(), 0)
	assert.True(t, e.HasEvent("seen"))
	assert.Equal(t, "id2", e.Events()[0].ExecutionId())
	assert.WithinDuration(t, time.Now(), e.Events()[0].Timestamp(), time.Minute)
}

func TestOptions(t *testing.T) {
	assert.IsType(t, &worker.DefaultWorkerPoolFactory{}, worker.NewDefaultWorkerPoolFactory())
	assert.Equal(t, worker.ExecutionOptions{MaxExecutionsAttempts: 1, Middlewares: []worker.Middleware{}}, worker.DefaultWorkerExecutionOptions())

	generator, metrics, job := uuid.NewDefaultUuidGenerator(), worker.NewWorkerMetrics("n", "s"), do("job", nil)
	provider := otelsdktrace.NewTracerProvider()
	o := worker.DefaultWorkerPoolOptions()
	o.Registrations = nil
	for _, option := range []worker.WorkerPoolOption{
		worker.WithGenerator(generator), worker.WithMetrics(metrics), worker.WithGlobalDeferredStartThreshold(0.5),
		worker.WithGlobalMaxExecutionsAttempts(4), worker.WithWorker(job), worker.WithTracerProvider(provider),
	} {
		option(&o)
	}
	assert.Same(t, generator, o.Generator)
	assert.Same(t, metrics, o.Metrics)
	assert.Same(t, provider, o.TracerProvider)
	assert.InDelta(t, 0.5, o.GlobalDeferredStartThreshold, 0)
	assert.Equal(t, 4, o.GlobalMaxExecutionsAttempts)
	assert.Equal(t, map[string]*worker.WorkerRegistration{"job": worker.NewWorkerRegistration(job)}, o.Registrations)
}

func TestMaximumOfAttempts(t *testing.T) {
	for maximum, test := range map[int]struct {
		text string
		runs int
	}{-7: {"-7", 1}, 0: {"0", 1}, 1: {"1", 1}, 2: {"2", 2}, -1: {"unlimited", 3}} {
		runs := 0
		job := do("job", func(context.Context) error {
			if runs++; runs == 3 {
				return worker.Permanent(errors.New("boom"))
			}
			return errors.New("boom")
		})
		pool := newPool(t,
			worker.WithGlobalMaxExecutionsAttempts(maximum),
			worker.WithWorker(job, worker.WithBackoff(worker.ConstantBackoff(0))),
			worker.WithWorker(do("own", succeed), worker.WithMaxExecutionsAttempts(9)),
		)
		require.EqualError(t, pool.Run(t.Context()), "worker job: boom")

		assert.Equal(t, test.runs, runs, maximum)
		e := execution(t, pool, "job")
		assert.Equal(t, "starting execution attempt 1/"+test.text, messages(e)[0])
		assert.Equal(t, maximum != worker.UnlimitedExecutionsAttempts, e.HasEvent("max execution attempts reached"))
		assert.Equal(t, maximum, e.MaxExecutionsAttempts())
		assert.Equal(t, 9, execution(t, pool, "own").MaxExecutionsAttempts(), "a worker's own option wins")
	}
}

func TestThresholdThatIsNotPositiveMeansNoDeferral(t *testing.T) {
	for _, threshold := range []float64{0, -0.5, -1e300} {
		pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithDeferredStartThreshold(threshold)))
		require.NoError(t, pool.Run(t.Context()))
		assert.Equal(t, "starting execution attempt 1/1", messages(execution(t, pool, "job"))[0])
	}
}

func TestRegistrations(t *testing.T) {
	first, second := do("job", fail), do("job", succeed)
	removed := func(o *worker.PoolOptions) { delete(o.Registrations, "removed") }
	direct := worker.NewWorkerRegistration(do("direct", succeed))
	pool := newPool(t,
		worker.WithWorker(first), worker.WithWorker(second), worker.WithWorker(do("removed", fail)), removed,
		func(o *worker.PoolOptions) { o.Registrations["direct"] = direct },
	)

	registration, err := pool.Registration("job")
	require.NoError(t, err)
	assert.Same(t, second, registration.Worker(), "the later one wins")
	assert.Len(t, pool.Registrations(), 2)
	assert.Same(t, direct, pool.Options().Registrations["direct"])

	_, err = pool.Registration("nobody")
	require.EqualError(t, err, "registration for worker nobody was not found")
	_, err = pool.Execution("job")
	require.EqualError(t, err, "execution for worker job was not found")
	assert.Empty(t, pool.Executions())
	assert.NotNil(t, pool.Executions())

	require.NoError(t, pool.Run(t.Context()))
	_, err = pool.Execution("nobody")
	require.EqualError(t, err, "execution for worker nobody was not found")
	assert.Equal(t, worker.Success, execution(t, pool, "job").Status())
	assert.Equal(t, worker.Success, execution(t, pool, "direct").Status())
	assert.Len(t, pool.Report().Workers, 2)
}

func TestContextOfAWorker(t *testing.T) {
	type key struct{}
	var logs logBuffer
	pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
		assert.Equal(t, "job", worker.CtxWorkerName(ctx))
		assert.Equal(t, "id-1", worker.CtxWorkerExecutionId(ctx))
		assert.Equal(t, "job", ctx.Value(worker.CtxWorkerNameKey{}))
		assert.Equal(t, "id-1", ctx.Value(worker.CtxWorkerExecutionIdKey{}))
		assert.Equal(t, "value", ctx.Value(key{}))
		worker.CtxLogger(ctx).Warn().Msg("from inside")

		return nil
	})))
	logger := zerolog.New(&logs).With().Str("service", "s").Logger()
	require.NoError(t, pool.Run(context.WithValue(logger.WithContext(t.Context()), key{}, "value")))

	assert.Equal(t, `{"level":"warn","service":"s","worker":"job","workerExecutionID":"id-1","message":"from inside"}`, logs.lines()[1])

	assert.Empty(t, worker.CtxWorkerName(t.Context()))
	assert.Empty(t, worker.CtxWorkerExecutionId(t.Context()))
	assert.Equal(t, zerolog.Disabled, worker.CtxLogger(t.Context()).GetLevel())
}

func TestAnnotatedSpans(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))
	assert.Same(t, provider, worker.AnnotateTracerProvider(provider))
	assert.Nil(t, worker.AnnotateTracerProvider(nil))
	assert.Nil(t, worker.AnnotateTracerProvider((*otelsdktrace.TracerProvider)(nil)))

	pool := newPool(t, worker.WithTracerProvider(provider), worker.WithWorker(do("job", func(ctx context.Context) error {
		ctx, span := worker.CtxTracer(ctx).Start(ctx, "outer")
		defer span.End()
		_, inner := provider.Tracer("other").Start(ctx, "inner")
		inner.End()
		worker.CtxLogger(ctx).Info().Msg("in a span")

		return nil
	})))
	var logs logBuffer
	require.NoError(t, pool.Run(logs.context()))
	_, outside := worker.CtxTracer(t.Context()).Start(t.Context(), "nowhere")
	outside.End()
	_, outside = provider.Tracer("other").Start(t.Context(), "outside")
	outside.End()

	spans := exporter.GetSpans()
	require.Len(t, spans, 3)
	for _, span := range spans[:2] {
		attributes := map[string]string{}
		for _, attribute := range span.Attributes {
			attributes[string(attribute.Key)] = attribute.Value.AsString()
		}
		assert.Equal(t, map[string]string{"Worker": "job", "WorkerExecutionID": "id-1"}, attributes, span.Name)
	}
	assert.Empty(t, spans[2].Attributes)
	assert.Contains(t, logs.lines()[1], `"traceID":"`+spans[1].SpanContext.TraceID().String()+`"`)
	require.NoError(t, worker.NewTracerProviderWorkerAnnotator().ForceFlush(t.Context()))
	require.NoError(t, provider.Shutdown(t.Context()))
}

func TestTracerUnderARemoteSpanIsTheGlobalOne(t *testing.T) {
	remote := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, Remote: true,
	})
	ctx := oteltrace.ContextWithRemoteSpanContext(t.Context(), remote)

	assert.Equal(t, worker.CtxTracer(t.Context()), worker.CtxTracer(ctx))
}

func TestMetrics(t *testing.T) {
	metrics := worker.NewWorkerMetrics("My App", "sub-system")
	registry := prometheus.NewRegistry()
	require.NoError(t, metrics.Register(registry))
	require.EqualError(t, metrics.Register(registry), "duplicate metrics collector registration attempted")
	require.EqualError(t, worker.NewWorkerMetrics("my_app", "sub_system").Register(registry), "duplicate metrics collector registration attempted")
	require.NoError(t, worker.NewWorkerMetrics("other", "").Register(registry))
	require.EqualError(t, metrics.Register(nil), "nil prometheus registry")

	assert.Empty(t, metricsText(t, metrics, "my_app_sub_system_worker_executions_total"))
	assert.Same(t, metrics, metrics.IncrementWorkerExecutionStart("Some Worker").IncrementWorkerExecutionStart("some-worker").
		IncrementWorkerExecutionRestart("some-worker").IncrementWorkerExecutionSuccess("x").IncrementWorkerExecutionError("x"))
	assert.Equal(t, []string{
		`my_app_sub_system_worker_executions_total{status="error",worker="x"} 1`,
		`my_app_sub_system_worker_executions_total{status="restarted",worker="some_worker"} 1`,
		`my_app_sub_system_worker_executions_total{status="started",worker="some_worker"} 2`,
		`my_app_sub_system_worker_executions_total{status="success",worker="x"} 1`,
	}, metricsText(t, metrics, "my_app_sub_system_worker_executions_total"))

	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "my_app_sub_system_worker_executions_total" {
			assert.Equal(t, "Total number of workers executions", family.GetHelp())
		}
	}

	pool := newPool(t, worker.WithMetrics(metrics))
	assert.Same(t, metrics, pool.Metrics())
}

func TestPanicError(t *testing.T) {
	withError := &worker.PanicError{Value: io.EOF}
	assert.Equal(t, "recovered panic: EOF", withError.Error())
	assert.Equal(t, "recovered panic: {[1 2]}", (&worker.PanicError{Value: struct{ List []int }{[]int{1, 2}}}).Error())
	require.ErrorIs(t, withError, io.EOF)
	assert.NoError(t, errors.Unwrap(&worker.PanicError{Value: "text"}))
}

func TestStartBeginsInRegistrationOrder(t *testing.T) {
	for range 50 {
		pool := newPool(t, worker.WithGenerator(nil))
		for i := range 20 {
			pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), block)))
		}
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.WaitReady(t.Context()))
		require.NoError(t, pool.Stop())
		for i := range 19 {
			assert.False(t, execution(t, pool, fmt.Sprint(i+1)).StartedAt().Before(execution(t, pool, fmt.Sprint(i)).StartedAt()), i)
		}
	}
}

// Whatever a user's code does as a worker begins, the others begin, too.
func TestNobodyWaitsForTheBeginOfAnother(t *testing.T) {
	cases := map[string]func(hang func()) worker.WorkerPoolOption{
		"generator": func(hang func()) worker.WorkerPoolOption {
			return worker.WithGenerator(generatorFunc(func() string { hang(); return "id" }))
		},
		"listener": func(hang func()) worker.WorkerPoolOption {
			return worker.WithGlobalListener(func(worker.Transition) { hang() })
		},
		"middleware": func(hang func()) worker.WorkerPoolOption {
			return worker.WithGlobalMiddlewares(&testMiddleware{"m", func(next worker.HandlerFunc) worker.HandlerFunc { hang(); return next }})
		},
	}
	for name, option := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var calls, runs atomic.Int32
				release := make(chan struct{})
				pool := newPool(t, worker.WithGenerator(nil), option(func() {
					if calls.Add(1) == 1 {
						<-release
					}
				}))
				for i := range 10 {
					pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), func(ctx context.Context) error { runs.Add(1); return block(ctx) })))
				}
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				assert.EqualValues(t, 9, runs.Load(), "all but the one that hangs")
				close(release)
				synctest.Wait()
				assert.EqualValues(t, 10, runs.Load())
				require.NoError(t, pool.Stop())
			})
		})
	}
}
