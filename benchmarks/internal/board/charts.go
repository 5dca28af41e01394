package board

import (
	"errors"
	"fmt"
	"math"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/draw"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
)

// WorkersChart shows how the cost of a worker grows with the number of workers.
func (r *Results) WorkersChart(sizes Sizes) draw.Chart {
	chart := draw.Chart{Title: "Start and stop", X: "workers", Y: "per worker, lower is better"}

	return r.curves(chart, sample.StartStop, sample.StartStopTime, sizes.Workers)
}

// AttemptsChart shows how the cost of a failing attempt grows with the number of attempts.
func (r *Results) AttemptsChart(sizes Sizes) draw.Chart {
	chart := draw.Chart{Title: "A failing attempt of one worker", X: "attempts", Y: "per attempt, lower is better"}

	return r.curves(chart, sample.Failing, sample.AttemptTime, sizes.Attempts)
}

func (r *Results) curves(chart draw.Chart, experiment, value string, sizes []int) draw.Chart {
	chart.XTick = func(n float64) string { return integer(int(n)) }
	chart.YTick = axisDuration

	for i, c := range contender.All() {
		series := draw.Series{Name: c.Name, Colour: i, Strong: c.Name == contender.Ours}
		for _, size := range sizes {
			m := Metric{sample.Sample{Experiment: experiment, Contender: c.Name, Size: size}, value}
			median := r.Median(m)
			switch {
			case math.IsInf(median, 1), errors.Is(r.err(m.Sample), sample.ErrTooSlow):
				chart.Notes = append(chart.Notes, fmt.Sprintf("%s: over %g s for %s %s", c.Name, r.bound.Seconds(), integer(size), chart.X))
			case !math.IsNaN(median):
				series.Points = append(series.Points, draw.Point{X: float64(size), Y: median})
			}
		}
		if len(series.Points) > 0 {
			chart.Series = append(chart.Series, series)
		}
	}

	return chart
}
