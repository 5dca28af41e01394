package board

import (
	"math"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
)

// Target is a limit for a metric, or for its ratio to another one: a lower one where AtLeast is set.
type Target struct {
	Section string
	Text    string
	Of      Metric
	To      *Metric // nil for no ratio
	AtMost  float64
	AtLeast float64
	Format  func(float64) string
}

// Verdict is what became of a target.
type Verdict struct {
	Target
	Value   float64 // NaN if it was not measured
	Reached bool
}

// Judge compares the results with the targets. A ratio is the median of the rounds' ratios.
func (r *Results) Judge(targets []Target) []Verdict {
	verdicts := make([]Verdict, len(targets))
	for i, target := range targets {
		value := r.Median(target.Of)
		if target.To != nil {
			value = stats.Ratio(r.series(target.Of), r.series(*target.To))
		}
		verdicts[i] = Verdict{target, value, target.reached(value)}
	}

	return verdicts
}

func (t Target) reached(value float64) bool {
	if t.AtLeast > 0 {
		return value >= t.AtLeast
	}

	return value <= t.AtMost
}

// wanted shows the limit.
func (t Target) wanted() string {
	if t.AtLeast > 0 {
		return "at least " + t.Format(t.AtLeast)
	}

	return t.Format(t.AtMost)
}

// VerdictTable shows what became of the targets.
func VerdictTable(verdicts []Verdict) Table {
	table := Table{Title: "Targets", Header: []string{"this module", "wanted at most", "measured", "reached"}}
	for _, v := range verdicts {
		measured, reached := missing, missing
		if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
			measured, reached = v.Format(v.Value), "no"
			if v.Reached {
				reached = "yes"
			}
		}
		table.Rows = append(table.Rows, []string{v.Text, v.wanted(), measured, reached})
	}

	return table
}
