//go:build !race

package worker_test

// defaultSequences is what fits into half a minute without the race detector.
const defaultSequences = 20_000
