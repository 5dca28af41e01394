//go:build race

package worker_test

// defaultSequences is what fits into a minute with the race detector.
const defaultSequences = 10_000
