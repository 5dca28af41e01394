package worker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// workerSeries is what is measured of one worker, kept as plain numbers and made into samples when they are collected. Workers
// whose names differ only in what [Sanitize] changes share one.
type workerSeries struct {
	pair      *dto.LabelPair
	labels    []*dto.LabelPair // the pair alone
	durations durations

	executions  [len(statusLabels)]atomic.Uint64
	panics      atomic.Uint64
	status      atomic.Int64
	failures    atomic.Int64
	lastSuccess atomic.Int64 // in nanoseconds since 1970, 0 for never
	launched    atomic.Bool  // whether a worker of it was ever started
}

func newWorkerSeries(m *WorkerMetrics, label string) *workerSeries {
	pair := labelPair("worker", label)

	return &workerSeries{
		pair:      pair,
		labels:    []*dto.LabelPair{pair},
		durations: durations{family: m.durations, label: label},
	}
}

func labelPair(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: &name, Value: &value}
}

// count is what record does to the metrics.
func (s *workerSeries) count(by *supervisor, k kind, at time.Time) {
	s.executions[transitions[k].counter].Add(1)
	s.status.Store(int64(by.status))
	s.failures.Store(int64(by.failures))

	switch {
	case k == succeeded:
		s.lastSuccess.Store(at.UnixNano())
	case k == panicked:
		s.panics.Add(1)
	}
	if k.endsAttempt() {
		s.durations.observe(at.Sub(by.startedAt))
	}
}

// collect sends the samples of the worker: of its counters those that count something, and the rest once it has started.
func (s *workerSeries) collect(m *WorkerMetrics, metrics chan<- prometheus.Metric) {
	for c := countStarted; int(c) < len(statusLabels); c++ {
		if n := s.executions[c].Load(); n > 0 {
			metrics <- &sample{m.executions, []*dto.LabelPair{m.statuses[c], s.pair}, true, float64(n)}
		}
	}

	if !s.launched.Load() {
		return
	}

	status := WorkerStatus(s.status.Load())
	metrics <- &sample{m.up, s.labels, false, oneIf(status == Running)}
	metrics <- &sample{m.stuck, s.labels, false, oneIf(status == Stuck)}
	metrics <- &sample{m.failures, s.labels, false, float64(s.failures.Load())}
	metrics <- &sample{m.panics, s.labels, true, float64(s.panics.Load())}
	if at := s.lastSuccess.Load(); at > 0 {
		metrics <- &sample{m.lastSuccess, s.labels, false, float64(at) / float64(time.Second)}
	}
}

// sample is a [prometheus.Metric] of labels that were made before: those of the client library are made anew with each scrape.
type sample struct {
	desc    *prometheus.Desc
	labels  []*dto.LabelPair // sorted by name
	counter bool             // or else a gauge
	value   float64
}

func (s *sample) Desc() *prometheus.Desc {
	return s.desc
}

func (s *sample) Write(to *dto.Metric) error {
	to.Label = s.labels
	if s.counter {
		to.Counter = &dto.Counter{Value: &s.value}
	} else {
		to.Gauge = &dto.Gauge{Value: &s.value}
	}

	return nil
}

// durations are the observations of a worker's histogram. A histogram is large: it is made when it is asked for, or once there are
// too many observations to keep them one by one.
type durations struct {
	family *prometheus.HistogramVec
	label  string

	mu        sync.Mutex // guards the fields below
	pending   []time.Duration
	histogram prometheus.Observer // nil until it is made
}

// maxPending is how many observations take less room than a histogram.
const maxPending = 64

func (d *durations) observe(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()

	d.pending = append(d.pending, took)
	if d.histogram != nil || len(d.pending) == maxPending {
		d.flushLocked()
	}
}

// flush makes all observations part of the histogram.
func (d *durations) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()

	if len(d.pending) > 0 {
		d.flushLocked()
	}
}

func (d *durations) flushLocked() {
	if d.histogram == nil {
		d.histogram = d.family.WithLabelValues(d.label)
	}
	for _, took := range d.pending {
		d.histogram.Observe(took.Seconds())
	}
	d.pending = d.pending[:0]
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}

	return 0
}
