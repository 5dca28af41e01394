package contender_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

const patience = 10 * time.Second // for one row of attempts: one that takes longer is cut short

var errFailed = errors.New("failed")

// BenchmarkFailing has one worker fail a number of times in a row: from its first call until its last.
func BenchmarkFailing(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("attempts=%d", n), func(b *testing.B) {
			each(b, pools, func(b *testing.B, c contender.Contender) { failing(b, c, alone, &streak{n: n}) })
		})
	}
}

// BenchmarkFailingLogged does the same with a JSON logger.
func BenchmarkFailingLogged(b *testing.B) {
	each(b, pools, func(b *testing.B, c contender.Contender) {
		s := &streak{n: 1000}
		failing(b, c, asInService(b, s), s)
		b.ReportMetric(float64(s.logged)/float64(s.n), "logged-B/attempt")
	})
}

func failing(b *testing.B, c contender.Contender, setup contender.Setup, s *streak) {
	setup.Workers, setup.Attempts = contender.NewWorkers(1, s.fail), s.n
	run := func() {
		if !s.cut { // nor will it be faster now
			s.run(c, setup)
		}
	}
	allocations := testing.AllocsPerRun(1, run)
	s.took = 0
	for b.Loop() {
		run()
	}
	b.ReportMetric(0, "ns/op")
	if s.cut {
		b.ReportMetric(patience.Seconds(), "s-exceeded")
		return
	}
	b.ReportMetric(float64(s.took)/float64(b.N*(s.n-1)), "ns/attempt")
	b.ReportMetric(allocations/float64(s.n), "allocs/attempt")
}

// streak is the work of one worker that fails again and again. Its fields are the worker's alone while it runs.
type streak struct {
	n       int // attempts
	attempt int
	begin   time.Time
	took    time.Duration // from the first call to the last, of all runs
	logged  int           // bytes
	cut     bool
	done    chan struct{} // closed by the last call
}

func (s *streak) run(c contender.Contender, setup contender.Setup) {
	s.attempt, s.done = 0, make(chan struct{})
	start, stop := c.New(setup)
	start()
	<-s.done
	stop()
}

// fail is what the worker runs. The last call waits for the stop.
func (s *streak) fail(ctx context.Context) error {
	s.attempt++
	if s.attempt == 1 {
		s.logged, s.begin = 0, time.Now()
	}
	s.cut = s.attempt%1000 == 0 && s.attempt < s.n && time.Since(s.begin) > patience
	if s.attempt < s.n && !s.cut {
		return errFailed
	}
	s.took += time.Since(s.begin)
	close(s.done)
	<-ctx.Done()

	return nil
}

// Write counts what is logged.
func (s *streak) Write(p []byte) (int, error) {
	s.logged += len(p)
	return len(p), nil
}
