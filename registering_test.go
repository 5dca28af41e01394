package worker_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who is registered, who is refused, and who is forgotten.

func TestUnregisterForgetsAWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		runs := 0
		pool := newPool(t, worker.WithWorker(do("stays", block)))
		require.EqualError(t, pool.Unregister(t.Context(), "job"), "registration for worker job was not found")
		pool.Register(worker.NewWorkerRegistration(do("job", func(ctx context.Context) error { runs++; return block(ctx) })))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Len(t, pool.Report().Workers, 2)
		require.NoError(t, pool.Unregister(t.Context(), "job"))

		_, err := pool.Registration("job")
		require.EqualError(t, err, "registration for worker job was not found")
		_, err = pool.Execution("job")
		require.EqualError(t, err, "execution for worker job was not found")
		assert.Len(t, pool.Report().Workers, 1)
		registry := prometheus.NewRegistry()
		require.NoError(t, pool.Metrics().Register(registry))
		assert.NotContains(t, scrape(registry), `worker="job"`)
		require.NoError(t, pool.Stop())
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, 1, runs, "not at the next Start")
		require.NoError(t, pool.Add(worker.NewWorkerRegistration(do("job", block))), "its name is free")
		require.NoError(t, pool.Stop())
		require.NoError(t, pool.Add(worker.NewWorkerRegistration(do("idle", block))))
		require.NoError(t, pool.Unregister(t.Context(), "idle"), "that was never started")
		assert.Len(t, pool.Registrations(), 2)
	})
}

func TestUnregisterThatTimesOutForgetsLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", drain(time.Minute))), worker.WithWorker(do("kept", drain(time.Minute))))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.ErrorIs(t, pool.Unregister(within(t, time.Second), "job"), worker.ErrStopTimeout)
		require.ErrorIs(t, pool.Unregister(within(t, time.Second), "kept"), worker.ErrStopTimeout)
		require.ErrorIs(t, pool.RestartWorker(within(t, time.Second), "kept"), worker.ErrStopTimeout)
		assert.Len(t, pool.Registrations(), 2)
		time.Sleep(time.Hour)
		assert.Len(t, pool.Registrations(), 1)
		assert.Equal(t, worker.Running, execution(t, pool, "kept").Status(), "the last request wins")
		require.NoError(t, pool.Stop())
	})
}

func TestUnregisterOfOneThatOthersDependOnIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("database", block)), worker.WithWorker(do("api", block), worker.WithDependsOn("database")))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.EqualError(t, pool.Unregister(t.Context(), "database"), "worker database cannot be unregistered: api depend on it")
		assert.Equal(t, worker.Running, execution(t, pool, "database").Status())
		require.NoError(t, pool.Unregister(t.Context(), "api"))
		require.NoError(t, pool.Unregister(t.Context(), "database"))
		require.NoError(t, pool.Stop())
	})
}

// TestUnregisteredWorkersCostNothing registers, stops and forgets as many as stayed before, each for a message or a tenant.
func TestUnregisteredWorkersCostNothing(t *testing.T) {
	pool := newPool(t, worker.WithGenerator(nil))
	require.NoError(t, pool.Start(t.Context()))
	churn := func(n int) {
		for i := range n {
			name := fmt.Sprintf("job-%d", i)
			require.NoError(t, pool.Add(worker.NewWorkerRegistration(do(name, block))))
			require.NoError(t, pool.Unregister(t.Context(), name))
		}
	}
	churn(100)
	before := heap()
	churn(5000)
	grown := heap() - before
	assert.Less(t, grown, int64(1<<20), "10 MB before")
	assert.Empty(t, executionsText(t, pool))
	require.NoError(t, pool.Stop())
}

// TestPoolsThatSharedMetricsAreForgotten is about pools that are made for one job each.
func TestPoolsThatSharedMetricsAreForgotten(t *testing.T) {
	metrics := worker.NewWorkerMetrics("", "")
	runOne := func(run run) {
		pool := worker.NewWorkerPool(worker.WithMetrics(metrics), worker.WithWorker(do("job", run)))
		_ = pool.Run(t.Context())
	}
	runOne(fail)
	for range 100 {
		runOne(succeed)
	}
	before := heap()
	for range 5000 {
		runOne(succeed)
	}
	assert.Less(t, heap()-before, int64(1<<20), "19 MB before")
	assert.Equal(t, []string{`worker_gave_up{worker="job"} 0`}, metricsText(t, metrics, "worker_gave_up"), "those of the first are gone with it")
	assert.Equal(t, []string{`worker_executions_total{status="error",worker="job"} 1`, `worker_executions_total{status="started",worker="job"} 5101`,
		`worker_executions_total{status="success",worker="job"} 5100`}, metricsText(t, metrics, "worker_executions_total"), "but its counts are not")
}

// TestDependentsThatComeAndGoCostNothing is about pairs of workers, and about a dependent that is started anew again and again while it waits.
func TestDependentsThatComeAndGoCostNothing(t *testing.T) {
	pool := newPool(t, worker.WithGenerator(nil), worker.WithWorker(do("slow", block), worker.WithReadyOnSuccess()),
		worker.WithWorker(do("pending", block), worker.WithDependsOn("slow")))
	require.NoError(t, pool.Start(t.Context()))
	churn := func(n int) {
		for i := range n {
			dependency, dependent := fmt.Sprintf("dependency-%d", i), fmt.Sprintf("dependent-%d", i)
			require.NoError(t, pool.Add(worker.NewWorkerRegistration(do(dependency, block))))
			require.NoError(t, pool.Add(worker.NewWorkerRegistration(do(dependent, block), worker.WithDependsOn(dependency))))
			require.NoError(t, pool.Unregister(t.Context(), dependent))
			require.NoError(t, pool.Unregister(t.Context(), dependency))
			require.NoError(t, pool.RestartWorker(t.Context(), "pending"))
		}
	}
	churn(100)
	before := heap()
	churn(5000)
	assert.Less(t, heap()-before, int64(512<<10), "8 MB before")
	require.NoError(t, pool.Stop())
}

