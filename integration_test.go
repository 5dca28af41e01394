package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The pool beside what a service has: workers in its own types, zerolog, OpenTelemetry, Prometheus.

// hidden hides from the registration what is wrong with the worker that it embeds; the other two do not.
type (
	hidden           struct{ worker.Worker }
	embeddedFunc     struct{ *worker.FuncWorker }
	embeddedPeriodic struct{ *worker.PeriodicWorker }
)

// namedFunc has a name of its own, also where there is nothing that it embeds.
type (
	namedFunc struct{ worker.FuncWorker }
	outerFunc struct{ *namedFunc }
)

func (*namedFunc) Name() string { return "job" }
func (outerFunc) Name() string  { return "job" }

func TestMistakesOfEmbeddedWorkers(t *testing.T) {
	calls := 0
	call := func(context.Context) error { calls++; return nil }
	cases := map[string]struct {
		embedded worker.Worker
		text     string
	}{
		"no function":               {embeddedFunc{worker.NewFuncWorker("job", nil)}, "nil run function"},
		"a periodic no function":    {embeddedPeriodic{worker.NewPeriodicWorker("job", time.Second, nil)}, "nil run function"},
		"an interval of 0":          {embeddedPeriodic{worker.NewPeriodicWorker("job", 0, call)}, "interval 0s is not positive"},
		"a negative interval":       {embeddedPeriodic{worker.NewPeriodicWorker("job", -1, call)}, "interval -1ns is not positive"},
		"a jitter over 1":           {embeddedPeriodic{worker.NewPeriodicWorker("job", 1, call, worker.WithIntervalJitter(2))}, "interval jitter 2 is not in [0, 1]"},
		"a nil option":              {embeddedPeriodic{worker.NewPeriodicWorker("job", 1, call, nil)}, "periodic option 1 is nil"},
		"no function, hidden":       {hidden{worker.NewFuncWorker("job", nil)}, "nil run function"},
		"an interval of 0, hidden":  {hidden{worker.NewPeriodicWorker("job", 0, call)}, "interval 0s is not positive"},
		"a pointer to the embedded": {&embeddedPeriodic{worker.NewPeriodicWorker("job", 0, call)}, "interval 0s is not positive"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			pool, err := worker.NewDefaultWorkerPoolFactory().Create(
				worker.WithWorker(test.embedded, worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)))
			if err == nil { // then its first attempt tells, and is the last
				err = pool.Run(within(t, 5*time.Second))
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 1, execution(t, pool, "job").CurrentExecutionAttempt())
				assert.True(t, execution(t, pool, "job").HasEvent("permanent error, not restarting"))
			}
			require.EqualError(t, err, "worker job: "+test.text)
			assert.Zero(t, calls)
		})
	}

	t.Run("nothing embedded", func(t *testing.T) {
		for _, empty := range []worker.Worker{embeddedFunc{}, embeddedPeriodic{}, (*worker.FuncWorker)(nil), (*worker.PeriodicWorker)(nil), ownName{}, ownNamePeriodic{}} {
			_, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(empty))
			require.Error(t, err, "%T", empty)
		}
	})

	t.Run("nothing embedded under a name", func(t *testing.T) {
		for _, empty := range []worker.Worker{(*namedFunc)(nil), outerFunc{}} {
			err := newPool(t).Add(worker.NewWorkerRegistration(empty))
			require.ErrorContains(t, err, "worker job: recovered panic: runtime error: invalid memory address", "%T", empty)
		}
	})

	t.Run("nothing wrong", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			n := 0
			pool := newPool(t, worker.WithWorker(embeddedPeriodic{worker.NewPeriodicWorker("job", time.Minute, func(context.Context) error { n++; return nil })}))
			require.NoError(t, pool.Start(t.Context()))
			time.Sleep(time.Hour + time.Second)
			require.NoError(t, pool.Stop())
			assert.Equal(t, 61, n)
			assert.EqualValues(t, 61, pool.Report().Workers[0].Calls)
		})
	})
}

// ownName and ownNamePeriodic have a name where they embed nothing.
type (
	ownName         struct{ *worker.FuncWorker }
	ownNamePeriodic struct{ *worker.PeriodicWorker }
)

func (ownName) Name() string         { return "job" }
func (ownNamePeriodic) Name() string { return "job" }

// objectError logs itself as an object, a password masked.
type objectError struct{ code int }

func (e *objectError) Error() string { return "password=secret" }

func (e *objectError) MarshalZerologObject(event *zerolog.Event) { event.Int("code", e.code) }

