// Package stats has the few statistics that the benchmarks need.
package stats

import (
	"math"
	"slices"
)

// Median returns the middle of values, the mean of the two in the middle where their number is even, and NaN where there are
// none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}

	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}

	return (sorted[middle-1] + sorted[middle]) / 2
}

// Percentile returns the smallest of values that at least p percent of them do not exceed, and NaN where there are none.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}

	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))

	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Ratio returns the median of the ratios of two series, each of values that were measured side by side, and NaN where there is
// no such pair. There is no ratio to an infinite value.
func Ratio(numerators, denominators []float64) float64 {
	var ratios []float64
	for i := range min(len(numerators), len(denominators)) {
		if !math.IsInf(denominators[i], 0) {
			ratios = append(ratios, numerators[i]/denominators[i])
		}
	}

	return Median(ratios)
}
