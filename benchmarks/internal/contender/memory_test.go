package contender_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

const residents = 10_000 // workers that run

// BenchmarkMemory tells what a worker occupies that runs and does nothing. Later laps take over what the first one's goroutines
// leave behind, so only the first lap of a process counts, and the command gives each contender a process of its own.
func BenchmarkMemory(b *testing.B) {
	each(b, contender.All, func(b *testing.B, c contender.Contender) { memory(b, c, alone, wait) })
}

// BenchmarkMemoryDeep does the same with workers whose own stack needs 4 KiB.
func BenchmarkMemoryDeep(b *testing.B) {
	each(b, contender.All, func(b *testing.B, c contender.Contender) { memory(b, c, alone, waitDeep) })
}

// BenchmarkMemoryInService does the same as services do it.
func BenchmarkMemoryInService(b *testing.B) {
	each(b, pools, func(b *testing.B, c contender.Contender) { memory(b, c, asInService(b, io.Discard), wait) })
}

func memory(b *testing.B, c contender.Contender, setup contender.Setup, wait func(context.Context)) {
	start := lap(c, setup, residents, wait)
	for b.Loop() {
		before := settled()
		stop := start()
		after := settled()
		stop()

		heap := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / residents
		stack := (float64(after.StackInuse) - float64(before.StackInuse)) / residents
		b.ReportMetric(heap, "heap-B/worker")
		b.ReportMetric(stack, "stack-B/worker")
		b.ReportMetric(heap+stack, "B/worker")
	}
}

// waitDeep needs a stack of 4 KiB itself: its frame alone is larger than the smallest stack, of 2 KiB.
func waitDeep(ctx context.Context) {
	var frame [2 << 10]byte
	<-ctx.Done()
	runtime.KeepAlive(frame[len(ctx.Err().Error())])
}

// settled returns the memory in use once all garbage is gone. The second collection takes what the first one's finalizers and pools
// have let go.
func settled() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)

	return m
}
