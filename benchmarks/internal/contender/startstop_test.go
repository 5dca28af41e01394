package contender_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

// BenchmarkStartStop builds, starts and stops workers: from their registration until all have returned.
func BenchmarkStartStop(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("workers=%d", n), func(b *testing.B) {
			each(b, contender.All, func(b *testing.B, c contender.Contender) { startStop(b, c, alone, n) })
		})
	}
}

// BenchmarkStartStopInService does the same as services do it.
func BenchmarkStartStopInService(b *testing.B) {
	each(b, pools, func(b *testing.B, c contender.Contender) { startStop(b, c, asInService(b, io.Discard), 1000) })
}

func startStop(b *testing.B, c contender.Contender, setup contender.Setup, n int) {
	start := lap(c, setup, n, wait)

	// This lap also pays for what is the process's: memory from the system, goroutines that later ones take over.
	allocations := testing.AllocsPerRun(1, func() { start()() })
	for b.Loop() {
		start()()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/worker")
	b.ReportMetric(allocations/float64(n), "allocs/worker")
}
