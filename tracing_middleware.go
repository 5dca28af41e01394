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
// worker's name, the execution id and the number of the attempt as attributes. An error is recorded on the span, and so is a panic
// or a Goexit with its stack; that the worker was stopped is not an error. Without this middleware the pool starts no spans.
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
	attributes := []attribute.KeyValue{
		attribute.String(TraceSpanAttributeWorkerName, CtxWorkerName(ctx)),
		attribute.String(TraceSpanAttributeWorkerExecutionId, CtxWorkerExecutionId(ctx)),
	}
	if attempt, ok := ctx.Value(attemptKey{}).(*attemptContext); ok {
		attributes = append(attributes, attribute.Int(TraceSpanAttributeWorkerExecutionAttempt, attempt.supervisor.attempt))
	}

	ctx, span := CtxTracer(ctx).Start(ctx, "worker "+CtxWorkerName(ctx), oteltrace.WithAttributes(attributes...))
	defer span.End()

	returned := false
	defer func() {
		if returned {
			return
		}
		caught := newPanicError(recover())
		if caught.Value == nil {
			recordError(span, ErrGoexit, caught.Stack)
			return
		}
		recordError(span, caught, caught.Stack)
		panic(caught.Value)
	}()

	err = next(ctx)
	returned = true

	if failure := failureOf(ctx, err); failure != nil {
		recordError(span, failure, nil)
	}

	return err
}

// failureOf returns what the pool will say that an attempt has failed with that returns err, nil if it has not.
func failureOf(ctx context.Context, err error) error {
	attempt, ok := ctx.Value(attemptKey{}).(*attemptContext)
	if !ok {
		return err
	}

	missed := attempt.supervisor.missedHeartbeat(attempt)
	switch {
	case missed && err != nil:
		return missedWith(err)
	case missed && attempt.heartbeat.isStuck():
		return ErrHeartbeatMissed
	case err != nil && attempt.supervisor.stoppedWith(attempt, err):
		return nil
	default:
		return err
	}
}

func recordError(span oteltrace.Span, err error, stack []byte) {
	text := fmt.Sprint(err)
	span.SetStatus(codes.Error, text)

	// The keys are OpenTelemetry's for exceptions: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
	attributes := []attribute.KeyValue{
		attribute.String("exception.type", fmt.Sprintf("%T", err)),
		attribute.String("exception.message", text),
	}
	if stack != nil {
		attributes = append(attributes, attribute.String("exception.stacktrace", string(stack)))
	}
	span.AddEvent("exception", oteltrace.WithAttributes(attributes...))
}
