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
	countNothing counter = iota - 1
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
//   - worker_ready, a gauge: 1 while it is ready ([WorkerExecution.Ready]), else 0;
//   - worker_stuck, a gauge: 1 while it misses its heartbeat ([WithHeartbeat]), else 0;
//   - worker_gave_up, a gauge: 1 once it has failed and will not be run again, else 0;
//   - worker_consecutive_failures, a gauge: how many attempts have failed in a row, 0 for a worker that was stopped;
//   - worker_started_timestamp_seconds, a gauge: when the current attempt has started, absent before the first;
//   - worker_next_attempt_timestamp_seconds, a gauge: when the next attempt is due, absent where none is;
//   - worker_last_success_timestamp_seconds, a gauge: when an attempt last succeeded, absent before;
//   - worker_heartbeat_age_seconds, a gauge: how long ago a running attempt last beat, to a tenth of its heartbeat's timeout;
//   - worker_heartbeat_timeout_seconds, a gauge: how long it may be silent, absent for a worker without a heartbeat;
//   - worker_scheduled, a gauge: 1 for a worker with a schedule ([WithSchedule]), absent for any other;
//   - worker_timed_out, a gauge: 1 while an attempt has timed out ([WithAttemptTimeout]) and has not returned, else 0, absent for a
//     worker whose attempts are not bounded;
//   - worker_panics_total, a counter of attempts that panicked;
//   - worker_stop_timeouts_total, a counter of stops that gave up waiting for it;
//   - worker_execution_duration_seconds, a histogram of how long attempts took, from 0.1 s to 1 day, with native buckets too.
//
// A worker appears once it has started, and is gone once it was unregistered ([WorkerPool.Unregister]). All is counted from the
// creation of the metrics, registered or not. Several pools may share metrics; their workers of one name then share its series, and
// so do workers whose names [Sanitize] makes equal: worker_up is the number of those that run, worker_ready is 1 only if all are
// ready, and each other gauge is that of the worst. A worker of a pool that has stopped and that nobody holds any more, such as a pool
// that was made for one job, does not count among them once the garbage collector has seen it, unless it was the last to join. It is
// safe for concurrent use.
type WorkerMetrics struct {
	*families                                 // nil in metrics that NewWorkerMetrics has not made
	durations func() *prometheus.HistogramVec // made when it is asked for first, since it is large

	mu     sync.RWMutex // guards the fields below, not what they hold
	series map[string]*workerSeries
	sorted []*workerSeries // those of series by label, nil when it is out of date; never written to once made
}

// families are the descriptions of all metrics of a namespace and subsystem, and their labels. They never change.
type families struct {
	executions   *prometheus.Desc
	up           *prometheus.Desc
	ready        *prometheus.Desc
	stuck        *prometheus.Desc
	gaveUp       *prometheus.Desc
	failures     *prometheus.Desc
	started      *prometheus.Desc
	nextAttempt  *prometheus.Desc
	lastSuccess  *prometheus.Desc
	heartbeatAge *prometheus.Desc
	heartbeat    *prometheus.Desc
	scheduled    *prometheus.Desc
	timedOut     *prometheus.Desc
	panics       *prometheus.Desc
	stopTimeouts *prometheus.Desc
	statuses     [len(statusLabels)]*dto.LabelPair
	workerLabel  string
}

// defaultFamilies are those that most pools have, without namespace and subsystem.
var defaultFamilies = sync.OnceValue(func() *families { return newFamilies("", "") })

// NewWorkerMetrics returns a new [WorkerMetrics], and accepts metrics namespace and subsystem. Both go through [Sanitize] and
// may be empty.
func NewWorkerMetrics(namespace string, subsystem string) *WorkerMetrics {
	namespace, subsystem = Sanitize(namespace), Sanitize(subsystem)
	m := &WorkerMetrics{series: map[string]*workerSeries{}}
	if namespace == "" && subsystem == "" {
		m.families = defaultFamilies()
	} else {
		m.families = newFamilies(namespace, subsystem)
	}
	m.durations = sync.OnceValue(func() *prometheus.HistogramVec { return newDurations(namespace, subsystem) })

	return m
}

