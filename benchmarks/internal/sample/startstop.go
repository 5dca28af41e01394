package sample

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
)

// What [StartStop] measures, per worker.
const (
	BuildTime     = "build"  // nanoseconds to prepare it, before the start
	StartTime     = "start"  // nanoseconds from Start until the last one runs
	StopTime      = "stop"   // nanoseconds from Stop until it has returned
	StartStopTime = "time"   // nanoseconds, both of these
	Allocations   = "allocs" // from Start until Stop has returned, those of the runtime for a blocked goroutine too
)

func startStop(c contender.Contender, size int) (Values, error) {
	lap(c, size) // what the first one costs more is the process's, not the contender's

	var build, start, stop, both, allocations []float64
	for range min(max(50_000/size, 1), 2000) {
		if size >= 10_000 {
			runtime.GC()
		}
		times := lap(c, size)
		build = append(build, times.build)
		start = append(start, times.start)
		stop = append(stop, times.stop)
		both = append(both, times.start+times.stop)
		allocations = append(allocations, times.allocations)
	}

	return Values{
		BuildTime:     stats.Median(build),
		StartTime:     stats.Median(start),
		StopTime:      stats.Median(stop),
		StartStopTime: stats.Median(both),
		Allocations:   stats.Median(allocations),
	}, nil
}

// lapTimes are per worker, the times in nanoseconds.
type lapTimes struct {
	build, start, stop, allocations float64
}

// lap builds, starts and stops the workers once.
func lap(c contender.Contender, size int) lapTimes {
	var running sync.WaitGroup
	running.Add(size)
	workers := contender.NewWorkers(size, func(ctx context.Context) error {
		running.Done()
		<-ctx.Done()

		return nil
	})

	begin := time.Now()
	group := c.New(contender.Setup{Workers: workers})
	built := time.Since(begin)

	before := allocated()
	begin = time.Now()
	group.Start()
	running.Wait()
	started := time.Since(begin)

	begin = time.Now()
	group.Stop()
	stopped := time.Since(begin)
	after := allocated()

	n := float64(size)

	return lapTimes{float64(built) / n, float64(started) / n, float64(stopped) / n, float64(after-before) / n}
}

// allocated returns the number of allocations of the process so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)

	return m.Mallocs
}
