package worker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// gauge and counter are [prometheus.Metric]s of labels that were made before: those of the client library are made anew with each
// scrape. What they write is part of them.
type (
	gauge struct {
		desc   *prometheus.Desc
		labels []*dto.LabelPair // sorted by name
		value  float64
		gauge  dto.Gauge
	}
	counterSample struct {
		desc    *prometheus.Desc
		labels  []*dto.LabelPair // likewise
		value   float64
		since   time.Time // when it began to count, zero if it has not
		counter dto.Counter
	}
)

func (g *gauge) Desc() *prometheus.Desc {
	return g.desc
}

func (g *gauge) Write(to *dto.Metric) error {
	g.gauge.Value = &g.value
	to.Label, to.Gauge = g.labels, &g.gauge

	return nil
}

func (c *counterSample) Desc() *prometheus.Desc {
	return c.desc
}

func (c *counterSample) Write(to *dto.Metric) error {
	c.counter.Value = &c.value
	if !c.since.IsZero() {
		c.counter.CreatedTimestamp = timestamppb.New(c.since)
	}
	to.Label, to.Counter = c.labels, &c.counter

	return nil
}
