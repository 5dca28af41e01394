package worker

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// TracerName is the workers tracer name.
const TracerName = "worker"

// The names of what an execution adds to its log records and spans.
const (
	LogRecordFieldWorkerName            = "worker"
	LogRecordFieldWorkerExecutionId     = "workerExecutionID"
	TraceSpanAttributeWorkerName        = "Worker"
	TraceSpanAttributeWorkerExecutionId = "WorkerExecutionID"
)

// AnnotateTracerProvider extends a provided [oteltrace.TracerProvider] spans with worker execution attributes, and returns it. A
// provider that is not the one of OpenTelemetry's SDK is returned as it is, since nothing can be added to it.
func AnnotateTracerProvider(base oteltrace.TracerProvider) oteltrace.TracerProvider {
	if provider, ok := base.(*otelsdktrace.TracerProvider); ok && provider != nil {
		provider.RegisterSpanProcessor(NewTracerProviderWorkerAnnotator())
	}

	return base
}

// TracerProviderWorkerAnnotator is the [oteltrace.TracerProvider] workers annotator, implementing
// [otelsdktrace.SpanProcessor].
type TracerProviderWorkerAnnotator struct{}

// NewTracerProviderWorkerAnnotator returns a new [TracerProviderWorkerAnnotator].
func NewTracerProviderWorkerAnnotator() *TracerProviderWorkerAnnotator {
	return &TracerProviderWorkerAnnotator{}
}

// OnStart adds worker execution attributes to a given [otelsdktrace.ReadWriteSpan]. Outside of a worker's context it adds
// none.
func (a *TracerProviderWorkerAnnotator) OnStart(ctx context.Context, span otelsdktrace.ReadWriteSpan) {
	if name := CtxWorkerName(ctx); name != "" {
		span.SetAttributes(attribute.String(TraceSpanAttributeWorkerName, spanText(name)))
	}

	if id := CtxWorkerExecutionId(ctx); id != "" {
		span.SetAttributes(attribute.String(TraceSpanAttributeWorkerExecutionId, spanText(id)))
	}
}

// Shutdown is just for [otelsdktrace.SpanProcessor] compliance.
func (a *TracerProviderWorkerAnnotator) Shutdown(context.Context) error {
	return nil
}

// ForceFlush is just for [otelsdktrace.SpanProcessor] compliance.
func (a *TracerProviderWorkerAnnotator) ForceFlush(context.Context) error {
	return nil
}

// OnEnd is just for [otelsdktrace.SpanProcessor] compliance.
func (a *TracerProviderWorkerAnnotator) OnEnd(otelsdktrace.ReadOnlySpan) {
}
