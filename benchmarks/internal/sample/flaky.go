package sample

import (
	"context"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
)

const (
	failEvery = 10 * time.Millisecond // an attempt lasts as long
	failFirst = 350                   // attempts that fail at once before: enough to fill what is kept of a worker's past
)

// flakyWorker fails again and again, and notes how long it takes until it is called again.
type flakyWorker struct {
	running *sync.WaitGroup // told of the first attempt that lasts
	attempt int             // the worker's own

	mu       sync.Mutex // guards the fields below
	returned time.Time  // from the last attempt
	gaps     []float64  // nanoseconds from each return to the next call
}

func (w *flakyWorker) run(ctx context.Context) error {
	called := time.Now()
	if w.attempt++; w.attempt <= failFirst {
		return errFailed
	}
	w.called(called)
	defer w.returns()

	timer := time.NewTimer(failEvery)
	defer timer.Stop()

	select {
	case <-timer.C:
		return errFailed
	case <-ctx.Done():
		return nil
	}
}

func (w *flakyWorker) called(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.returned.IsZero() {
		w.running.Done()
		return
	}
	w.gaps = append(w.gaps, float64(at.Sub(w.returned)))
}

func (w *flakyWorker) returns() {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.returned = time.Now()
}

type flakyWorkers []*flakyWorker

// tail returns the 99th percentile of the gaps since it was last asked.
func (ws flakyWorkers) tail() float64 {
	var gaps []float64
	for _, w := range ws {
		w.mu.Lock()
		gaps = append(gaps, w.gaps...)
		w.gaps = nil
		w.mu.Unlock()
	}

	return stats.Percentile(gaps, 99)
}
