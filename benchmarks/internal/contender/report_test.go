package contender_test

import (
	"context"
	"sync"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	worker "github.com/ankorstore/yokai/worker/next"
	"github.com/stretchr/testify/require"
)

// BenchmarkReport takes a snapshot of a pool that runs. No other contender has one.
func BenchmarkReport(b *testing.B) {
	b.Run("by="+contender.Ours.Name, func(b *testing.B) {
		var running sync.WaitGroup
		running.Add(residents)
		pool := worker.NewWorkerPool()
		for _, w := range contender.NewWorkers(residents, func(ctx context.Context) error { running.Done(); wait(ctx); return nil }) {
			pool.Register(worker.NewWorkerRegistration(w))
		}
		require.NoError(b, pool.Start(b.Context()))
		running.Wait()
		for b.Loop() {
			pool.Report()
		}
		require.NoError(b, pool.Stop())
	})
}
