package contender

import (
	"context"
	"sync/atomic"
	"time"

	worker "github.com/ankorstore/yokai/worker/next"
	"github.com/prometheus/client_golang/prometheus"
)

// newOursWatched returns our pool with a heartbeat timeout for each worker, which none of them may miss.
func newOursWatched(setup Setup) Group {
	options := []worker.WorkerPoolOption{}
	for _, w := range setup.Workers {
		options = append(options, worker.WithWorker(w, worker.WithHeartbeat(time.Hour)))
	}

	return &ourPool{
		ctx:      setup.context(),
		pool:     must(worker.NewDefaultWorkerPoolFactory().Create(options...)),
		registry: prometheus.NewRegistry(),
	}
}

// beatOurs beats n times.
func beatOurs(ctx context.Context, n int) {
	for range n {
		worker.Heartbeat(ctx)
	}
}

// beats is what a heartbeat cannot cost less than: one atomic store.
var beats atomic.Int64

func beatAtomically(_ context.Context, n int) {
	for i := range n {
		beats.Store(int64(i))
	}
}
