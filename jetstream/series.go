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
		handling: m.handling.WithLabelValues(label),
	}
	for c := range s.counters {
		s.counters[c] = m.counters[counter(c)].WithLabelValues(label)
	}

	return s
}

// observe has the consumer's pending messages and what the inbox holds collected, until the function that it returns is called.
func (s *series) observe(consumer jetstream.Consumer, held *inbox) (end func()) {
	if s == nil {
		return func() {}
	}

	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	own := s.metrics.sources[s.label]
	if own == nil {
		own = &source{inboxes: map[*inbox]struct{}{}}
		s.metrics.sources[s.label] = own
	}
	own.consumer = consumer
	own.inboxes[held] = struct{}{}

	return func() {
		s.metrics.mu.Lock()
		defer s.metrics.mu.Unlock()
		delete(own.inboxes, held)
	}
}

// received counts a delivery that is held from now on.
func (s *series) received(d *delivery) {
	if s != nil && d.number.Load() > 1 {
		s.counters[countRedelivered].Inc()
	}
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
