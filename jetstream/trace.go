package jetstream

import (
	"context"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// noSpan stands for a span that was not begun.
var noSpan = oteltrace.SpanFromContext(context.Background())

// spanOptions are those that all spans have in common. Attributes are added to recorded spans only, since they cost more than all
// the rest of a span that is not.
var spanOptions = []oteltrace.SpanStartOption{oteltrace.WithNewRoot(), oteltrace.WithSpanKind(oteltrace.SpanKindConsumer)}

// startSpan begins the span of a handling. It is the root of a trace of its own, since one message may be handled several times and
// long after it was sent, and links to the span that the message was sent in.
//
// The producer's baggage goes into the handler's context, whether there is tracing or not.
func (s *session) startSpan(ctx context.Context, d *delivery) (context.Context, oteltrace.Span) {
	options := spanOptions
	if headers := d.msg.Headers(); len(headers) > 0 {
		producer := propagator().Extract(context.Background(), headerCarrier(headers))
		if members := baggage.FromContext(producer); members.Len() > 0 {
			ctx = baggage.ContextWithBaggage(ctx, members)
		}
		if link := oteltrace.LinkFromContext(producer); link.SpanContext.IsValid() {
			options = append(slices.Clip(options), oteltrace.WithLinks(link))
		}
	}
	if s.untraced.Load() {
		return ctx, noSpan
	}

	ctx, span := s.tracer.Start(ctx, s.spanName, options...)
	if !span.SpanContext().IsValid() {
		s.untraced.Store(true)
	}
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("messaging.system", "nats"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.destination.name", s.stream),
			attribute.String("messaging.consumer.group.name", s.consumer),
			attribute.String("messaging.nats.subject", strings.ToValidUTF8(d.msg.Subject(), "\uFFFD")),
			attribute.Int64("messaging.nats.stream_sequence", int64(d.id.sequence)),
			attribute.Int64("messaging.nats.delivery", int64(d.number.Load())),
		)
	}

	return ctx, span
}

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// propagator returns the global one where the program has set it, and that of the W3C trace context and baggage otherwise.
func propagator() propagation.TextMapPropagator {
	if global := otel.GetTextMapPropagator(); len(global.Fields()) > 0 {
		return global
	}

	return w3c
}

// headerCarrier reads headers in any case: NATS keeps the case in which a producer wrote them.
type headerCarrier nats.Header

// Get returns the first value of a header, or an empty string.
func (c headerCarrier) Get(key string) string {
	if values := c[key]; len(values) > 0 {
		return values[0]
	}
	for name, values := range c {
		if len(values) > 0 && strings.EqualFold(name, key) {
			return values[0]
		}
	}

	return ""
}

// Set is just for [propagation.TextMapCarrier] compliance.
func (c headerCarrier) Set(string, string) {}

// Keys returns the names of the headers.
func (c headerCarrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}

	return keys
}
