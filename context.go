package worker

import (
	"context"

	"github.com/ankorstore/yokai/log"
	"go.opentelemetry.io/otel"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// CtxWorkerNameKey is a contextual struct key for the current worker name.
type CtxWorkerNameKey struct{}

// CtxWorkerExecutionIdKey is a contextual struct key for the current worker execution id.
type CtxWorkerExecutionIdKey struct{}

type (
	attemptKey        struct{}
	tracerProviderKey struct{}
)

// CtxWorkerName returns the contextual [Worker] name, or an empty string outside of a worker's context.
func CtxWorkerName(ctx context.Context) string {
	name, _ := ctx.Value(CtxWorkerNameKey{}).(string)

	return name
}

// CtxWorkerExecutionId returns the contextual [Worker] execution id, or an empty string outside of a worker's context. Each
// attempt has an id of its own.
func CtxWorkerExecutionId(ctx context.Context) string {
	id, _ := ctx.Value(CtxWorkerExecutionIdKey{}).(string)

	return id
}

// CtxLogger returns the contextual [log.Logger], a [zerolog.Logger]: that of the context that Start was called with. It is never nil;
// without a logger in that context nothing is logged. In a worker's context it has the fields "worker" and "workerExecutionID",
// and inside a span "traceID" and "spanID" too.
func CtxLogger(ctx context.Context) *log.Logger {
	return log.CtxLogger(ctx)
}

// CtxTracer returns the contextual [oteltrace.Tracer], named [TracerName]. Its provider is the pool's own ([WithTracerProvider]), else
// that of the span in ctx, if this is recording or was made by OpenTelemetry's SDK, else OpenTelemetry's global one.
func CtxTracer(ctx context.Context) oteltrace.Tracer {
	return tracerProvider(ctx).Tracer(TracerName)
}

func tracerProvider(ctx context.Context) oteltrace.TracerProvider {
	if provider, ok := ctx.Value(tracerProviderKey{}).(oteltrace.TracerProvider); ok {
		return provider
	}

	// A span context that was made from ids alone has a provider that drops every span.
	span := oteltrace.SpanFromContext(ctx)
	provider := span.TracerProvider()
	if sdk, ok := provider.(*otelsdktrace.TracerProvider); ok && sdk != nil || span.IsRecording() && !isNil(provider) {
		return provider
	}

	return otel.GetTracerProvider()
}
