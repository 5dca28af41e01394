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
	counters [counters]prometheus.Counter
	handling prometheus.Observer
	queueing prometheus.Observer
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
		queueing: m.queueing.WithLabelValues(label),
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
		own = &watched{inboxes: map[*inbox]struct{}{}}
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

// suppressed counts a redelivery that is not handled.
func (s *series) suppressed() {
	if s != nil {
		s.counters[countSuppressed].Inc()
	}
}

// unsettled counts an answer that the server could not be told.
func (s *series) unsettled() {
	if s != nil {
		s.counters[countUnsettled].Inc()
	}
}

// began measures what a delivery waited for its handler.
func (s *series) began(d *delivery, now time.Duration) {
	if s != nil {
		s.queueing.Observe(max(now-d.arrived, 0).Seconds())
	}
}

// handled counts a handling's end. One that ends after its message was answered for has been counted then, or did nothing.
func (s *series) handled(v *verdict, r result, took time.Duration) {
	if s == nil {
		return
	}

	s.handling.Observe(took.Seconds())
	switch {
	case v == nil:
		s.counters[countHandled].Inc()
	case v.snooze || r == tooLate:
	default:
		s.counters[countFailed].Inc()
		if v.action == terminate && (r == told || r == buried) {
			s.counters[countTerminated].Inc()
		}
	}
}
