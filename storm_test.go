package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Many at once, in real time: what a stop, a probe or a report costs is bounded by its own workers, and nothing stays. The machine may be
// busy with something else meanwhile, so where a bound is tight one of several tries will do.

// leastOf returns the shortest of several tries, and ends with the first that is short enough.
func leastOf(tries int, enough time.Duration, try func() time.Duration) time.Duration {
	least := time.Duration(1<<63 - 1)
	for range tries {
		if least = min(least, try()); least < enough {
			break
		}
	}

	return least
}

// crowd starts goroutines that belong to nobody, and returns what ends them.
func crowd(n int) (disperse func()) {
	quit := make(chan struct{})
	var started, left sync.WaitGroup
	for range n {
		started.Add(1)
		left.Add(1)
		go func() { started.Done(); defer left.Done(); <-quit }()
	}
	started.Wait()

	return func() { close(quit); left.Wait() }
}

func manyHung(t *testing.T, n int, release <-chan struct{}, options ...worker.WorkerExecutionOption) *worker.WorkerPool {
	t.Helper()
	all := []worker.WorkerPoolOption{worker.WithGenerator(nil)}
	for i := range n {
		all = append(all, worker.WithWorker(do(fmt.Sprintf("worker-%d", i), deaf(release)), options...))
	}
	pool := newPool(t, all...)
	require.NoError(t, pool.Start(context.Background()))
	require.NoError(t, pool.WaitReady(context.Background()))

	return pool
}

func countOf(pool *worker.WorkerPool, status worker.WorkerStatus) (n int) {
	for _, e := range pool.Executions() {
		if e.Status() == status {
			n++
		}
	}

	return n
}

func TestHeartbeatStorm(t *testing.T) {
	for name, test := range map[string]struct{ workers, others int }{
		"10,000 workers":                   {10_000, 0},
		"100 workers beside 50,000 others": {100, 50_000},
	} {
		t.Run(name, func(t *testing.T) {
			defer crowd(size(test.others))()
			release := make(chan struct{})
			n := size(test.workers)
			pool := manyHung(t, n, release, worker.WithHeartbeat(2*time.Second))

			deadline := time.Now().Add(soon(10 * time.Second))
			for countOf(pool, worker.Stuck) < n && time.Now().Before(deadline) {
				time.Sleep(100 * time.Millisecond)
			}
			assert.Equal(t, n, countOf(pool, worker.Stuck), "96 of 10,000 after 25 s before")
			assert.Len(t, pool.Health().NotLive, n)
			isLocated := func(w worker.WorkerReport) bool { return strings.Contains(w.LastStack, "waitForRelease") }
			if profiling := timeOfAProfile(); profiling < 300*time.Millisecond { // a stack is waited for for a second, in the storm
				assert.True(t, slices.ContainsFunc(pool.Report().Workers, isLocated), "a profile took %s", profiling)
			}

			close(release)
			stopping := time.Now()
			require.NoError(t, pool.Stop())
			assert.Less(t, time.Since(stopping), soon(5*time.Second), "2 minutes before")
		})
	}
}

// timeOfAProfile is how long the machine takes just now to find where all goroutines are.
func timeOfAProfile() time.Duration {
	began := time.Now()
	_ = pprof.Lookup("goroutine").WriteTo(io.Discard, 1)

	return time.Since(began)
}

// TestMissedHeartbeatCancelsFirst: the attempt is told before anybody looks for stacks.
func TestMissedHeartbeatCancelsFirst(t *testing.T) {
	defer crowd(size(50_000))()
	told := leastOf(5, 700*time.Millisecond, func() time.Duration {
		var told time.Duration
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			began := time.Now()
			<-ctx.Done()
			told = time.Since(began)
			return ctx.Err()
		}), worker.WithHeartbeat(500*time.Millisecond)))
		_ = pool.Run(context.Background())
		return told
	})
	assert.Less(t, told, soon(700*time.Millisecond))
}

