package worker

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
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

// durationBuckets are seconds, from a tenth to a day.
var durationBuckets = []float64{0.1, 0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}

// WorkerMetrics allows the [WorkerPool] to send worker metrics to a [prometheus.Registry]. It is one [prometheus.Collector] with
// these families, all under the same namespace and subsystem, and with the label "worker":
//
//   - worker_executions_total, a counter, also by status: started, restarted, success, error, stopped;
//   - worker_up, a gauge: 1 while the worker's status is running, else 0;
//   - worker_stuck, a gauge: 1 while it misses its heartbeat ([WithHeartbeat]), else 0;
//   - worker_consecutive_failures, a gauge: how many attempts have failed in a row;
//   - worker_last_success_timestamp_seconds, a gauge: when an attempt last succeeded, absent before;
//   - worker_panics_total, a counter of attempts that panicked;
//   - worker_execution_duration_seconds, a histogram of how long attempts took, from 0.1 s to 1 day, with native buckets too.
//
// A worker appears once it has started. All is counted from the creation of the metrics, registered or not. Several pools may share
// metrics; their workers of one name then share its series. It is safe for concurrent use.
type WorkerMetrics struct {
	executions  *prometheus.Desc
	up          *prometheus.Desc
	stuck       *prometheus.Desc
	failures    *prometheus.Desc
	lastSuccess *prometheus.Desc
	panics      *prometheus.Desc
	durations   *prometheus.HistogramVec
	statuses    [len(statusLabels)]*dto.LabelPair

	mu     sync.RWMutex // guards the fields below, not what they hold
	series map[string]*workerSeries
	sorted []*workerSeries // those of series by label, shorter when it is out of date; never written to once made
}

// NewWorkerMetrics returns a new [WorkerMetrics], and accepts metrics namespace and subsystem. Both go through [Sanitize] and
// may be empty.
func NewWorkerMetrics(namespace string, subsystem string) *WorkerMetrics {
	namespace, subsystem = Sanitize(namespace), Sanitize(subsystem)
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, append([]string{"worker"}, labels...), nil)
	}

	m := &WorkerMetrics{
		executions:  desc("worker_executions_total", "Total number of workers executions", "status"),
		up:          desc("worker_up", "Whether the worker is running."),
		stuck:       desc("worker_stuck", "Whether the worker misses its heartbeat."),
		failures:    desc("worker_consecutive_failures", "Number of attempts that have failed in a row."),
		lastSuccess: desc("worker_last_success_timestamp_seconds", "Time at which an attempt last succeeded."),
		panics:      desc("worker_panics_total", "Total number of attempts that panicked."),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace,
			Subsystem: subsystem,
			Name:      "worker_execution_duration_seconds",
			Help:      "How long attempts took.",
			Buckets:   durationBuckets,

			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"worker"}),
		series: map[string]*workerSeries{},
	}
	for c, status := range statusLabels {
		m.statuses[c] = labelPair("status", status)
	}

	return m
}

// errMetrics tells of metrics that have no families.
var errMetrics = errors.New("metrics were not made by NewWorkerMetrics")

// Register registers the [WorkerMetrics] against a [prometheus.Registry]. It returns the registry's own error, such as
// [prometheus.AlreadyRegisteredError] where metrics of the same namespace and subsystem are registered already.
func (m *WorkerMetrics) Register(registry *prometheus.Registry) error {
	if registry == nil {
		return errors.New("nil prometheus registry")
	}
	if m == nil || m.series == nil {
		return errMetrics
	}

	return registry.Register(m)
}

// Describe implements [prometheus.Collector].
func (m *WorkerMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.executions, m.up, m.stuck, m.failures, m.lastSuccess, m.panics} {
		descs <- desc
	}
	m.durations.Describe(descs)
}

// Collect implements [prometheus.Collector].
func (m *WorkerMetrics) Collect(metrics chan<- prometheus.Metric) {
	// In order, because a registry sorts what it gets, and sorted is quickly sorted.
	for _, series := range m.inOrder() {
		series.collect(m, metrics)
		series.durations.flush()
	}
	m.durations.Collect(metrics)
}

func (m *WorkerMetrics) inOrder() []*workerSeries {
	m.mu.Lock()
	defer m.mu.Unlock()

	if len(m.sorted) < len(m.series) {
		m.sorted = slices.SortedFunc(maps.Values(m.series), func(a, b *workerSeries) int {
			return cmp.Compare(a.pair.GetValue(), b.pair.GetValue())
		})
	}

	return m.sorted
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
		series = newWorkerSeries(m, label)
		m.series[label] = series
	}

	return series
}
