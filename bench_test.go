package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// blockedPool makes a pool of workers that block on their contexts, and a function that waits until all run.
func blockedPool(n int) (*worker.WorkerPool, *sync.WaitGroup) {
	var running sync.WaitGroup
	pool := worker.NewWorkerPool()
	for i := range n {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprintf("worker-%d", i), func(ctx context.Context) error {
			running.Done()
			<-ctx.Done()

			return ctx.Err()
		})))
	}

	return pool, &running
}

func BenchmarkStartStop(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				pool, running := blockedPool(n)
				running.Add(n)
				runtime.GC()
				b.StartTimer()

				_ = pool.Start(context.Background())
				running.Wait()
				_ = pool.Stop()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/worker")
		})
	}
}

func BenchmarkFailingAttempt(b *testing.B) {
	boom := errors.New("boom")
	logger := zerolog.New(io.Discard).WithContext(context.Background())

	for name, ctx := range map[string]context.Context{"silent": context.Background(), "logged": logger} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			pool := worker.NewWorkerPool(worker.WithWorker(do("job", func(context.Context) error { return boom }),
				worker.WithMaxExecutionsAttempts(b.N)))
			b.ResetTimer()
			_ = pool.Run(ctx)
		})
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	pool := worker.NewWorkerPool(worker.WithWorker(do("job", func(ctx context.Context) error {
		for b.Loop() {
			worker.Heartbeat(ctx)
		}

		return nil
	}), worker.WithHeartbeat(1<<40)))
	_ = pool.Run(context.Background())
}

func BenchmarkReport(b *testing.B) {
	pool, running := blockedPool(10_000)
	running.Add(10_000)
	_ = pool.Start(context.Background())
	running.Wait()

	b.ReportAllocs()
	for b.Loop() {
		pool.Report()
	}
	_ = pool.Stop()
}

func BenchmarkScrape(b *testing.B) {
	pool, running := blockedPool(10_000)
	running.Add(10_000)
	_ = pool.Start(context.Background())
	running.Wait()
	registry := prometheus.NewRegistry()
	_ = registry.Register(pool.Metrics())

	b.ReportAllocs()
	for b.Loop() {
		_, _ = registry.Gather()
	}
	_ = pool.Stop()
}

// BenchmarkRunningWorker reports what a worker costs that runs and does nothing.
func BenchmarkRunningWorker(b *testing.B) {
	const n = 20_000
	for b.Loop() {
		pool, running := blockedPool(n)
		running.Add(n)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_ = pool.Start(context.Background())
		running.Wait()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/n, "stackB/worker")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "heapB/worker")
		_ = pool.Stop()
	}
}