func TestStackIsOfTheAttemptThatMissedItsHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var stacks []string
		pool := newPool(t, worker.WithWorker(inOrder("job", inTheFirst, inTheSecond), worker.WithHeartbeat(10*time.Millisecond),
			worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(0))),
			worker.WithGlobalListener(func(transition worker.Transition) {
				if transition.Kind == worker.TransitionHeartbeatMissed {
					stacks = append(stacks, transition.Stack)
				}
			}))
		require.Error(t, pool.Run(t.Context()))
		require.Len(t, stacks, 2)
		assert.NotContains(t, stacks[1], "inTheFirst", "which has ended")
		for _, stack := range stacks {
			assert.True(t, stack == "" || strings.Contains(stack, "inTheFirst") || strings.Contains(stack, "inTheSecond"), stack)
		}
	})
}

func inTheFirst(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Millisecond); return nil }

func inTheSecond(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }

func TestBoundedStopsOf10000HungWorkersEndInTime(t *testing.T) {
	for name, test := range map[string]struct {
		callers int
		bound   time.Duration
	}{"one": {1, 20 * time.Millisecond}, "20 in parallel": {20, 100 * time.Millisecond}} {
		callers, bound := test.callers, test.bound
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			pool := manyHung(t, size(10_000), release)
			late := leastOf(100, bound, func() time.Duration {
				lates := make(chan time.Duration, callers)
				for range callers {
					go func() {
						lates <- lateBy(t, 10*time.Millisecond, func(ctx context.Context) error { return pool.Shutdown(ctx) })
					}()
				}
				var most time.Duration
				for range callers {
					most = max(most, <-lates)
				}
				return most
			})
			assert.Less(t, late, soon(bound), "166 ms before, and 1.8 s in parallel")
			close(release)
			require.NoError(t, pool.Stop())
		})
	}
}

// TestBoundedStopOfOneHungAmong10000EndsInTime: the others have ended by then, and it is named and located.
func TestBoundedStopOfOneHungAmong10000EndsInTime(t *testing.T) {
	late := leastOf(10, 50*time.Millisecond, func() time.Duration {
		release := make(chan struct{})
		pool := manyHung(t, 1, release)
		for i := range size(10_000) {
			pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), block)))
		}
		require.NoError(t, pool.WaitReady(t.Context()))

		var stop *worker.StopError
		late := lateBy(t, 500*time.Millisecond, func(ctx context.Context) error {
			err := pool.Shutdown(ctx)
			assert.ErrorAs(t, err, &stop)
			return err
		})
		require.NotEmpty(t, stop.Workers)
		assert.Equal(t, "worker-0", stop.Workers[0].Name)
		close(release)
		require.NoError(t, pool.Stop())
		if !raceEnabled && !strings.Contains(stop.Workers[0].Stack, "waitForRelease") {
			return time.Hour // on a busy machine the stacks may take longer than a stop may be late, and with the race detector they do
		}
		return late
	})
	assert.Less(t, late, soon(50*time.Millisecond))
}

// lateBy returns how long after its deadline, in d, a call returns.
func lateBy(t *testing.T, d time.Duration, call func(ctx context.Context) error) time.Duration {
	t.Helper()
	deadline := time.Now().Add(d)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	assert.ErrorIs(t, call(ctx), worker.ErrStopTimeout)

	return time.Since(deadline)
}

func TestStopWorkerBeside50000OthersEndsInTime(t *testing.T) {
	defer crowd(size(50_000))()
	release := make(chan struct{})
	pool := manyHung(t, 1, release)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tries := 0
	late := leastOf(100, 20*time.Millisecond, func() time.Duration {
		tries++
		return lateBy(t, 10*time.Millisecond, func(ctx context.Context) error { return pool.StopWorker(ctx, "worker-0") })
	})
	runtime.ReadMemStats(&after)
	assert.Less(t, late, soon(20*time.Millisecond), "1.1 s before")
	assert.Less(t, (after.TotalAlloc-before.TotalAlloc)/uint64(tries), uint64(100<<20), "306 MB before")
	close(release)
	require.NoError(t, pool.Stop())
}

