package worker_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var soakFor = flag.Duration("soak", time.Second, "how long TestSoak runs")

const (
	soakWorkers = 1000

	// bucketSize is what a bucket of a native histogram takes in client_golang. There are at most 100 of them for each worker, and a new
	// one now and then as long as attempts of new durations come by.
	bucketSize = 256
)

// soak is a pool of workers that fail at random, in real time.
type soak struct {
	pool           *worker.WorkerPool
	registry       *prometheus.Registry
	calm           atomic.Bool  // the workers do nothing
	entered, ended atomic.Int64 // attempts, as the workers themselves count them

	// The listener holds it for reading, so that who holds it for writing sees a pool in which nothing changes any more.
	still sync.RWMutex
}

// TestSoak runs 1,000 workers that fail at random, while others read all that can be read, restart workers, and count: no attempt is
// lost at any time, and the heap and the goroutines end where they began. It needs the processors for itself, so it is not parallel.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	s.run(t, *soakFor/2) // makes what is made only once for each worker
	heap, goroutines := s.rest(t)
	buckets := s.buckets(t)
	samples := s.run(t, *soakFor)
	heapAfter, goroutinesAfter := s.rest(t)

	newBuckets := s.buckets(t) - buckets

	t.Logf("%d attempts, %d samples; heap %.2f MB before and %.2f MB after %s, %.2f MB of it for %d new buckets; goroutines %d and %d",
		s.entered.Load(), samples, float64(heap)/1e6, float64(heapAfter)/1e6, *soakFor,
		float64(newBuckets*bucketSize)/1e6, newBuckets, goroutines, goroutinesAfter)
	assert.Less(t, float64(heapAfter), 1.05*float64(heap)+float64(newBuckets*bucketSize))
	assert.Equal(t, goroutines, goroutinesAfter)
}

// run runs the workers for d, and returns how many samples were taken meanwhile.
func (s *soak) run(t *testing.T, d time.Duration) (samples int) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	require.NoError(t, s.pool.Start(t.Context()))
	var others sync.WaitGroup
	for _, use := range []func(){s.read, s.scrape, s.restart} {
		others.Go(func() {
			for ctx.Err() == nil {
				use()
				time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
			}
		})
	}
	for ; ctx.Err() == nil; samples++ {
		time.Sleep(min(d/5, time.Second))
		s.sample(t)
	}
	others.Wait()
	require.NoError(t, s.pool.Stop())
	s.sample(t)
	assert.Equal(t, s.entered.Load(), s.ended.Load(), "all have ended")

	return samples
}

func newSoak(t *testing.T) *soak {
	s := &soak{registry: prometheus.NewRegistry()}
	s.pool = newPool(t, worker.WithGenerator(nil),
		worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
		worker.WithGlobalRestartPolicy(worker.RestartAlways),
		worker.WithGlobalBackoff(worker.ExponentialBackoff(time.Millisecond, 100*time.Millisecond)),
		worker.WithGlobalHealthyAfter(80*time.Millisecond),
		worker.WithGlobalMaxEvents(20),
		worker.WithGlobalListener(func(worker.Transition) {
			s.still.RLock()
			defer s.still.RUnlock()
		}))
	for i := range soakWorkers {
		options := []worker.WorkerExecutionOption{}
		if i%10 == 0 {
			options = append(options, worker.WithHeartbeat(time.Minute))
		}
		// Always the same time for one worker, since each new duration may add a bucket to its histogram.
		takes := time.Duration(20+i%100) * time.Millisecond
		work := func(ctx context.Context) error { return s.work(ctx, takes) }
		s.pool.Register(worker.NewWorkerRegistration(do(fmt.Sprintf("worker-%d", i), work), options...))
	}
	require.NoError(t, s.pool.Metrics().Register(s.registry))

	return s
}

func (s *soak) work(ctx context.Context, takes time.Duration) error {
	s.entered.Add(1)
	defer s.ended.Add(1)
	if s.calm.Load() {
		return block(ctx)
	}
	worker.Heartbeat(ctx)

	time.Sleep(takes)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch rand.IntN(20) {
	case 0:
		panic("at random")
	case 1:
		runtime.Goexit()
	case 2:
		return nil
	}

	return errors.New("at random")
}

// rest lets each worker run once, and returns the heap and the goroutines that the stopped pool leaves.
func (s *soak) rest(t *testing.T) (heap uint64, goroutines int) {
	s.calm.Store(true)
	defer s.calm.Store(false)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.pool.Run(done))

	var memory runtime.MemStats
	for range 3 { // finalizers and pools take more than one round
		time.Sleep(10 * time.Millisecond)
		runtime.GC()
	}
	runtime.ReadMemStats(&memory)

	return memory.HeapAlloc, runtime.NumGoroutine()
}

func (s *soak) read() {
	for _, e := range s.pool.Executions() {
		_, _, _ = e.Status(), e.Events(), e.LastError()
	}
	_ = s.pool.Report()
}

func (s *soak) scrape() { _ = scrape(s.registry) }

func (s *soak) restart() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pool.RestartWorker(ctx, fmt.Sprintf("worker-%d", rand.IntN(soakWorkers)))
}

// sample holds all workers still, and checks that each attempt that was started has ended or is alive.
func (s *soak) sample(t *testing.T) {
	s.still.Lock()
	defer s.still.Unlock()

	// Those that were between a transition and the listener come to rest, too.
	started, ended, alive := s.count(t)
	for range 100 {
		before := [3]float64{started, ended, alive}
		time.Sleep(5 * time.Millisecond)
		if started, ended, alive = s.count(t); before == [3]float64{started, ended, alive} {
			break
		}
	}
	assert.Equal(t, started, ended+alive, "started = ended + alive")
}

func (s *soak) count(t *testing.T) (started, ended, alive float64) {
	families, err := s.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != "worker_executions_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			switch status := metric.GetLabel()[0].GetValue(); status {
			case worker.ExecutionStarted:
				started += metric.GetCounter().GetValue()
			case worker.ExecutionRestarted:
			default:
				ended += metric.GetCounter().GetValue()
			}
		}
	}
	for _, w := range s.pool.Report().Workers {
		if w.Status == worker.Running || w.Status == worker.Stuck {
			alive++
		}
	}

	return started, ended, alive
}

// buckets returns how many native buckets the workers' histograms have.
func (s *soak) buckets(t *testing.T) (n int) {
	families, err := s.registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, span := range metric.GetHistogram().GetPositiveSpan() {
				n += int(span.GetLength())
			}
		}
	}

	return n
}