// TestErrorsAreLoggedAsZerologDoesIt is not parallel: zerolog's marshallers belong to the process.
func TestErrorsAreLoggedAsZerologDoesIt(t *testing.T) {
	marshal, stack := zerolog.ErrorMarshalFunc, zerolog.ErrorStackMarshaler
	defer func() { zerolog.ErrorMarshalFunc, zerolog.ErrorStackMarshaler = marshal, stack }()
	failed := func(err error, logger func(zerolog.Logger) zerolog.Logger) string {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { return err })))
		require.Error(t, pool.Run(logger(zerolog.New(&logs)).WithContext(t.Context())))
		return logs.lines()[1]
	}
	plain := func(l zerolog.Logger) zerolog.Logger { return l }
	const head, tail = `{"level":"error","worker":"job","workerExecutionID":"id-1",`, `,"message":"stopping execution attempt 1/1 with error: `

	assert.Equal(t, head+`"error":"boom"`+tail+`boom"}`, failed(errors.New("boom"), plain))
	assert.Equal(t, head+`"error":{"code":7}`+tail+`password=secret"}`, failed(&objectError{7}, plain), "its own MarshalZerologObject")
	assert.Equal(t, head+`"error":{"code":7}`+tail+`password=secret"}`, failed(worker.Permanent(&objectError{7}), plain), "below the mark too")

	zerolog.ErrorMarshalFunc = func(err error) any { return strings.ReplaceAll(err.Error(), "secret", "***") }
	assert.Equal(t, head+`"error":"password=***"`+tail+`password=secret"}`, failed(errors.New("password=secret"), plain), "ErrorMarshalFunc")

	zerolog.ErrorMarshalFunc = marshal
	zerolog.ErrorStackMarshaler = func(error) any { return "here" }
	assert.Contains(t, failed(errors.New("boom"), func(l zerolog.Logger) zerolog.Logger { return l.With().Stack().Logger() }), `"stack":"here","error":"boom"`)

	zerolog.ErrorMarshalFunc = func(error) any { panic("no marshaller") }
	assert.Equal(t, head+`"error":"boom"`+tail+`boom"}`, failed(errors.New("boom"), plain), "guarded")
	assert.Equal(t, head+`"error":"attempt timed out","message":"attempt timed out after 1ms"}`, overrun(t), "by its own text")

	zerolog.ErrorMarshalFunc = func(error) any { runtime.Goexit(); return nil }
	assert.Equal(t, head+`"error":"boom"`+tail+`boom"}`, failed(errors.New("boom"), plain), "no line is lost")
	assert.Equal(t, head+`"error":"attempt timed out","message":"attempt timed out after 1ms"}`, overrun(t), "nor there")
}

// overrun returns the line of an attempt that takes too long.
func overrun(t *testing.T) string {
	t.Helper()
	var logs logBuffer
	pool := newPool(t, worker.WithWorker(do("job", block), worker.WithAttemptTimeout(time.Millisecond)))
	require.Error(t, pool.Run(logs.context()))

	return logs.lines()[1]
}

const traceID, spanID = "0102030405060708090a0b0c0d0e0f10", "0102030405060708"

// fromIDs returns a context with a span context made from ids alone, as from a queue or a database.
func fromIDs(t *testing.T, ctx context.Context) context.Context {
	t.Helper()
	trace, err := oteltrace.TraceIDFromHex(traceID)
	require.NoError(t, err)
	span, err := oteltrace.SpanIDFromHex(spanID)
	require.NoError(t, err)

	return oteltrace.ContextWithSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: trace, SpanID: span, TraceFlags: oteltrace.FlagsSampled}))
}

func TestLinesCarryTheTraceOfStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			worker.CtxLogger(ctx).Info().Msg("at work")
			return errors.New("boom")
		}), worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(time.Second))))
		require.Error(t, pool.Run(fromIDs(t, logs.context())))
		require.Len(t, logs.lines(), 9)
		for _, line := range logs.lines() {
			assert.Equal(t, 1, strings.Count(line, `"traceID":"`+traceID+`"`), line)
			assert.Equal(t, 1, strings.Count(line, `"spanID":"`+spanID+`"`), line)
		}
	})
}

