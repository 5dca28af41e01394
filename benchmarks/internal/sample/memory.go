package sample

import (
	"context"
	"runtime"
	"sync"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

// What [Memory] measures, per running worker.
const (
	HeapBytes  = "heap"
	StackBytes = "stack"
	TotalBytes = "total"      // heap and stack
	Goroutines = "goroutines" // how many
)

func memory(c contender.Contender, size int) (Values, error) {
	var running sync.WaitGroup
	running.Add(size)
	workers := contender.NewWorkers(size, func(ctx context.Context) error {
		running.Done()
		<-ctx.Done()

		return nil
	})

	before, goroutines := settled(), runtime.NumGoroutine()
	group := c.New(contender.Setup{Workers: workers})
	group.Start()
	running.Wait()
	after := settled()
	goroutines = runtime.NumGoroutine() - goroutines
	group.Stop()
	runtime.KeepAlive(workers)

	n := float64(size)
	heap := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n
	stack := (float64(after.StackInuse) - float64(before.StackInuse)) / n

	return Values{HeapBytes: heap, StackBytes: stack, TotalBytes: heap + stack, Goroutines: float64(goroutines) / n}, nil
}

// settled returns the memory in use once all garbage is gone.
func settled() runtime.MemStats {
	// The second collection takes what the first one's finalizers and pools have let go.
	runtime.GC()
	runtime.GC()

	var m runtime.MemStats
	runtime.ReadMemStats(&m)

	return m
}
