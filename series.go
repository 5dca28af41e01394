package worker

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// workerSeries is what is measured of one worker, kept as plain numbers and made into samples when they are collected. Workers
// whose names differ only in what [Sanitize] changes share one.
type workerSeries struct {
	label     string
	durations *prometheus.HistogramVec

	executions  [len(statusLabels)]atomic.Uint64
	panics      atomic.Uint64
	status      atomic.Int64
	failures    atomic.Int64
	lastSuccess atomic.Int64 // in nanoseconds since 1970, 0 for never
	launched    atomic.Bool  // whether a worker of it was ever started
}

// count is what record does to the metrics.
func (s *workerSeries) count(c counter, t change) {
	s.executions[c].Add(1)
	s.status.Store(int64(t.To))
	s.failures.Store(int64(t.failures))

	switch t.kind {
	case succeeded:
		s.lastSuccess.Store(t.At.UnixNano())
	case panicked:
		s.panics.Add(1)
	}

	if t.kind.endsAttempt() {
		s.durations.WithLabelValues(s.label).Observe(t.took.Seconds())
	}
}

// collect sends the samples of the worker: of its counters those that count something, and the rest once it has started.
func (s *workerSeries) collect(m *WorkerMetrics, metrics chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, kind, value, append([]string{s.label}, labels...)...)
	}

	for c := countStarted; int(c) < len(statusLabels); c++ {
		if n := s.executions[c].Load(); n > 0 {
			send(m.executions, prometheus.CounterValue, float64(n), statusLabels[c])
		}
	}

	if !s.launched.Load() {
		return
	}

	status := WorkerStatus(s.status.Load())
	send(m.up, prometheus.GaugeValue, oneIf(status == Running))
	send(m.stuck, prometheus.GaugeValue, oneIf(status == Stuck))
	send(m.failures, prometheus.GaugeValue, float64(s.failures.Load()))
	send(m.panics, prometheus.CounterValue, float64(s.panics.Load()))
	if at := s.lastSuccess.Load(); at > 0 {
		send(m.lastSuccess, prometheus.GaugeValue, float64(at)/float64(time.Second))
	}
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}

	return 0
}
