package otelmetrics

import (
	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
)

// newProducer returns a producer of the metrics of a pool.
func newProducer(pool *worker.WorkerPool) metric.Producer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(pool.Metrics())

	return prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(registry))
}

// newMeterProvider returns a provider that exports them, beside the metrics of its own meters.
func newMeterProvider(pool *worker.WorkerPool, exporter metric.Exporter) *metric.MeterProvider {
	return metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(exporter, metric.WithProducer(newProducer(pool)))))
}
