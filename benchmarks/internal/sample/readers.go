package sample

import (
	"context"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// What [Readers] measures, in nanoseconds.
const (
	ReportTime = "report" // of reading the state of all workers
	ScrapeTime = "scrape" // of gathering the metrics and writing them as text
	QuietTail  = "quiet"  // 99th percentile from the return of Run to its next call, with nothing else going on
	BusyTail   = "busy"   // the same beside a loop that keeps a processor busy and reads nothing
	ReadTail   = "read"   // the same beside a reader of the states that never stops
	ReadDelay  = "delay"  // by how much that is longer than beside the busy loop
)

const (
	restarting = 100 // workers of all
	readFor    = 300 * time.Millisecond
)

func readers(c contender.Contender, size int) (Values, error) {
	var running sync.WaitGroup
	running.Add(size)
	workers, flaky := crowd(size, &running)

	group := c.New(contender.Setup{Workers: workers, Attempts: 1 << 30}).(contender.Observable)
	group.Start()
	defer group.Stop()
	running.Wait()

	// The start leaves work to the collector, which is not what is measured.
	runtime.GC()
	time.Sleep(readFor)
	flaky.tail()

	time.Sleep(readFor)
	quiet := flaky.tail()
	for begin := time.Now(); time.Since(begin) < readFor; {
		continue // busy
	}
	busy := flaky.tail()
	reports, _ := repeat(func() error { group.Report(); return nil })
	read := flaky.tail()
	scrapes, err := repeat(func() error { return scrape(group.Metrics()) })

	return Values{
		ReportTime: stats.Median(reports),
		ScrapeTime: stats.Median(scrapes),
		QuietTail:  quiet,
		BusyTail:   busy,
		ReadTail:   read,
		ReadDelay:  max(read-busy, 0),
	}, err
}

// crowd returns workers that block on their context, but for some that fail again and again.
func crowd(size int, running *sync.WaitGroup) ([]*contender.Worker, flakyWorkers) {
	workers := contender.NewWorkers(size, func(ctx context.Context) error {
		running.Done()
		<-ctx.Done()

		return nil
	})

	flaky := make(flakyWorkers, min(restarting, size))
	for i := range flaky {
		flaky[i] = &flakyWorker{running: running}
		workers[i] = contender.NewWorker(i, flaky[i].run)
	}

	return workers, flaky
}

// repeat calls read again and again, and returns how many nanoseconds each call took.
func repeat(read func() error) (times []float64, err error) {
	for begin := time.Now(); time.Since(begin) < readFor && err == nil; {
		before := time.Now()
		err = read()
		times = append(times, float64(time.Since(before)))
	}

	return times, err
}

// scrape is what an HTTP handler for metrics does.
func scrape(metrics prometheus.Gatherer) error {
	families, err := metrics.Gather()
	if err != nil {
		return err
	}

	encoder := expfmt.NewEncoder(io.Discard, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}

	return nil
}