func newFamilies(namespace, subsystem string) *families {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, append([]string{"worker"}, labels...), nil)
	}

	f := &families{
		executions:   desc("worker_executions_total", "Total number of workers executions", "status"),
		up:           desc("worker_up", "Whether the worker is running."),
		ready:        desc("worker_ready", "Whether the worker is ready."),
		stuck:        desc("worker_stuck", "Whether the worker misses its heartbeat."),
		gaveUp:       desc("worker_gave_up", "Whether the worker has failed and will not be run again."),
		failures:     desc("worker_consecutive_failures", "Number of attempts that have failed in a row."),
		started:      desc("worker_started_timestamp_seconds", "Time at which the current attempt has started."),
		nextAttempt:  desc("worker_next_attempt_timestamp_seconds", "Time at which the next attempt is due."),
		lastSuccess:  desc("worker_last_success_timestamp_seconds", "Time at which an attempt last succeeded."),
		heartbeatAge: desc("worker_heartbeat_age_seconds", "How long ago the running attempt last beat."),
		heartbeat:    desc("worker_heartbeat_timeout_seconds", "How long the worker may be silent."),
		scheduled:    desc("worker_scheduled", "Whether the worker runs by a schedule."),
		timedOut:     desc("worker_timed_out", "Whether an attempt of the worker has timed out and has not returned."),
		panics:       desc("worker_panics_total", "Total number of attempts that panicked."),
		stopTimeouts: desc("worker_stop_timeouts_total", "Total number of stops that gave up waiting for the worker."),
		workerLabel:  "worker",
	}
	for c, status := range statusLabels {
		f.statuses[c] = labelPair("status", status)
	}

	return f
}

func newDurations(namespace, subsystem string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace,
		Subsystem: subsystem,
		Name:      "worker_execution_duration_seconds",
		Help:      "How long attempts took.",
		Buckets:   durationBuckets,

		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"worker"})
}

// errMetrics tells of metrics that have no families.
var errMetrics = errors.New("metrics were not made by NewWorkerMetrics")

// Register registers the [WorkerMetrics] against a [prometheus.Registry]. It returns the registry's own error, such as
// [prometheus.AlreadyRegisteredError] where metrics of the same namespace and subsystem are registered already. In a registry that has
// a family of a service's own by one of the names, other than the counter's, it registers worker_executions_total alone.
func (m *WorkerMetrics) Register(registry *prometheus.Registry) error {
	if registry == nil {
		return errors.New("nil prometheus registry")
	}
	if m == nil || m.families == nil {
		return errMetrics
	}

	err := registry.Register(m)
	if _, again := err.(prometheus.AlreadyRegisteredError); err == nil || again {
		return err
	}

	return registry.Register(executionsAlone{m})
}

// Describe implements [prometheus.Collector]. Metrics that were not made by NewWorkerMetrics are refused by the registry.
func (m *WorkerMetrics) Describe(descs chan<- *prometheus.Desc) {
	if m == nil || m.families == nil {
		descs <- prometheus.NewInvalidDesc(errMetrics)
		return
	}

	for _, desc := range []*prometheus.Desc{
		m.executions, m.up, m.ready, m.stuck, m.gaveUp, m.failures, m.started, m.nextAttempt, m.lastSuccess, m.heartbeatAge,
		m.heartbeat, m.scheduled, m.timedOut, m.panics, m.stopTimeouts,
	} {
		descs <- desc
	}
	m.durations().Describe(descs)
}

// Collect implements [prometheus.Collector].
func (m *WorkerMetrics) Collect(metrics chan<- prometheus.Metric) {
	// In order, because a registry sorts what it gets, and sorted is quickly sorted.
	for _, series := range m.inOrder() {
		series.collect(m, metrics)
		series.durations.collect(metrics)
	}
}

func (m *WorkerMetrics) inOrder() []*workerSeries {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.sorted == nil {
		m.sorted = slices.SortedFunc(maps.Values(m.series), func(a, b *workerSeries) int {
			return cmp.Compare(a.label, b.label)
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
	if m != nil && m.families != nil {
		m.of(workerName).executions[c].add(1, time.Now())
	}

	return m
}

// expect makes room for the series of that many workers.
func (m *WorkerMetrics) expect(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if len(m.series) == 0 {
		m.series = make(map[string]*workerSeries, n)
	}
}

// join returns the series of a plan, whose gauges tell of it from now on.
func (m *WorkerMetrics) join(member *plan) *workerSeries {
	label := Sanitize(member.name)

	m.mu.Lock() // until it has joined, or the last one to leave would take the series along
	defer m.mu.Unlock()

	series := m.ofLocked(label)
	series.join(member)

	return series
}

// leave takes a plan off its series, and the series away if it tells of nobody else.
func (m *WorkerMetrics) leave(member *plan) {
	m.mu.Lock()
	defer m.mu.Unlock()

	series := member.series
	empty := series.leave(member)
	if label := series.label; empty && m.series[label] == series {
		delete(m.series, label)
		m.sorted = nil
		series.durations.end() // first, or a scrape under way would make the histogram anew
		m.durations().DeleteLabelValues(label)
	}
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

	return m.ofLocked(label)
}

func (m *WorkerMetrics) ofLocked(label string) *workerSeries {
	series := m.series[label]
	if series == nil {
		series = newWorkerSeries(m, label)
		m.series[label] = series
		m.sorted = nil
	}

	return series
}

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
