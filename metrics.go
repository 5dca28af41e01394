package worker

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// The values of the label "status" of the executions counter.
const (
	ExecutionStarted   = "started"
	ExecutionRestarted = "restarted"
	ExecutionSuccess   = "success"
	ExecutionError     = "error"
	ExecutionStopped   = "stopped"
)

// counter is an index into the counters of a worker, and into statusLabels.
type counter int

const (
	countNothing counter = iota
	countStarted
	countRestarted
	countSuccess
	countError
	countStopped
)

var statusLabels = [...]string{
	countStarted:   ExecutionStarted,
	countRestarted: ExecutionRestarted,
	countSuccess:   ExecutionSuccess,
	countError:     ExecutionError,
	countStopped:   ExecutionStopped,
}

// WorkerMetrics allows the [WorkerPool] to send worker metrics to a [prometheus.Registry]: the counter
// worker_executions_total by worker and status. It is a [prometheus.Collector], so that any [prometheus.Registerer] takes it.
//
// It counts from its creation, registered or not, and is safe for concurrent use.
type WorkerMetrics struct {
	executions *prometheus.Desc

	mu     sync.RWMutex // guards the map, not what it holds
	series map[string]*workerSeries
}

// workerSeries is what is measured of one worker. Workers whose names differ only in what [Sanitize] changes share one.
type workerSeries struct {
	executions [len(statusLabels)]atomic.Uint64
}

// NewWorkerMetrics returns a new [WorkerMetrics], and accepts metrics namespace and subsystem. Both go through [Sanitize] and
// may be empty.
func NewWorkerMetrics(namespace string, subsystem string) *WorkerMetrics {
	return &WorkerMetrics{
		executions: prometheus.NewDesc(
			prometheus.BuildFQName(Sanitize(namespace), Sanitize(subsystem), "worker_executions_total"),
			"Total number of workers executions",
			[]string{"worker", "status"},
			nil,
		),
		series: map[string]*workerSeries{},
	}
}

// Register registers the [WorkerMetrics] against a [prometheus.Registry]. It returns the registry's own error, such as
// [prometheus.AlreadyRegisteredError] where metrics of the same namespace and subsystem are registered already.
func (m *WorkerMetrics) Register(registry *prometheus.Registry) error {
	if registry == nil {
		return errors.New("nil prometheus registry")
	}

	return registry.Register(m)
}

// Describe implements [prometheus.Collector].
func (m *WorkerMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- m.executions
}

// Collect implements [prometheus.Collector]. It has no series for what was never counted.
func (m *WorkerMetrics) Collect(metrics chan<- prometheus.Metric) {
	m.mu.RLock()
	all := maps.Clone(m.series)
	m.mu.RUnlock()

	for label, series := range all {
		for c := countStarted; int(c) < len(statusLabels); c++ {
			if n := series.executions[c].Load(); n > 0 {
				metrics <- prometheus.MustNewConstMetric(
					m.executions, prometheus.CounterValue, float64(n), label, statusLabels[c],
				)
			}
		}
	}
}

// IncrementWorkerExecutionStart increments the started workers counter for a given worker name.
func (m *WorkerMetrics) IncrementWorkerExecutionStart(workerName string) *WorkerMetrics {
	return m.increment(workerName, countStarted)
}

// IncrementWorkerExecutionRestart increments the restarted workers counter for a given worker name.
func (m *WorkerMetrics) IncrementWorkerExecutionRestart(workerName string) *WorkerMetrics {
	return m.increment(workerName, countRestarted)
}

// IncrementWorkerExecutionSuccess increments the successful workers counter for a given worker name.
func (m *WorkerMetrics) IncrementWorkerExecutionSuccess(workerName string) *WorkerMetrics {
	return m.increment(workerName, countSuccess)
}

// IncrementWorkerExecutionError increments the failing workers counter for a given worker name.
func (m *WorkerMetrics) IncrementWorkerExecutionError(workerName string) *WorkerMetrics {
	return m.increment(workerName, countError)
}

func (m *WorkerMetrics) increment(workerName string, c counter) *WorkerMetrics {
	m.of(workerName).executions[c].Add(1)

	return m
}

// of returns the series of a worker, and makes it the first time.
func (m *WorkerMetrics) of(workerName string) *workerSeries {
	label := Sanitize(workerName)

	m.mu.RLock()
	series := m.series[label]
	m.mu.RUnlock()

	if series != nil {
		return series
	}

	m.mu.Lock()
	defer m.mu.Unlock()

	if series = m.series[label]; series == nil {
		series = &workerSeries{}
		m.series[label] = series
	}

	return series
}
