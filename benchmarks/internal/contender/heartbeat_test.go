package contender_test

import (
	"context"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	worker "github.com/ankorstore/yokai/worker/next"
	"github.com/stretchr/testify/require"
)

// BenchmarkHeartbeat gives the heartbeats of one worker. No other contender has them.
func BenchmarkHeartbeat(b *testing.B) {
	each(b, contender.All[:1], func(b *testing.B, _ contender.Contender) {
		job := worker.NewFuncWorker("job", func(ctx context.Context) error {
			for b.Loop() {
				worker.Heartbeat(ctx)
			}

			return nil
		})
		require.NoError(b, worker.NewWorkerPool(worker.WithWorker(job, worker.WithHeartbeat(time.Hour))).Run(b.Context()))
	})
}
