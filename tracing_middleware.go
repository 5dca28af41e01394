package worker

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// TraceSpanAttributeWorkerExecutionAttempt is the span attribute for the number of the attempt.
const TraceSpanAttributeWorkerExecutionAttempt = "WorkerExecutionAttempt"

type tracingMiddleware struct{}

// NewTracingMiddleware returns a [Middleware] that runs each attempt inside a span of [CtxTracer], named "worker NAME", with the
// worker's name, the execution id and the number of the attempt as attributes. Each span is the root of a trace of its own, so that
// sampling is per attempt, and links to the span in Start's context. A failure is recorded once, by OpenTelemetry's conventions for
// exceptions and errors; that of a panic or a Goexit has the stack. A worker that was stopped has not failed. The pool's own log
// records carry the span's ids from the end of the attempt on. All text is valid UTF-8, and bounded. Without this middleware the
// pool starts no spans.
//
// Its handler can also wrap a function within an attempt, such as that of a [NewPeriodicWorker]: each call then has such a span.
// Where such a call is made inside another span than that of Start's context, for instance the attempt's, its span is linked to
// that one too.
func NewTracingMiddleware() Middleware {
	return tracingMiddleware{}
}

func (tracingMiddleware) Name() string {
	return "tracing"
}

func (tracingMiddleware) Handle() MiddlewareFunc {
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context) error {
			return traced(ctx, next)
		}
	}
}

func traced(ctx context.Context, next HandlerFunc) (err error) {
	a := attemptOf(ctx)
	ctx, span := startSpan(ctx, a)
	own := span.SpanContext()
	a.tellSpan(&own)
	defer a.tellSpan(&own) // again: the outermost is the attempt's

	returned := false
	defer func() {
		// Ended from within, since a span that a panic ends records that too.
		if returned {
			span.End()
			return
		}
		caught := newPanicError(recover())
		if caught.Value == nil {
			recordFailure(span, ErrGoexit, string(caught.Stack))
			span.End()
			return
		}
		recordFailure(span, caught, string(caught.Stack))
		span.End()
		panic(caught.Value)
	}()

	err = next(ctx)
	returned = true

	failure, stack := err, ""
	if a != nil {
		var o outcome
		a.judge(err, &o)
		failure, stack = o.err, o.stack
	}
	if failure != nil {
		recordFailure(span, failure, stack)
	}

	return err
}

// startSpan starts the span of an attempt; outside of one, which no pool does, a plain span.
func startSpan(ctx context.Context, a *attempt) (context.Context, oteltrace.Span) {
	name, id := spanText(CtxWorkerName(ctx)), spanText(CtxWorkerExecutionId(ctx))
	options := []oteltrace.SpanStartOption{oteltrace.WithAttributes(
		attribute.String(TraceSpanAttributeWorkerName, name), attribute.String(TraceSpanAttributeWorkerExecutionId, id),
	)}
	if a != nil {
		options = append(options, oteltrace.WithNewRoot(),
			oteltrace.WithAttributes(attribute.Int(TraceSpanAttributeWorkerExecutionAttempt, a.number)))
		from := a.supervisor.generation.span
		if from.IsValid() {
			options = append(options, oteltrace.WithLinks(oteltrace.Link{SpanContext: from}))
		}
		if around := oteltrace.SpanContextFromContext(ctx); around.IsValid() && !around.Equal(from) {
			options = append(options, oteltrace.WithLinks(oteltrace.Link{SpanContext: around}))
		}
	}

	return CtxTracer(ctx).Start(ctx, "worker "+name, options...)
}

// tellSpan has the pool's lines carry the ids of a span from the attempt's end on.
func (a *attempt) tellSpan(own *oteltrace.SpanContext) {
	if a != nil && own.IsValid() {
		a.span.Store(own)
	}
}

// recordFailure records why an attempt has failed. The keys are OpenTelemetry's for exceptions and errors:
// https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ and https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
func recordFailure(span oteltrace.Span, err error, stack string) {
	text, kind := spanText(textOf(err)), typeOf(err)
	span.SetStatus(codes.Error, text)
	span.SetAttributes(attribute.String("error.type", kind))

	attributes := []attribute.KeyValue{attribute.String("exception.type", kind), attribute.String("exception.message", text)}
	if stack != "" {
		attributes = append(attributes, attribute.String("exception.stacktrace", bounded(stack, maxStack)))
	}
	span.AddEvent("exception", oteltrace.WithAttributes(attributes...))
}

// maxStack is how many bytes of a stack a span carries.
const maxStack = 32 << 10

// spanText is a text as a span may carry it: an exporter drops a whole batch for one that is not UTF-8.
func spanText(text string) string {
	return bounded(text, maxText)
}

// typeOf returns the type of an error below the marks of this package.
func typeOf(err error) string {
	for {
		switch marked := err.(type) {
		case *permanentError:
			err = marked.error
		case *causedError:
			err = marked.err
		default:
			return spanText(fmt.Sprintf("%T", err))
		}
	}
}