// The line on one that has not stopped in time is another goroutine's.
func TestLinesOnWhoIsLateCarryTheTrace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithGlobalStopTimeout(time.Second), worker.WithWorker(do("job", drain(time.Minute))),
			worker.WithWorker(inOrder("traced", fail, drain(time.Minute)), worker.WithMaxExecutionsAttempts(2),
				worker.WithMiddlewares(worker.NewTracingMiddleware())),
			worker.WithTracerProvider(otelsdktrace.NewTracerProvider()))
		require.NoError(t, pool.Start(fromIDs(t, logs.context())))
		synctest.Wait()
		require.Error(t, pool.Stop())
		time.Sleep(time.Minute)
		require.NoError(t, pool.Stop())
		last := map[string]string{}
		for _, line := range logs.lines() {
			var ids struct{ Worker, TraceID, SpanID, Message string }
			require.NoError(t, json.Unmarshal([]byte(line), &ids))
			if ids.Message == "worker has not stopped in time" {
				assert.Equal(t, last[ids.Worker], ids.TraceID+ids.SpanID, "as the line of the worker's before")
			}
			assert.NotEmpty(t, ids.TraceID, line)
			last[ids.Worker] = ids.TraceID + ids.SpanID
		}
	})
}

func TestLinesCarryTheTraceOfTheAttemptFromItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		var logs logBuffer
		pool := newPool(t, worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
			worker.WithWorker(do("job", fail), worker.WithMiddlewares(worker.NewTracingMiddleware())))
		require.Error(t, pool.Run(fromIDs(t, logs.context())))

		span := exporter.GetSpans()[0]
		require.Len(t, span.Links, 1)
		assert.Equal(t, traceID, span.Links[0].SpanContext.TraceID().String(), "linked to that of Start")
		assert.NotEqual(t, traceID, span.SpanContext.TraceID().String(), "a new root")
		lines := logs.lines()
		assert.Contains(t, lines[0], `"traceID":"`+traceID+`"`)
		for _, line := range lines[1:] {
			assert.Equal(t, 1, strings.Count(line, `"traceID"`), line)
			assert.Contains(t, line, `"traceID":"`+span.SpanContext.TraceID().String()+`"`)
			assert.Contains(t, line, `"spanID":"`+span.SpanContext.SpanID().String()+`"`)
		}
	})
}

func TestLinesCarryTheTraceOfTheAttemptWhereCallsHaveSpansToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		exporter := tracetest.NewInMemoryExporter()
		var logs logBuffer
		traced := worker.NewTracingMiddleware()
		pool := newPool(t, worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
			worker.WithWorker(do("job", traced.Handle()(fail)), worker.WithMiddlewares(traced)))
		require.Error(t, pool.Run(fromIDs(t, logs.context())))

		spans := exporter.GetSpans()
		require.Len(t, spans, 2)
		call, attempt := spans[0], spans[1]
		require.Len(t, call.Links, 2)
		assert.Equal(t, traceID, call.Links[0].SpanContext.TraceID().String(), "linked to that of Start")
		assert.Equal(t, attempt.SpanContext.SpanID(), call.Links[1].SpanContext.SpanID(), "and to the attempt's")
		require.Len(t, attempt.Links, 1)
		for _, line := range logs.lines()[1:] {
			assert.Contains(t, line, `"spanID":"`+attempt.SpanContext.SpanID().String()+`"`)
		}
	})
}

// TestSpansOfWorkersUnderIDsAloneAreNotLost is not parallel: the global provider belongs to the process.
func TestSpansOfWorkersUnderIDsAloneAreNotLost(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter)))
	defer otel.SetTracerProvider(before)

	pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
		_, span := worker.CtxTracer(ctx).Start(ctx, "work")
		span.End()
		return nil
	})))
	require.NoError(t, pool.Run(fromIDs(t, t.Context())))
	require.Len(t, exporter.GetSpans(), 1)
	assert.Equal(t, traceID, exporter.GetSpans()[0].SpanContext.TraceID().String())

	t.Run("and a typed nil provider is none", func(t *testing.T) {
		exporter.Reset()
		pool := newPool(t, worker.WithTracerProvider((*otelsdktrace.TracerProvider)(nil)), worker.WithGlobalMiddlewares(worker.NewTracingMiddleware()),
			worker.WithWorker(do("job", succeed)))
		require.NoError(t, pool.Run(t.Context()))
		assert.Len(t, exporter.GetSpans(), 1)
	})
}

func TestCountersCarryTheirCreationTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(inOrder("job", fail, succeed), worker.WithMaxExecutionsAttempts(2),
			worker.WithBackoff(worker.ConstantBackoff(time.Minute))))
		require.NoError(t, pool.Run(t.Context()))
		registry := prometheus.NewRegistry()
		require.NoError(t, pool.Metrics().Register(registry))
		families, err := registry.Gather()
		require.NoError(t, err)

		created := map[string]time.Duration{}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				if counter := metric.GetCounter(); counter != nil {
					require.NotNil(t, counter.GetCreatedTimestamp(), family.GetName())
					key := family.GetName()
					for _, label := range metric.GetLabel() {
						key += " " + label.GetValue()
					}
					created[key] = counter.GetCreatedTimestamp().AsTime().Sub(start)
				}
			}
		}
		assert.Equal(t, map[string]time.Duration{
			"worker_executions_total started job":   0,
			"worker_executions_total error job":     0,
			"worker_executions_total restarted job": 0,
			"worker_executions_total success job":   time.Minute,
			"worker_panics_total job":               0,
			"worker_stop_timeouts_total job":        0,
		}, created, "when each began to count")
	})
}

// A service may have made up for what the published module does not measure, under a name that is one of the new families' now.
func TestServiceThatHasAFamilyOfANewNameKeepsIt(t *testing.T) {
	registry := prometheus.NewRegistry()
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "worker_execution_duration_seconds", Help: "Mine."}, []string{"job"})
	registry.MustRegister(durations)
	durations.WithLabelValues("job").Observe(1)

	pool := newPool(t, worker.WithWorker(do("job", succeed)))
	require.NoError(t, pool.Metrics().Register(registry))
	require.NoError(t, pool.Run(t.Context()))

	assert.Equal(t, []string{
		`worker_executions_total{status="started",worker="job"} 1`,
		`worker_executions_total{status="success",worker="job"} 1`,
	}, samples(registry, "worker_executions_total"))
	assert.Contains(t, scrape(registry), `worker_execution_duration_seconds_count{job="job"} 1`)
	assert.NotContains(t, scrape(registry), "worker_up", "the counter alone")
	require.EqualError(t, pool.Metrics().Register(registry), "duplicate metrics collector registration attempted")

	// What stood in the published counter's way does so here.
	taken := prometheus.NewRegistry()
	taken.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "worker_executions_total", Help: "Mine."}))
	require.ErrorContains(t, worker.NewWorkerMetrics("", "").Register(taken), `"worker_executions_total"`)
}

// A histogram is made late, with what was observed before in it.
func TestDurationsCarryTheTimeOfTheirFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(inOrder("job", succeed), worker.WithMaxExecutionsAttempts(200),
			worker.WithRestartPolicy(worker.RestartAlways), worker.WithBackoff(worker.ConstantBackoff(time.Minute)), worker.WithDeferredStartThreshold(1)))
		registry := prometheus.NewRegistry()
		require.NoError(t, pool.Metrics().Register(registry))
		created := func() time.Duration {
			families, err := registry.Gather()
			require.NoError(t, err)
			for _, family := range families {
				if family.GetName() == "worker_execution_duration_seconds" {
					return family.GetMetric()[0].GetHistogram().GetCreatedTimestamp().AsTime().Sub(start)
				}
			}
			return -1
		}
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.EqualValues(t, -1, created())
		for range 3 {
			time.Sleep(time.Hour)
			assert.Equal(t, time.Second, created())
		}
		require.NoError(t, pool.Stop())
	})
}

func TestWorkersOfOneLabelShareTheirSeries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("Mail Sender", block)), worker.WithWorker(do("mail-sender", block)),
			worker.WithWorker(do("mail sender", fail), worker.WithMaxExecutionsAttempts(3), worker.WithBackoff(worker.ConstantBackoff(0))),
			worker.WithWorker(do("MAIL SENDER", block), worker.WithHeartbeat(time.Minute), worker.WithMiddlewares(middleware("deaf", func(ctx context.Context, next worker.HandlerFunc) error {
				err := next(ctx)
				time.Sleep(time.Hour)
				return err
			}))))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(2 * time.Minute)
		gauge := func(name string, value int) {
			assert.Equal(t, []string{fmt.Sprintf(`%s{worker="mail_sender"} %d`, name, value)}, metricsText(t, pool.Metrics(), name))
		}
		gauge("worker_up", 2)
		gauge("worker_stuck", 1)
		gauge("worker_gave_up", 1)
		gauge("worker_consecutive_failures", 3)
		gauge("worker_ready", 0)
		assert.Equal(t, []string{
			`worker_executions_total{status="error",worker="mail_sender"} 3`, `worker_executions_total{status="restarted",worker="mail_sender"} 2`,
			`worker_executions_total{status="started",worker="mail_sender"} 6`,
		}, executionsText(t, pool))
		require.NoError(t, pool.Unregister(t.Context(), "mail sender"))
		gauge("worker_consecutive_failures", 0)
		gauge("worker_up", 2)
		require.NoError(t, pool.Stop())
	})
}
