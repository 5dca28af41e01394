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
//	worker_messages_redelivered_total  counter, messages received that had been delivered before
//	worker_messages_terminated_total   counter, failed messages that were terminated
//	worker_messages_in_flight          gauge, messages received and not yet settled
//	worker_messages_handling_seconds   histogram, what handlers took, 1 ms to 5 min
//	worker_messages_pending            gauge, messages of the consumer that were delivered to no replica yet
//
// The pending messages are asked of the server in each collection, for no longer than a second over all workers. They are missing
// where it does not answer and where the worker does not run. All else counts from the creation on, registered or not.
type Metrics struct {
	counters map[counter]*prometheus.CounterVec
	inFlight *prometheus.Desc
	handling *prometheus.HistogramVec
	pending  *prometheus.Desc

	mu      sync.Mutex // guards the map and what is in it
	sources map[string]*source
}

// source is what is asked when metrics are collected, of the workers of one label.
type source struct {
	consumer jetstream.Consumer // of the last one that began
	inboxes  map[*inbox]struct{}
}

type counter int

const (
	countHandled counter = iota
	countFailed
	countRedelivered
	countTerminated
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

	return &Metrics{
		counters: map[counter]*prometheus.CounterVec{
			countHandled:     count("handled_total", "Total number of messages handled with success"),
			countFailed:      count("failed_total", "Total number of messages whose handling failed"),
			countRedelivered: count("redelivered_total", "Total number of messages received again"),
			countTerminated:  count("terminated_total", "Total number of messages terminated"),
		},
		inFlight: prometheus.NewDesc(name("in_flight"), "Number of messages received and not yet settled", labels, nil),
		handling: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    name("handling_seconds"),
			Help:    "Time that the handling of a message took, in seconds",
			Buckets: []float64{.001, .005, .025, .1, .5, 1, 5, 30, 300},
		}, labels),
		pending: prometheus.NewDesc(name("pending"), "Number of the consumer's messages not yet delivered", labels, nil),
		sources: map[string]*source{},
	}
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, vec := range m.counters {
		vec.Describe(descs)
	}
	m.handling.Describe(descs)
	descs <- m.inFlight
	descs <- m.pending
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, vec := range m.counters {
		vec.Collect(metrics)
	}
	m.handling.Collect(metrics)
	m.collectPending(metrics, m.collectInFlight(metrics))
}

// collectInFlight looks into the inboxes, and returns the consumers that can be asked by the labels of their workers.
func (m *Metrics) collectInFlight(metrics chan<- prometheus.Metric) map[string]jetstream.Consumer {
	held, consumers := map[string]int{}, map[string]jetstream.Consumer{}
	m.mu.Lock()
	for label, source := range m.sources {
		held[label] = 0
		for inbox := range source.inboxes {
			held[label] += inbox.inFlight()
		}
		if len(source.inboxes) > 0 {
			consumers[label] = source.consumer
		}
	}
	m.mu.Unlock()

	for label, n := range held {
		metrics <- prometheus.MustNewConstMetric(m.inFlight, prometheus.GaugeValue, float64(n), label)
	}

	return consumers
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
