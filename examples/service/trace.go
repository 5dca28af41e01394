package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/ankorstore/yokai/worker"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newTracerProvider returns a provider that writes each span to w when it ends,
// with the attributes of the worker it belongs to.
func newTracerProvider(w io.Writer) trace.TracerProvider {
	// The syncer writes one span at a time and buffers none, so there is none
	// that a crash could lose, and nothing to shut down.
	return worker.AnnotateTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(newSpanWriter(w))))
}

// endSpan ends span, and marks it as failed if err is not nil.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}

	span.End()
}

// spanWriter is a [sdktrace.SpanExporter] that writes each span as a line of
// JSON.
type spanWriter struct {
	encoder *json.Encoder
}

func newSpanWriter(w io.Writer) *spanWriter {
	return &spanWriter{encoder: json.NewEncoder(w)}
}

// spanLine is a span as it is written.
type spanLine struct {
	Name         string         `json:"name"`
	TraceID      string         `json:"traceID"`
	SpanID       string         `json:"spanID"`
	ParentSpanID string         `json:"parentSpanID,omitempty"`
	Start        time.Time      `json:"start"`
	Duration     float64        `json:"duration"` // in seconds
	Error        string         `json:"error,omitempty"`
	Attributes   map[string]any `json:"attributes,omitempty"`
}

// ExportSpans writes spans in the order given. It is not safe for concurrent
// use; the SDK makes one call at a time.
func (s *spanWriter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, span := range spans {
		if err := s.encoder.Encode(newSpanLine(span)); err != nil {
			return err
		}
	}

	return nil
}

// Shutdown does nothing, as nothing is buffered.
func (s *spanWriter) Shutdown(context.Context) error {
	return nil
}

func newSpanLine(span sdktrace.ReadOnlySpan) spanLine {
	line := spanLine{
		Name:       span.Name(),
		TraceID:    span.SpanContext().TraceID().String(),
		SpanID:     span.SpanContext().SpanID().String(),
		Start:      span.StartTime(),
		Duration:   span.EndTime().Sub(span.StartTime()).Seconds(),
		Attributes: attributeMap(span.Attributes()),
	}

	if span.Parent().HasSpanID() {
		line.ParentSpanID = span.Parent().SpanID().String()
	}

	if span.Status().Code == codes.Error {
		line.Error = span.Status().Description
	}

	return line
}

func attributeMap(attributes []attribute.KeyValue) map[string]any {
	m := make(map[string]any, len(attributes))
	for _, a := range attributes {
		m[string(a.Key)] = a.Value.AsInterface()
	}

	return m
}
