package worker

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// durations are the observations of a worker's histogram. A histogram is large: it is made when it is asked for, or once there are
// too many observations to keep them one by one.
type durations struct {
	family func() *prometheus.HistogramVec
	label  string

	mu        sync.Mutex // guards the fields below
	pending   []time.Duration
	first     [1]time.Duration // room for what most workers have
	since     int64            // when the first was observed, in nanoseconds since 1970
	histogram *histogram       // nil until it is made
	ended     bool             // whether nothing is observed any more
}

// maxPending is how many observations take less room than a histogram.
const maxPending = 64

func (d *durations) observe(took time.Duration, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.pending == nil {
		d.pending = d.first[:0]
		d.since = at.UnixNano()
	}
	d.pending = append(d.pending, took)
	if d.histogram != nil || len(d.pending) == maxPending {
		d.flushLocked()
	}
}

// collect sends all observations, if there are any.
func (d *durations) collect(metrics chan<- prometheus.Metric) {
	if made := d.flush(); made != nil {
		metrics <- made
	}
}

// flush makes all observations part of the histogram, and returns it, nil if there are none.
func (d *durations) flush() *histogram {
	d.mu.Lock()
	defer d.mu.Unlock()

	if len(d.pending) > 0 {
		d.flushLocked()
	}

	return d.histogram
}

// end has no histogram made any more.
func (d *durations) end() {
	d.mu.Lock()
	defer d.mu.Unlock()

	d.ended = true
}

func (d *durations) flushLocked() {
	if !d.ended {
		if d.histogram == nil {
			observer := d.family().WithLabelValues(d.label).(prometheus.Histogram) // which client_golang makes of it
			d.histogram = &histogram{observer, time.Now(), timeOf(d.since)}
		}
		for _, took := range d.pending {
			d.histogram.Observe(took.Seconds())
		}
	}
	d.pending = d.pending[:0]
}

// histogram tells since when it observes, which is longer than since it was made.
type histogram struct {
	prometheus.Histogram
	made, since time.Time
}

// Write leaves the time of a histogram that has been reset meanwhile.
func (h *histogram) Write(to *dto.Metric) error {
	err := h.Histogram.Write(to)
	if created := to.GetHistogram().GetCreatedTimestamp(); created != nil && !created.AsTime().After(h.made) {
		to.Histogram.CreatedTimestamp = timestamppb.New(h.since)
	}

	return err
}
