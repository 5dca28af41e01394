package jetstream

import (
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// series is what is measured of one worker. All of its methods do nothing on a nil one.
type series struct {
	metrics  *Metrics
	label    string
	counters [countTerminated + 1]prometheus.Counter
	inFlight prometheus.Gauge
	handling prometheus.Observer
}

// of returns the series of a worker. Workers whose names differ only in what [worker.Sanitize] changes share one.
func (m *Metrics) of(name string) *series {
	if m == nil {
		return nil
	}

	label := worker.Sanitize(name)
	s := &series{
		metrics:  m,
		label:    label,
		inFlight: m.inFlight.WithLabelValues(label),
		handling: m.handling.WithLabelValues(label),
	}
	for c := range s.counters {
		s.counters[c] = m.counters[counter(c)].WithLabelValues(label)
	}

	return s
}

// observe has the consumer's pending messages collected, until the function that it returns is called.
func (s *series) observe(consumer jetstream.Consumer) (end func()) {
	if s == nil {
		return func() {}
	}

	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	s.metrics.sources[s.label] = consumer

	return func() {
		s.metrics.mu.Lock()
		defer s.metrics.mu.Unlock()
		if s.metrics.sources[s.label] == consumer {
			delete(s.metrics.sources, s.label)
		}
	}
}

// received counts a delivery that is held from now on.
func (s *series) received(d *delivery) {
	if s == nil {
		return
	}

	s.inFlight.Inc()
	if d.number > 1 {
		s.counters[countRedelivered].Inc()
	}
}

// released counts deliveries that are not held any more.
func (s *series) released(n int) {
	if s == nil {
		return
	}

	s.inFlight.Sub(float64(n))
}

// handled counts a handling's end.
func (s *series) handled(v *verdict, took time.Duration) {
	if s == nil {
		return
	}

	s.handling.Observe(took.Seconds())
	if v == nil {
		s.counters[countHandled].Inc()
		return
	}

	s.counters[countFailed].Inc()
	if v.action == terminate {
		s.counters[countTerminated].Inc()
	}
}
