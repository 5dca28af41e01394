// Package board decides what is measured, collects it, and shows it as tables.
package board

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
)

// Metric is one value of a sample.
type Metric struct {
	sample.Sample
	Value string
}

// outcome is what came of one sample.
type outcome struct {
	rounds []sample.Values
	err    error // why it was given up
}

// Results are the outcomes of all samples of a run.
type Results struct {
	bound    time.Duration
	outcomes map[sample.Sample]*outcome
}

// NewResults returns results without outcomes. A sample may take as long as bound.
func NewResults(bound time.Duration) *Results {
	return &Results{bound: bound, outcomes: map[sample.Sample]*outcome{}}
}

// Add adds the outcome of one more round of a sample. The sample is given up with an error; only where an earlier round was
// done in time, a round that is too slow just counts as an endless one.
func (r *Results) Add(s sample.Sample, values sample.Values, err error) {
	o := r.outcomes[s]
	if o == nil {
		o = &outcome{}
		r.outcomes[s] = o
	}

	if len(o.rounds) == 0 || !errors.Is(err, sample.ErrTooSlow) {
		o.err = err
	}
	o.rounds = append(o.rounds, values)
}

// boundOf is how long one round of the sample may take.
func (r *Results) boundOf(s sample.Sample) time.Duration {
	if s.Compiles() {
		return max(r.bound, 5*time.Minute)
	}

	return r.bound
}

// GivenUp returns whether the sample is not worth another round.
func (r *Results) GivenUp(s sample.Sample) bool {
	return r.err(s) != nil
}

func (r *Results) err(s sample.Sample) error {
	if o := r.outcomes[s]; o != nil {
		return o.err
	}

	return nil
}

// series returns the values of a metric, one per round, or nil if it has none in one of them.
func (r *Results) series(m Metric) []float64 {
	o := r.outcomes[m.Sample]
	if o == nil || o.err != nil {
		return nil
	}

	var values []float64
	for _, round := range o.rounds {
		value, ok := round[m.Value]
		switch {
		case round == nil:
			value = math.Inf(1)
		case !ok:
			return nil
		}
		values = append(values, value)
	}

	return values
}

// Median returns the median of a metric, NaN if it was not measured.
func (r *Results) Median(m Metric) float64 {
	return stats.Median(r.series(m))
}

// cell shows the median of a metric, or why there is none.
func (r *Results) cell(m Metric, format func(float64) string) string {
	median := r.Median(m)

	switch err := r.err(m.Sample); {
	case errors.Is(err, sample.ErrTooSlow), math.IsInf(median, 1):
		return fmt.Sprintf("over %g s", r.boundOf(m.Sample).Seconds())
	case err != nil:
		return "failed"
	case math.IsNaN(median):
		return missing
	default:
		return format(median)
	}
}

// Failures returns what went wrong other than by being slow.
func (r *Results) Failures() []string {
	var failures []string
	for _, o := range r.outcomes {
		if o.err != nil && !errors.Is(o.err, sample.ErrTooSlow) {
			failures = append(failures, o.err.Error())
		}
	}

	return failures
}
