package recipes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func newReports(makeReport worker.HandlerFunc) *worker.WorkerPool {
	return worker.NewWorkerPool(
		worker.WithWorker(worker.NewPeriodicWorker("reports", time.Hour, makeReport),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
			worker.WithBackoff(worker.ConstantBackoff(time.Minute)),
		),
	)
}

func TestPeriodic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		pool := newReports(func(context.Context) error {
			calls = append(calls, time.Since(start))
			switch len(calls) {
			case 2:
				return errNoConnection
			case 4:
				time.Sleep(90 * time.Minute)
			}

			return nil
		})
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(5 * time.Hour)
		require.NoError(t, pool.Stop())

		assert.Equal(t, []time.Duration{
			0,
			time.Hour,                 // fails
			time.Hour + time.Minute,   // after the backoff, and the hours count from here
			2*time.Hour + time.Minute, // takes 90 minutes
			4*time.Hour + time.Minute, // the call at 3h01 was left out
		}, calls)
	})
}

func TestSpanOfEachCall(t *testing.T) {
	for name, middlewares := range map[string][]worker.Middleware{
		"alone":                 nil,
		"in that of an attempt": {worker.NewTracingMiddleware()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				makeReport := func(context.Context) error {
					calls++
					time.Sleep(time.Minute)
					if calls == 3 {
						return errNoConnection
					}

					return nil
				}

				exporter := tracetest.NewInMemoryExporter()
				provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))
				pool := worker.NewWorkerPool(worker.WithTracerProvider(provider), worker.WithGlobalMiddlewares(middlewares...), worker.WithWorker(
					worker.NewPeriodicWorker("reports", time.Hour, worker.NewTracingMiddleware().Handle()(makeReport)),
				))
				require.Error(t, pool.Run(t.Context()))

				spans := exporter.GetSpans()
				require.Len(t, spans, 3+len(middlewares))
				for i, span := range spans[:3] {
					assert.Equal(t, "worker reports", span.Name)
					assert.Equal(t, time.Minute, span.EndTime.Sub(span.StartTime))
					assert.False(t, span.Parent.IsValid(), "a root")
					assert.Equal(t, i == 2, span.Status.Code == codes.Error)
					require.Len(t, span.Links, len(middlewares))
					for _, link := range span.Links {
						assert.Equal(t, spans[3].SpanContext.SpanID(), link.SpanContext.SpanID(), "to that of the attempt")
					}
				}
			})
		})
	}
}
