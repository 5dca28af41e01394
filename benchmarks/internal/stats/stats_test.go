package stats_test

import (
	"math"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	values := []float64{5, 1, 3}

	assert.Equal(t, 3.0, stats.Median(values))
	assert.Equal(t, []float64{5, 1, 3}, values, "values are not sorted in place")
	assert.Equal(t, 2.5, stats.Median([]float64{4, 1, 2, 3}))
	assert.Equal(t, 7.0, stats.Median([]float64{7}))
	assert.True(t, math.IsNaN(stats.Median(nil)))
}

func TestPercentile(t *testing.T) {
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(100 - i)
	}

	assert.Equal(t, 99.0, stats.Percentile(values, 99))
	assert.Equal(t, 50.0, stats.Percentile(values, 50))
	assert.Equal(t, 1.0, stats.Percentile(values, 0))
	assert.Equal(t, 100.0, stats.Percentile(values, 100))
	assert.Equal(t, 7.0, stats.Percentile([]float64{7}, 99))
	assert.True(t, math.IsNaN(stats.Percentile(nil, 99)))
}

func TestRatioIsTakenRoundByRound(t *testing.T) {
	// One round in which the machine was ten times slower does not count.
	assert.Equal(t, 2.0, stats.Ratio([]float64{2, 40, 6}, []float64{1, 20, 3}))
	assert.Equal(t, 2.0, stats.Ratio([]float64{2, 4, 100}, []float64{1, 2}))
	assert.Equal(t, 2.0, stats.Ratio([]float64{2, 1}, []float64{1, math.Inf(1)}), "only what has both counts")
	assert.Equal(t, 2.0, stats.Ratio([]float64{1, 2, math.Inf(1)}, []float64{1, 1, 1}), "an endless one is slow")
	assert.True(t, math.IsNaN(stats.Ratio(nil, []float64{1})))
}
