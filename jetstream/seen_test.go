package jetstream_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

func TestHandlersContextCarriesLoggerIdsAndALinkedSpan(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := worker.AnnotateTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSpanProcessor(recorder)))
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 1})
	ids := make(chan string, 2)
	w := workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, msg jetstream.Msg) error {
		worker.CtxLogger(ctx).Info().Msg("at work")
		_, inner := worker.CtxTracer(ctx).Start(ctx, "inner")
		inner.End()
		ids <- worker.CtxWorkerName(ctx) + " " + worker.CtxWorkerExecutionId(ctx)
		return errors.New("boom")
	})
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w), worker.WithTracerProvider(provider))
	require.NoError(t, err)
	var logs logBuffer
	logger := zerolog.New(&logs)
	require.NoError(t, pool.Start(logger.WithContext(t.Context())))
	execution, err := pool.Execution("w")
	require.NoError(t, err)

	producerCtx, producer := otelsdktrace.NewTracerProvider().Tracer("producer").Start(t.Context(), "send")
	for _, header := range []nats.Header{{}, {}} {
		propagation.TraceContext{}.Inject(producerCtx, propagation.HeaderCarrier(header))
		_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs", Header: header})
		require.NoError(t, err)
	}
	id := receive(t, ids)
	receive(t, ids)
	settled(t, consumer)
	require.NoError(t, pool.Stop())

	assert.Equal(t, "w "+execution.Id(), id)
	var handling []otelsdktrace.ReadOnlySpan
	for _, span := range recorder.Ended() {
		if span.Name() == "process JOBS" {
			handling = append(handling, span)
		}
	}
	require.Len(t, handling, 2)
	span := handling[0]
	assert.Equal(t, oteltrace.SpanKindConsumer, span.SpanKind())
	assert.False(t, span.Parent().IsValid(), "a trace of its own")
	require.Len(t, span.Links(), 1)
	assert.Equal(t, producer.SpanContext().TraceID(), span.Links()[0].SpanContext.TraceID())
	assert.Equal(t, producer.SpanContext().SpanID(), span.Links()[0].SpanContext.SpanID())
	assert.Equal(t, codes.Error, span.Status().Code)
	attributes := map[string]string{}
	for _, attribute := range span.Attributes() {
		attributes[string(attribute.Key)] = attribute.Value.String()
	}
	assert.Equal(t, "w", attributes[worker.TraceSpanAttributeWorkerName])
	assert.Equal(t, "jobs", attributes["messaging.nats.subject"])
	assert.Equal(t, span.SpanContext().SpanID(), recorder.Ended()[0].Parent().SpanID(), "inner spans are below it")

	assert.Contains(t, logs.String(), `{"level":"info","worker":"w","workerExecutionID":"`+execution.Id()+
		`","spanID":"`+span.SpanContext().SpanID().String()+`","traceID":"`+span.SpanContext().TraceID().String()+
		`","message":"at work"}`)
	assert.Contains(t, logs.String(), `"error":"delivery 1 of 1 failed: boom","message":"message failed, it was terminated"}`)
}

func TestLowerCaseTraceHeadersAreLinkedToo(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSpanProcessor(recorder))
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	w := workerjetstream.NewConsumerWorker("w", consumer, nothing)
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w), worker.WithTracerProvider(provider))
	require.NoError(t, err)
	require.NoError(t, pool.Start(t.Context()))
	_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs", Header: nats.Header{
		"traceparent": {"00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"},
	}})
	require.NoError(t, err)
	settled(t, consumer)
	require.NoError(t, pool.Stop())

	require.Len(t, recorder.Ended(), 1)
	require.Len(t, recorder.Ended()[0].Links(), 1)
	assert.Equal(t, "0102030405060708090a0b0c0d0e0f10", recorder.Ended()[0].Links()[0].SpanContext.TraceID().String())
}

// TestBaggageOfTheProducerReachesTheHandler is a test with and without tracing.
func TestBaggageOfTheProducerReachesTheHandler(t *testing.T) {
	for name, options := range map[string][]worker.WorkerPoolOption{
		"traced":   {worker.WithTracerProvider(otelsdktrace.NewTracerProvider())},
		"untraced": nil,
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			seen := make(chan string, 2)
			w := workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
				seen <- baggage.FromContext(ctx).Member("tenant").Value()
				return nil
			})
			pool, err := worker.NewDefaultWorkerPoolFactory().Create(append(options, worker.WithWorker(w))...)
			require.NoError(t, err)
			require.NoError(t, pool.Start(t.Context()))
			for _, header := range []nats.Header{{"Baggage": {"tenant=seven"}}, {"Baggage": {"nonsense;;=,"}}} {
				_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs", Header: header})
				require.NoError(t, err)
			}

			assert.Equal(t, []string{"seven", ""}, collect(t, seen, 2))
			require.NoError(t, pool.Stop())
		})
	}
}

