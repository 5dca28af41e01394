package worker

import (
	"context"
	"fmt"
	"runtime/pprof"

	"github.com/ankorstore/yokai/log"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
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

// attemptContext is the context of one attempt: all that a worker can ask of it in one node.
type attemptContext struct {
	context.Context
	supervisor  *supervisor
	executionID string
	heartbeat   *heartbeat // nil if the worker has none
}

// Value returns what the attempt knows for the package's own keys, and what the pool's context has for all others.
func (c *attemptContext) Value(key any) any {
	switch key.(type) {
	case CtxWorkerNameKey:
		return c.supervisor.name
	case CtxWorkerExecutionIdKey:
		return c.executionID
	case attemptKey:
		return c
	case tracerProviderKey:
		if provider := c.supervisor.pool.options.TracerProvider; provider != nil {
			return provider
		}
	}

	if labels := c.supervisor.goroutineLabels.Value(key); labels != nil {
		return labels
	}

	return c.Context.Value(key)
}

// String describes the context as those of package context describe themselves.
func (c *attemptContext) String() string {
	return fmt.Sprintf("%v.WithWorker(%s)", c.Context, c.supervisor.name)
}

// baseLogger returns the logger that ctx carries, less the fields that a surrounding attempt put into it: the workers of a
// pool that a worker starts have their own. It is nil if there is none.
func baseLogger(ctx context.Context) *zerolog.Logger {
	logger := zerolog.Ctx(ctx)

	if outer, ok := ctx.Value(attemptKey{}).(*attemptContext); ok && zerolog.Ctx(outer) == logger {
		return outer.supervisor.generation.logger
	}
	if logger == zerolog.Ctx(context.Background()) && logger.GetLevel() == zerolog.Disabled {
		return nil
	}

	// A copy, since UpdateContext may change the original at any time.
	own := *logger

	return &own
}

// baseLabels returns a context with the profiler labels of ctx and nothing else, nil if there are none.
func baseLabels(ctx context.Context) context.Context {
	var labels []string
	pprof.ForLabels(ctx, func(key, value string) bool {
		labels = append(labels, key, value)

		return true
	})
	if labels == nil {
		return nil
	}

	return pprof.WithLabels(context.Background(), pprof.Labels(labels...))
}

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

// CtxTracer returns the contextual [oteltrace.Tracer], named [TracerName]. Its provider is the pool's own, else that of
// the span in ctx, else OpenTelemetry's global one.
func CtxTracer(ctx context.Context) oteltrace.Tracer {
	return tracerProvider(ctx).Tracer(TracerName)
}

func tracerProvider(ctx context.Context) oteltrace.TracerProvider {
	if provider, ok := ctx.Value(tracerProviderKey{}).(oteltrace.TracerProvider); ok {
		return provider
	}

	// A remote span is known by its ids alone: its provider would drop every span.
	span := oteltrace.SpanFromContext(ctx)
	if span.SpanContext().IsValid() && !span.SpanContext().IsRemote() {
		return span.TracerProvider()
	}

	return otel.GetTracerProvider()
}