func TestRefusedRegistrationBetweenStopAndStartIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", block)))
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.Stop())
		pool.Register(nil)
		require.EqualError(t, pool.Start(t.Context()), "nil worker registration")
		require.NoError(t, pool.Start(t.Context()), "and no more")
		require.NoError(t, pool.Stop())
	})
}

func TestAddTellsWhatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", block)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.EqualError(t, pool.Add(nil), "nil worker registration")
		require.EqualError(t, pool.Add(&worker.WorkerRegistration{}), "nil worker")
		require.EqualError(t, pool.Add(worker.NewWorkerRegistration(do("job", block))), "worker job is still running")
		assert.Len(t, pool.Registrations(), 1)
		require.NoError(t, pool.Stop())
	})
}

func TestPoolThatWasNotMadeTakesNothing(t *testing.T) {
	const text = "worker pool was not made by NewWorkerPool"
	pool := &worker.WorkerPool{}
	registration := worker.NewWorkerRegistration(do("job", succeed))
	assert.NotPanics(t, func() { pool.Register(registration, nil) })
	require.EqualError(t, pool.Add(registration), text)
	require.EqualError(t, pool.Start(t.Context()), text)
	require.EqualError(t, pool.Run(t.Context()), text)
	require.NoError(t, pool.Stop())
	require.Error(t, pool.StopWorker(t.Context(), "job"))
	require.Error(t, pool.RestartWorker(t.Context(), "job"))
	require.Error(t, pool.Unregister(t.Context(), "job"))
	assert.Equal(t, worker.PoolNew, pool.Report().State)
	assert.Empty(t, pool.Registrations())
}

func TestMetricsThatWereNotMadeAreAnErrorOfTheRegistry(t *testing.T) {
	for name, metrics := range map[string]*worker.WorkerMetrics{"empty": {}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, metrics.Register(prometheus.NewRegistry()), "metrics were not made by NewWorkerMetrics")
			err := prometheus.NewRegistry().Register(metrics)
			require.ErrorContains(t, err, "metrics were not made by NewWorkerMetrics")
			assert.NotPanics(t, func() { metrics.IncrementWorkerExecutionError("job") })
			if metrics != nil {
				_, err = worker.NewDefaultWorkerPoolFactory().Create(worker.WithMetrics(metrics))
				require.ErrorContains(t, err, "metrics were not made by NewWorkerMetrics")
			}
		})
	}
}

// TestMetricsAreSharedWhilePoolsAreMade has the race detector look at metrics that several pools join at once.
func TestMetricsAreSharedWhilePoolsAreMade(t *testing.T) {
	for range 50 {
		metrics := worker.NewWorkerMetrics("", "")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { worker.NewWorkerPool(worker.WithMetrics(metrics), worker.WithWorker(do("job", block))) })
			all.Go(func() { metrics.IncrementWorkerExecutionStart("job") })
		}
		all.Wait()

		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, metrics.Register(registry))
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 1)
		assert.InDelta(t, 4, families[0].GetMetric()[0].GetCounter().GetValue(), 0)
	}
}

// TestMetricsOfWorkersThatComeWhileNamesakesGo has pools that share metrics take workers of the same names away, and get them anew.
func TestMetricsOfWorkersThatComeWhileNamesakesGo(t *testing.T) {
	const workers, rounds = 500, 20
	metrics := worker.NewWorkerMetrics("", "")
	var pools [4]*worker.WorkerPool
	var all sync.WaitGroup
	for i := range pools {
		pools[i] = newPool(t, worker.WithMetrics(metrics))
		all.Go(func() {
			for job := range workers {
				name := fmt.Sprintf("job%d", job)
				for range rounds {
					pools[i].Register(worker.NewWorkerRegistration(do(name, succeed)))
					assert.NoError(t, pools[i].Unregister(t.Context(), name))
				}
				pools[i].Register(worker.NewWorkerRegistration(do(name, succeed)))
			}
		})
	}
	all.Wait()

	for _, pool := range pools {
		require.NoError(t, pool.Run(t.Context()))
	}
	for _, sample := range metricsText(t, metrics, "worker_executions_total") {
		assert.True(t, strings.HasSuffix(sample, " 4"), "a worker is not seen: %s", sample)
	}
}

// TestUnregisterDuringAScrapeForgetsAWorker has a scrape begin before a worker is forgotten, and end after that.
func TestUnregisterDuringAScrapeForgetsAWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("first", block)), worker.WithWorker(do("job", succeed)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()

		metrics := make(chan prometheus.Metric)
		go func() {
			defer close(metrics)
			pool.Metrics().Collect(metrics)
		}()
		<-metrics // of the first worker
		require.NoError(t, pool.Unregister(t.Context(), "job"))
		for range metrics { // until the scrape has ended
		}

		registry := prometheus.NewRegistry()
		require.NoError(t, pool.Metrics().Register(registry))
		assert.NotContains(t, scrape(registry), `worker="job"`)
		require.NoError(t, pool.Stop())
	})
}