func TestMetrics(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	metrics := workerjetstream.NewMetrics("My-App", "jobs")
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(metrics))
	require.ErrorAs(t, registry.Register(metrics), &prometheus.AlreadyRegisteredError{})

	blocked, release := make(chan struct{}), make(chan struct{})
	_, stop := run(t, nil, workerjetstream.NewConsumerWorker("My-Worker", consumer, func(_ context.Context, msg jetstream.Msg) error {
		switch a := attemptOf(msg); {
		case a.data == "blocks":
			close(blocked)
			<-release
		case a.data == "poison":
			return worker.Permanent(errors.New("poison"))
		case a.data == "fails once" && a.number == 1:
			return errors.New("boom")
		}
		return nil
	}, workerjetstream.WithMetrics(metrics), workerjetstream.WithBackoff(worker.ConstantBackoff(0))))
	publish(t, js, "jobs", "poison")
	settled(t, consumer)
	publish(t, js, "jobs", "fails once")
	settled(t, consumer)
	publish(t, js, "jobs", "blocks")
	receive(t, blocked)

	const series = `
# HELP my_app_jobs_worker_messages_failed_total Total number of messages whose handling failed
# TYPE my_app_jobs_worker_messages_failed_total counter
my_app_jobs_worker_messages_failed_total{worker="my_worker"} 2
# HELP my_app_jobs_worker_messages_handled_total Total number of messages handled with success
# TYPE my_app_jobs_worker_messages_handled_total counter
my_app_jobs_worker_messages_handled_total{worker="my_worker"} 1
# HELP my_app_jobs_worker_messages_in_flight Number of messages received and not yet settled
# TYPE my_app_jobs_worker_messages_in_flight gauge
my_app_jobs_worker_messages_in_flight{worker="my_worker"} 1
# HELP my_app_jobs_worker_messages_pending Number of the consumer's messages not yet delivered
# TYPE my_app_jobs_worker_messages_pending gauge
my_app_jobs_worker_messages_pending{worker="my_worker"} 0
# HELP my_app_jobs_worker_messages_redelivered_total Total number of messages received again
# TYPE my_app_jobs_worker_messages_redelivered_total counter
my_app_jobs_worker_messages_redelivered_total{worker="my_worker"} 1
# HELP my_app_jobs_worker_messages_suppressed_total Total number of redeliveries that were not handled
# TYPE my_app_jobs_worker_messages_suppressed_total counter
my_app_jobs_worker_messages_suppressed_total{worker="my_worker"} 0
# HELP my_app_jobs_worker_messages_terminated_total Total number of messages terminated
# TYPE my_app_jobs_worker_messages_terminated_total counter
my_app_jobs_worker_messages_terminated_total{worker="my_worker"} 1
# HELP my_app_jobs_worker_messages_unsettled_total Total number of answers that the server could not be told
# TYPE my_app_jobs_worker_messages_unsettled_total counter
my_app_jobs_worker_messages_unsettled_total{worker="my_worker"} 0
`
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(series), names("failed_total", "handled_total",
		"in_flight", "pending", "redelivered_total", "suppressed_total", "terminated_total", "unsettled_total")...))
	queued, err := testutil.GatherAndCount(registry, names("queue_seconds", "oldest_seconds", "in_flight_bytes")...)
	require.NoError(t, err)
	assert.Equal(t, 3, queued)
	all, err := testutil.GatherAndCount(registry)
	require.NoError(t, err)
	require.Equal(t, 12, all, "each family is there to be linted")
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
	close(release)
	stop()

	const after = `
# HELP my_app_jobs_worker_messages_in_flight Number of messages received and not yet settled
# TYPE my_app_jobs_worker_messages_in_flight gauge
my_app_jobs_worker_messages_in_flight{worker="my_worker"} 0
`
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(after), names("in_flight", "pending")...),
		"nobody is asked for a stopped worker")
	count, err := testutil.GatherAndCount(registry, names("handling_seconds")...)
	require.NoError(t, err)
	assert.Equal(t, 1, count)
}

// TestMetricsOfTwoPools has the workers of two pools share a consumer, and one of them stop.
func TestMetricsOfTwoPools(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	metrics := workerjetstream.NewMetrics("My-App", "jobs")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics)
	w := workerjetstream.NewConsumerWorker("w", consumer, nothing, workerjetstream.WithMetrics(metrics))
	_, stopFirst := run(t, nil, w)
	_, stopSecond := run(t, nil, w)
	pending := func() int {
		count, err := testutil.GatherAndCount(registry, names("pending")...)
		require.NoError(t, err)
		return count
	}
	require.Eventually(t, func() bool {
		info, err := consumer.Info(t.Context())
		return err == nil && info.NumWaiting == 2 // both are at work
	}, patience, time.Millisecond)
	require.Equal(t, 1, pending())

	stopSecond()
	assert.Equal(t, 1, pending())
	stopFirst()
	assert.Zero(t, pending())
}

func names(suffixes ...string) []string {
	all := make([]string, len(suffixes))
	for i, suffix := range suffixes {
		all[i] = "my_app_jobs_worker_messages_" + suffix
	}

	return all
}

// TestSpansHaveTextThatExportersTake has bytes that are not UTF-8 in all that a producer and a handler may say.
func TestSpansHaveTextThatExportersTake(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSpanProcessor(recorder))
	_, js := connect(t, startServer(t).ClientURL())
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"jobs.>"}})
	require.NoError(t, err)
	consumer, err := js.CreateConsumer(t.Context(), "JOBS", jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 1})
	require.NoError(t, err)
	handled := make(chan struct{}, 1)
	w := workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		handled <- struct{}{}
		return errors.New("bad \xff" + strings.Repeat("x", 1<<20))
	})
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w), worker.WithTracerProvider(provider))
	require.NoError(t, err)
	require.NoError(t, pool.Start(t.Context()))
	_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs.\xff"})
	require.NoError(t, err)
	receive(t, handled)
	settled(t, consumer)
	require.NoError(t, pool.Stop())

	ended := recorder.Ended()
	require.NotEmpty(t, ended)
	for _, span := range ended {
		assert.True(t, utf8.ValidString(span.Status().Description), "%.100q", span.Status().Description)
		assert.Less(t, len(span.Status().Description), 10_000)
		for _, attribute := range span.Attributes() {
			assert.True(t, utf8.ValidString(attribute.Value.String()), "%s: %q", attribute.Key, attribute.Value.String())
		}
	}
}
