package worker

import "github.com/prometheus/client_golang/prometheus"

// executionsAlone are the metrics less what the published module does not have.
type executionsAlone struct{ *WorkerMetrics }

// Describe implements [prometheus.Collector].
func (e executionsAlone) Describe(descs chan<- *prometheus.Desc) {
	descs <- e.executions
}

// Collect implements [prometheus.Collector].
func (e executionsAlone) Collect(metrics chan<- prometheus.Metric) {
	for _, series := range e.inOrder() {
		series.collectExecutions(e.WorkerMetrics, metrics)
	}
}
