package jetstream

import (
	"context"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// collectTimeout bounds what one collection waits for the server, over all workers.
const collectTimeout = time.Second

// Metrics counts what consumer workers do. It is one [prometheus.Collector] for any number of workers, to be given to each of
// them by [WithMetrics] and registered once. Each family has the label worker, which passes through [worker.Sanitize]:
//
//	worker_messages_handled_total      counter, handlers that returned nil
//	worker_messages_failed_total       counter, handlers that failed, panicked or called Goexit
//	worker_messages_redelivered_total  counter, messages held that had been delivered before
//	worker_messages_terminated_total   counter, failed messages that were terminated
//	worker_messages_suppressed_total   counter, redeliveries not handled: of a message that was held or had just been handled
//	worker_messages_unsettled_total    counter, answers that the server could not be told
//	worker_messages_in_flight          gauge, messages received and not yet settled
//	worker_messages_in_flight_bytes    gauge, what they take
//	worker_messages_oldest_seconds     gauge, how long the oldest of them has been held; 0 while there is none
//	worker_messages_queue_seconds      histogram, what messages waited for a handler, 1 ms to 5 min
//	worker_messages_handling_seconds   histogram, what handlers took, 1 ms to 5 min
//	worker_messages_pending            gauge, messages of the consumer that were delivered to no replica yet
//
// The pending messages are asked of the server in each collection, for no longer than a second over all workers. They are missing
// where it does not answer and where the worker does not run. All else counts from the creation on, registered or not.
type Metrics struct {
	counters map[counter]*prometheus.CounterVec
	inFlight *prometheus.Desc
	bytes    *prometheus.Desc
	oldest   *prometheus.Desc
	handling *prometheus.HistogramVec
	queueing *prometheus.HistogramVec
	pending  *prometheus.Desc

	mu      sync.Mutex // guards the map and what is in it
	sources map[string]*watched
}

// watched is what is asked when metrics are collected, of the workers of one label.
type watched struct {
	consumer jetstream.Consumer // of the last one that began
	inboxes  map[*inbox]struct{}
}

type counter int

const (
	countHandled counter = iota
	countFailed
	countRedelivered
	countTerminated
	countSuppressed
	countUnsettled
	counters // how many there are
)

// NewMetrics returns metrics whose names begin with the given namespace and subsystem. Both go through [worker.Sanitize] and may be
// empty.
func NewMetrics(namespace, subsystem string) *Metrics {
	name := func(suffix string) string {
		return prometheus.BuildFQName(worker.Sanitize(namespace), worker.Sanitize(subsystem), "worker_messages_"+suffix)
	}
	labels := []string{"worker"}
	count := func(suffix, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name(suffix), Help: help}, labels)
	}

	seconds := func(suffix, help string) *prometheus.HistogramVec {
		buckets := []float64{.001, .005, .025, .1, .5, 1, 5, 30, 300}
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name(suffix), Help: help, Buckets: buckets}, labels)
	}
	gauge := func(suffix, help string) *prometheus.Desc { return prometheus.NewDesc(name(suffix), help, labels, nil) }

	return &Metrics{
		counters: map[counter]*prometheus.CounterVec{
			countHandled:     count("handled_total", "Total number of messages handled with success"),
			countFailed:      count("failed_total", "Total number of messages whose handling failed"),
			countRedelivered: count("redelivered_total", "Total number of messages received again"),
			countTerminated:  count("terminated_total", "Total number of messages terminated"),
			countSuppressed:  count("suppressed_total", "Total number of redeliveries that were not handled"),
			countUnsettled:   count("unsettled_total", "Total number of answers that the server could not be told"),
		},
		inFlight: gauge("in_flight", "Number of messages received and not yet settled"),
		bytes:    gauge("in_flight_bytes", "Size of the messages received and not yet settled, in bytes"),
		oldest:   gauge("oldest_seconds", "Time that the oldest message in flight has been held, in seconds"),
		handling: seconds("handling_seconds", "Time that the handling of a message took, in seconds"),
		queueing: seconds("queue_seconds", "Time that a message waited for a handler, in seconds"),
		pending:  gauge("pending", "Number of the consumer's messages not yet delivered"),
		sources:  map[string]*watched{},
	}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, vec := range m.counters {
		vec.Describe(descs)
	}
	m.handling.Describe(descs)
	m.queueing.Describe(descs)
	for _, desc := range []*prometheus.Desc{m.inFlight, m.bytes, m.oldest, m.pending} {
		descs <- desc
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, vec := range m.counters {
		vec.Collect(metrics)
	}
	m.handling.Collect(metrics)
	m.queueing.Collect(metrics)
	m.collectPending(metrics, m.collectInFlight(metrics))
}

// collectInFlight looks into the inboxes, and returns the consumers that can be asked by the labels of their workers.
func (m *Metrics) collectInFlight(metrics chan<- prometheus.Metric) map[string]jetstream.Consumer {
	held, consumers := map[string]load{}, map[string]jetstream.Consumer{}
	m.mu.Lock()
	for label, source := range m.sources {
		var sum load
		for inbox := range source.inboxes {
			sum.add(inbox)
		}
		held[label] = sum
		if len(source.inboxes) > 0 {
			consumers[label] = source.consumer
		}
	}
	m.mu.Unlock()

	for label, sum := range held {
		for desc, value := range map[*prometheus.Desc]float64{
			m.inFlight: float64(sum.messages), m.bytes: float64(sum.bytes), m.oldest: sum.oldest.Seconds(),
		} {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, label)
		}
	}

	return consumers
}

// load is what some inboxes hold.
type load struct {
	messages, bytes int
	oldest          time.Duration
}

func (l *load) add(b *inbox) {
	l.messages += b.inFlight()
	l.bytes += b.bytesInFlight()
	l.oldest = max(l.oldest, b.oldest())
}

// collectPending asks for all consumers at once.
func (m *Metrics) collectPending(metrics chan<- prometheus.Metric, consumers map[string]jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()

	var asking sync.WaitGroup
	defer asking.Wait()

	for label, consumer := range consumers {
		asking.Go(func() {
			if info, err := consumer.Info(ctx); err == nil {
				metrics <- prometheus.MustNewConstMetric(m.pending, prometheus.GaugeValue, float64(info.NumPending), label)
			}
		})
	}
}