func TestReplacedExecutionsAreCollected(t *testing.T) {
	pool := newPool(t, worker.WithGenerator(nil))
	for i := range 100 {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), block)))
	}
	require.NoError(t, pool.Start(t.Context()))
	require.NoError(t, pool.WaitReady(t.Context()))
	var replaced []weak.Pointer[worker.WorkerExecution]
	for i := range 50 { // the others stay, and must not keep them
		name := fmt.Sprint(i)
		replaced = append(replaced, weak.Make(execution(t, pool, name)))
		require.NoError(t, pool.RestartWorker(t.Context(), name))
	}
	require.NoError(t, pool.WaitReady(t.Context()))

	left := len(replaced)
	for deadline := time.Now().Add(soon(5 * time.Second)); left > 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		runtime.GC()
		left = 0
		for _, old := range replaced {
			if old.Value() != nil {
				left++
			}
		}
	}
	assert.Zero(t, left, "all before, since one array held them")
	require.NoError(t, pool.Stop())
}

func TestStacksAreNotKept(t *testing.T) {
	release := make(chan struct{})
	pool := manyHung(t, size(10_000), release)
	require.NoError(t, pool.Add(worker.NewWorkerRegistration(do("silent", deaf(release)), worker.WithHeartbeat(100*time.Millisecond))))
	before := heap()
	for execution(t, pool, "silent").Status() != worker.Stuck {
		time.Sleep(10 * time.Millisecond)
	}
	assert.Less(t, heap()-before, int64(2<<20), "15 MB before")
	close(release)
	require.NoError(t, pool.Stop())
}

func TestEventsAreBoundedInBytes(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { return errors.New(strings.Repeat("x", 256<<10)) }),
		worker.WithMaxExecutionsAttempts(400)))
	before := heap()
	require.Error(t, pool.Run(t.Context()))
	assert.Less(t, heap()-before, int64(6<<20), "86 MB before")
	for _, event := range execution(t, pool, "job").Events() {
		require.LessOrEqual(t, len(event.Message()), 4<<10)
	}
}

// TestNobodyWaitsForAReportOfManyWorkers restarts workers of a large pool while its report is read.
func TestNobodyWaitsForAReportOfManyWorkers(t *testing.T) {
	n := size(50_000)
	pool := newPool(t, worker.WithGenerator(nil))
	for i := range n {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprintf("worker-%d", i), block)))
	}
	require.NoError(t, pool.Start(t.Context()))
	require.NoError(t, pool.WaitReady(t.Context()))
	waited := leastOf(100, 20*time.Millisecond, func() time.Duration {
		require.NoError(t, pool.RestartWorker(t.Context(), "worker-7"))
		done := make(chan struct{})
		go func() { defer close(done); _ = pool.Report() }()
		var most time.Duration
		for {
			began := time.Now()
			_ = pool.State()
			most = max(most, time.Since(began))
			select {
			case <-done:
				return most
			default:
			}
		}
	})
	assert.Less(t, waited, soon(20*time.Millisecond), "133 ms before")
	require.NoError(t, pool.Stop())
}

// nosyContext asks the pool whenever it is asked.
type nosyContext struct {
	context.Context
	pool *worker.WorkerPool
}

func (c nosyContext) Value(key any) any { _ = c.pool.State(); return c.Context.Value(key) }

func (c nosyContext) Err() error { _ = c.pool.Report(); return c.Context.Err() }

func (c nosyContext) Done() <-chan struct{} { _ = c.pool.State(); return c.Context.Done() }

func (c nosyContext) Deadline() (time.Time, bool) { _ = c.pool.State(); return c.Context.Deadline() }

func TestContextThatAsksThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", block), worker.WithAttemptTimeout(time.Hour)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, pool.Start(nosyContext{ctx, pool}))
		require.ErrorIs(t, pool.Start(nosyContext{ctx, pool}), worker.ErrPoolAlreadyStarted, "and no deadlock")
		time.Sleep(time.Second)
		require.NoError(t, pool.RestartWorker(t.Context(), "job"))
		time.Sleep(time.Minute)
		assert.Equal(t, worker.PoolStopped, pool.State(), "by its context")
		require.NoError(t, pool.Start(nosyContext{t.Context(), pool}))
		require.NoError(t, pool.Stop())
	})
}
