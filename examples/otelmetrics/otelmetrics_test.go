package otelmetrics

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// runPool runs a pool whose one worker fails, panics and succeeds.
func runPool(t *testing.T) *worker.WorkerPool {
	t.Helper()
	attempts := 0
	pool := worker.NewWorkerPool(worker.WithWorker(
		worker.NewFuncWorker("mailer", func(context.Context) error {
			switch attempts++; attempts {
			case 1:
				return errors.New("no connection")
			case 2:
				panic("no mail")
			default:
				return nil
			}
		}),
		worker.WithMaxExecutionsAttempts(3),
	))
	require.NoError(t, pool.Run(t.Context()))

	return pool
}

// byName returns the metrics of a collection.
func byName(collected *metricdata.ResourceMetrics) map[string]metricdata.Metrics {
	metrics := map[string]metricdata.Metrics{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			metrics[m.Name] = m
		}
	}

	return metrics
}

func TestPointsOfAPool(t *testing.T) {
	start := time.Now()
	reader := metric.NewManualReader(metric.WithProducer(newProducer(runPool(t))))
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	defer func() { assert.NoError(t, provider.Shutdown(context.Background())) }()

	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	metrics := byName(&collected)

	executions, ok := metrics["worker_executions_total"].Data.(metricdata.Sum[float64])
	require.True(t, ok)
	assert.Equal(t, "Total number of workers executions", metrics["worker_executions_total"].Description)
	assert.True(t, executions.IsMonotonic)
	assert.Equal(t, metricdata.CumulativeTemporality, executions.Temporality)
	counts := map[string]float64{}
	for _, point := range executions.DataPoints {
		status, _ := point.Attributes.Value("status")
		counts[status.AsString()] = point.Value
		assert.Equal(t, attribute.NewSet(attribute.String("worker", "mailer"), attribute.String("status", status.AsString())), point.Attributes)
		assert.WithinRange(t, point.StartTime, start.Add(-time.Millisecond), time.Now(), "the counter's own start, not that of the process")
	}
	assert.Equal(t, map[string]float64{"started": 3, "restarted": 2, "success": 1, "error": 2}, counts)

	mailer := attribute.NewSet(attribute.String("worker", "mailer"))
	panics, ok := metrics["worker_panics_total"].Data.(metricdata.Sum[float64])
	require.True(t, ok)
	require.Len(t, panics.DataPoints, 1)
	assert.Equal(t, 1.0, panics.DataPoints[0].Value)

	up, ok := metrics["worker_up"].Data.(metricdata.Gauge[float64])
	require.True(t, ok)
	require.Len(t, up.DataPoints, 1)
	assert.Zero(t, up.DataPoints[0].Value)
	assert.Equal(t, mailer, up.DataPoints[0].Attributes)

	durations, ok := metrics["worker_execution_duration_seconds"].Data.(metricdata.ExponentialHistogram[float64])
	require.True(t, ok, "native buckets become an exponential histogram")
	require.Len(t, durations.DataPoints, 1)
	assert.EqualValues(t, 3, durations.DataPoints[0].Count)
	assert.Equal(t, mailer, durations.DataPoints[0].Attributes)
}

// keeping is an exporter that keeps the last collection.
type keeping struct {
	metric.Exporter
	last map[string]metricdata.Metrics
}

func (*keeping) Temporality(kind metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(kind)
}

func (*keeping) Aggregation(kind metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(kind)
}

func (k *keeping) Export(_ context.Context, collected *metricdata.ResourceMetrics) error {
	k.last = byName(collected)

	return nil
}

func (*keeping) Shutdown(context.Context) error { return nil }

func TestMeterProviderExportsThemBesideItsOwn(t *testing.T) {
	exporter := &keeping{}
	provider := newMeterProvider(runPool(t), exporter)
	mails, err := provider.Meter("shop").Int64Counter("mails")
	require.NoError(t, err)
	mails.Add(t.Context(), 1)

	require.NoError(t, provider.Shutdown(context.Background())) // exports a last time
	assert.Contains(t, exporter.last, "worker_executions_total")
	assert.Contains(t, exporter.last, "mails")
}
