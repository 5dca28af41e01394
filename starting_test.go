package worker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readyAfter is ready after a time, and then runs until it is told to stop.
func readyAfter(d time.Duration) run {
	return func(ctx context.Context) error {
		time.Sleep(d)
		worker.Ready(ctx)

		return block(ctx)
	}
}

// takes succeeds after a time.
func takes(d time.Duration) run {
	return func(context.Context) error { time.Sleep(d); return nil }
}

// fails fails after a time.
func fails(d time.Duration) run {
	return func(context.Context) error { time.Sleep(d); return errors.New("boom") }
}

// A migration, then a cache that warms up, then the API: each begins when the one before is ready, and a stop goes the other way.
func TestMigrationThenWarmerThenAPI(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slowly := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return ctx.Err() }
		pool := newPool(t,
			worker.WithWorker(do("api", slowly), worker.WithDependsOn("warmer")),
			worker.WithWorker(do("warmer", readyAfter(10*time.Second)), worker.WithReadiness(time.Minute), worker.WithDependsOn("migration")),
			worker.WithWorker(do("migration", takes(time.Minute)), worker.WithReadyOnSuccess()),
		)
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, worker.Pending, execution(t, pool, "api").Status())
		assert.Equal(t, []string{"warmer"}, pool.Report().Workers[0].WaitingFor)

		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, 70*time.Second, time.Since(start))
		assert.Empty(t, pool.Report().Workers[0].WaitingFor)
		time.Sleep(time.Minute)
		require.NoError(t, pool.Stop())

		assert.Equal(t, []string{
			"+0s id-3 starting execution attempt 1/1",
			"+1m0s id-3 stopping execution attempt 1/1 with success",
		}, timeline(execution(t, pool, "migration")))
		assert.Equal(t, []string{
			"+0s id-2 waiting for migration before first execution attempt",
			"+1m0s id-2 starting execution attempt 1/1",
			"+1m10s id-2 ready",
			"+2m11s id-2 stopping execution attempt 1/1 on cancellation",
		}, timeline(execution(t, pool, "warmer")), "told once the API has ended")
		assert.Equal(t, []string{
			"+0s id-1 waiting for warmer before first execution attempt",
			"+1m10s id-1 starting execution attempt 1/1",
			"+2m11s id-1 stopping execution attempt 1/1 on cancellation",
		}, timeline(execution(t, pool, "api")))
	})
}

// begins returns when the worker's first attempt began.
func begins(t *testing.T, pool *worker.WorkerPool, name string) time.Duration {
	t.Helper()

	return execution(t, pool, name).StartedAt().Sub(start)
}

func TestDiamondOfDependencies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("top", block), worker.WithDependsOn("left", "right"), worker.WithDependsOn("right")),
			worker.WithWorker(do("left", readyAfter(2*time.Second)), worker.WithReadiness(0), worker.WithDependsOn("bottom")),
			worker.WithWorker(do("right", readyAfter(5*time.Second)), worker.WithReadiness(0), worker.WithDependsOn("bottom")),
			worker.WithWorker(do("bottom", readyAfter(time.Second)), worker.WithReadiness(0)),
		)
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, "waiting for left, right before first execution attempt", messages(execution(t, pool, "top"))[0])
		for name, at := range map[string]time.Duration{"bottom": 0, "left": time.Second, "right": time.Second, "top": 6 * time.Second} {
			assert.Equal(t, at, begins(t, pool, name), name)
		}
		require.NoError(t, pool.Stop())
	})
}

func TestFanOfAThousandDependents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("one", readyAfter(time.Hour)), worker.WithReadiness(0)))
		for i := range 1000 {
			pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), block), worker.WithDependsOn("one")))
		}
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, time.Hour, time.Since(start))
		assert.Equal(t, time.Hour, begins(t, pool, "999"))

		ended := time.Now()
		require.NoError(t, pool.Stop())
		assert.Equal(t, ended, time.Now())
		assert.Equal(t, worker.Stopped, execution(t, pool, "one").Status())
	})
}

func TestDeferralCountsFromReadiness(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("first", readyAfter(time.Minute)), worker.WithReadiness(0)),
			worker.WithWorker(do("second", block), worker.WithDependsOn("first"), worker.WithDeferredStartThreshold(10)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(2 * time.Minute)
		require.NoError(t, pool.Stop())
		assert.Equal(t, []string{
			"+0s id-2 waiting for first before first execution attempt",
			"+1m0s id-2 deferring execution attempt for 10 seconds",
			"+1m10s id-2 starting execution attempt 1/1",
			"+2m0s id-2 stopping execution attempt 1/1 on cancellation",
		}, timeline(execution(t, pool, "second")))
	})
}

func TestDependencyThatComesUpAnHourLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(inOrder("database", fail, readyAfter(0)), worker.WithReadiness(0), worker.WithMaxExecutionsAttempts(2),
				worker.WithBackoff(worker.ConstantBackoff(time.Hour))),
			worker.WithWorker(do("api", block), worker.WithDependsOn("database")))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		assert.Equal(t, worker.Pending, execution(t, pool, "api").Status())
		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, time.Hour, begins(t, pool, "api"))

		require.NoError(t, pool.RestartWorker(t.Context(), "database"))
		synctest.Wait()
		assert.Len(t, execution(t, pool, "api").Events(), 2, "a dependent that has begun is left alone")
		require.NoError(t, pool.Stop())
	})
}

// The chain of what has failed is told: by Run, by the executions, and in the events.
func TestDependencyThatGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, failing := range map[string]run{"error": fails(time.Second), "permanent": func(context.Context) error {
			time.Sleep(time.Second)
			return worker.Permanent(errors.New("boom"))
		}} {
			began := time.Now()
			pool := newPool(t,
				worker.WithWorker(do("database", failing), worker.WithReadiness(0)),
				worker.WithWorker(do("cache", block), worker.WithDependsOn("database")),
				worker.WithWorker(do("api", block), worker.WithDependsOn("cache")))
			err := pool.Run(t.Context())
			require.EqualError(t, err, "worker database: boom\n"+
				"worker cache: dependency database failed: worker database: boom\n"+
				"worker api: dependency cache failed: worker cache: dependency database failed: worker database: boom", name)
			assert.Equal(t, time.Second, time.Since(began))

			failures := separate(err)
			require.Len(t, failures, 3)
			api, ok := failures[2].(*worker.DependencyError)
			require.True(t, ok, "it is told of bare")
			assert.Equal(t, "api", api.Worker)
			assert.Equal(t, "cache", api.Dependency)
			e := execution(t, pool, "api")
			assert.Equal(t, worker.Error, e.Status())
			assert.True(t, e.GaveUp())
			assert.Equal(t, []string{"waiting for cache before first execution attempt", "dependency cache failed"}, messages(e))
			assert.Zero(t, e.CurrentExecutionAttempt())
			require.ErrorAs(t, e.LastError(), &api)
			require.Equal(t, err.Error(), pool.Wait(t.Context()).Error())
		}
	})
}

func TestStopPoolOnFailureOnEitherSideOfADependency(t *testing.T) {
	for name, options := range map[string][2][]worker.WorkerExecutionOption{
		"dependency": {{worker.WithStopPoolOnFailure()}, nil},
		"dependent":  {nil, {worker.WithStopPoolOnFailure()}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t,
					worker.WithWorker(do("database", fails(time.Second)), append(options[0], worker.WithReadiness(0))...),
					worker.WithWorker(do("api", block), append(options[1], worker.WithDependsOn("database"))...),
					worker.WithWorker(do("other", block)))
				require.Error(t, pool.Run(t.Context()))
				assert.Equal(t, time.Second, time.Since(start))
				assert.Equal(t, worker.Stopped, execution(t, pool, "other").Status())
			})
		})
	}
}

func TestDependencyThatIsStoppedBeforeItWasReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("database", block), worker.WithReadiness(0)), worker.WithWorker(do("api", block), worker.WithDependsOn("database")))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.RestartWorker(t.Context(), "database"))
		synctest.Wait()
		assert.Equal(t, worker.Pending, execution(t, pool, "api").Status(), "a restart is no end")

		require.EqualError(t, pool.Unregister(t.Context(), "database"), "worker database cannot be unregistered: api depend on it")
		require.NoError(t, pool.StopWorker(t.Context(), "database"))
		synctest.Wait()
		var failed *worker.DependencyError
		require.ErrorAs(t, execution(t, pool, "api").LastError(), &failed)
		require.ErrorIs(t, failed, worker.ErrWorkerStopped)
		require.NoError(t, pool.Stop())
	})
}

func TestStopWhilePending(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, pool *worker.WorkerPool, cancel func()){
		"Stop":            func(t *testing.T, pool *worker.WorkerPool, _ func()) { require.NoError(t, pool.Stop()) },
		"Start's context": func(t *testing.T, pool *worker.WorkerPool, cancel func()) { cancel(); require.NoError(t, pool.Stop()) },
		"the worker itself": func(t *testing.T, pool *worker.WorkerPool, _ func()) {
			require.NoError(t, pool.StopWorker(t.Context(), "api"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				pool := newPool(t, worker.WithWorker(do("database", block), worker.WithReadiness(0), worker.WithStopStage(1)),
					worker.WithWorker(do("api", block), worker.WithDependsOn("database")))
				require.NoError(t, pool.Start(ctx))
				time.Sleep(time.Minute)
				test(t, pool, cancel)
				assert.Equal(t, []string{
					"+0s id-2 waiting for database before first execution attempt",
					"+1m0s id-2 stopping before first execution attempt",
				}, timeline(execution(t, pool, "api")))
				assert.Equal(t, worker.Stopped, execution(t, pool, "api").Status())
				require.NoError(t, pool.Stop())
				cancel()
			})
		})
	}
}

// A dependent that hangs holds up what it depends on until the stop has expired.
func TestDependentThatHangsUnderAStopTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, worker.WithGlobalStopTimeout(10*time.Second), worker.WithWorker(do("database", block)),
			worker.WithWorker(do("api", deaf(release)), worker.WithDependsOn("database")))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		var stop *worker.StopError
		require.ErrorAs(t, pool.Stop(), &stop)
		require.Len(t, stop.Workers, 2)
		assert.Equal(t, time.Duration(0), stop.Workers[0].Told, "database is only told now")
		assert.Equal(t, 10*time.Second, stop.Workers[1].Told)
		synctest.Wait()
		assert.Equal(t, worker.Stopped, execution(t, pool, "database").Status())
		close(release)
		require.NoError(t, pool.Stop())
	})
}

// An attempt that is not ready in time has failed, whatever it returns, and is retried.
func TestReadinessTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(inOrder("job", func(ctx context.Context) error { <-ctx.Done(); return nil }, readyAfter(time.Second)),
			worker.WithReadiness(10*time.Second), worker.WithMaxExecutionsAttempts(2)))
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, 11*time.Second, time.Since(start))
		time.Sleep(time.Hour)
		require.ErrorIs(t, execution(t, pool, "job").LastError(), worker.ErrNotReady)
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/2",
			"+10s id-1 not ready within 10s",
			"+10s id-1 stopping execution attempt 1/2 with error: not ready in time",
			"+10s id-1 restarting after error",
			"+10s id-2 starting execution attempt 2/2",
			"+11s id-2 ready",
		}, timeline(execution(t, pool, "job")))
		require.NoError(t, pool.Stop())
	})
}

func TestReadyIsForTheInnermostAttemptOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var inner *worker.WorkerPool
		outer := newPool(t, worker.WithWorker(do("outer", func(ctx context.Context) error {
			inner = newPool(t, worker.WithWorker(do("inner", readyAfter(time.Second)), worker.WithReadiness(0)))
			if err := inner.Start(ctx); err != nil {
				return err
			}
			if err := inner.WaitReady(ctx); err != nil {
				return err
			}
			time.Sleep(time.Minute)
			worker.Ready(ctx)
			worker.Ready(ctx)

			return inner.Wait(context.Background())
		}), worker.WithReadiness(0)))
		worker.Ready(t.Context())
		require.NoError(t, outer.Start(t.Context()))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.True(t, execution(t, inner, "inner").Ready())
		assert.False(t, execution(t, outer, "outer").Ready())
		assert.False(t, outer.Health().Ready)
		require.NoError(t, outer.WaitReady(t.Context()))
		assert.Equal(t, 61*time.Second, time.Since(start))
		assert.Len(t, execution(t, outer, "outer").Events(), 2, "the first call counts")
		require.NoError(t, outer.Stop())
	})
}

func TestRegisterWithDependenciesOnARunningPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("up", block)), worker.WithWorker(do("slow", readyAfter(time.Minute)), worker.WithReadiness(0)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Add(worker.NewWorkerRegistration(do("late", block), worker.WithDependsOn("up", "slow"))))
		require.EqualError(t, pool.Add(worker.NewWorkerRegistration(do("lost", block), worker.WithDependsOn("nobody"))),
			"worker lost depends on nobody, which is not registered")
		require.EqualError(t, pool.Add(worker.NewWorkerRegistration(do("self", block), worker.WithDependsOn("self"))), "worker self depends on itself")
		require.EqualError(t, pool.Add(worker.NewWorkerRegistration(do("later", block), worker.WithDependsOn("up"), worker.WithStopStage(1))),
			"worker later of stop stage 1 depends on up of stop stage 0, which would stop before it")
		_, err := pool.Registration("lost")
		require.Error(t, err, "nothing is left behind")
		synctest.Wait()
		assert.Equal(t, []string{"waiting for slow before first execution attempt"}, messages(execution(t, pool, "late")))
		require.NoError(t, pool.WaitReady(t.Context()))
		assert.Equal(t, time.Minute, begins(t, pool, "late"))
		require.NoError(t, pool.Stop())
	})
}

func TestBadDependencies(t *testing.T) {
	on := worker.WithDependsOn
	for want, options := range map[string][]worker.WorkerPoolOption{
		"worker a depends on itself":         {worker.WithWorker(do("a", block), on("a"))},
		"dependency cycle: a -> b -> c -> a": {worker.WithWorker(do("a", block), on("b")), worker.WithWorker(do("b", block), on("c")), worker.WithWorker(do("c", block), on("a"))},
		"worker a of stop stage 2 depends on b of stop stage 1, which would stop before it": {
			worker.WithWorker(do("a", block), on("b"), worker.WithStopStage(2)), worker.WithWorker(do("b", block), worker.WithStopStage(1))},
		"worker a: dependency with an empty name": {worker.WithWorker(do("a", block), on(""))},
	} {
		_, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
		require.EqualError(t, err, want)
		require.EqualError(t, worker.NewWorkerPool(options...).Start(t.Context()), want)
	}

	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(do("a", succeed), on("b")))
	require.NoError(t, err, "Register may follow")
	require.EqualError(t, pool.Start(t.Context()), "worker a depends on b, which is not registered")
	pool.Register(worker.NewWorkerRegistration(do("b", succeed)))
	require.NoError(t, pool.Run(t.Context()))
}

// An option may set the field itself, name a dependency twice, and keep its slice.
func TestDependenciesOfAnOptionByHand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		names := []string{"a", "b", "a"}
		pool := newPool(t, worker.WithWorker(do("a", block)), worker.WithWorker(do("b", block), worker.WithReadiness(0)),
			worker.WithWorker(do("c", block), func(o *worker.ExecutionOptions) { o.DependsOn = names }))
		names[0], names[1], names[2] = "x", "y", "z"
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, []string{"a", "b"}, pool.Report().Workers[2].DependsOn)
		assert.Equal(t, []string{"b"}, pool.Report().Workers[2].WaitingFor)
		require.NoError(t, pool.Stop())
	})
}

func TestWaitReadyEndings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("a", fails(time.Minute)), worker.WithReadiness(0)), worker.WithWorker(do("b", block), worker.WithReadiness(0)))
		require.EqualError(t, pool.WaitReady(within(t, time.Second)), "context deadline exceeded: worker pool is not started")
		waited := make(chan error, 1)
		go func() { waited <- pool.WaitReady(t.Context()) }()
		synctest.Wait()

		require.NoError(t, pool.Start(t.Context()))
		require.EqualError(t, pool.WaitReady(within(t, time.Second)), "context deadline exceeded: not ready: a, b")
		require.EqualError(t, <-waited, "worker a: boom", "the first that cannot become ready ends it")
		assert.Equal(t, 62*time.Second, time.Since(start).Round(time.Second)+time.Second)
		go func() { waited <- pool.WaitReady(within(t, time.Hour)) }()
		require.EqualError(t, <-waited, "worker a: boom")
		require.NoError(t, pool.Stop())
		require.ErrorIs(t, pool.WaitReady(t.Context()), worker.ErrPoolStopped)
		var none context.Context
		require.EqualError(t, pool.WaitReady(none), "nil context")
	})
}

// Probes, WaitReady, the gauge and the report agree.
func TestWhatIsFine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("optional", fail), worker.WithOptional()),
			worker.WithWorker(do("deferred", block), worker.WithDeferredStartThreshold(3600)),
			worker.WithWorker(do("scheduled", succeed), worker.WithSchedule(worker.Every(time.Hour))),
			worker.WithWorker(do("stopped", block)),
			worker.WithWorker(do("done", succeed)),
			worker.WithWorker(do("running", block)),
		)
		assert.Equal(t, worker.Health{State: worker.PoolNew, Live: true, NotLive: map[string]worker.WorkerStatus{}, NotReady: map[string]worker.WorkerStatus{}}, pool.Health())
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.StopWorker(t.Context(), "stopped"))
		require.NoError(t, pool.WaitReady(t.Context()))
		assert.True(t, pool.Health().Ready)

		ready := map[string]bool{}
		for _, w := range pool.Report().Workers {
			assert.True(t, w.Fine, w.Name)
			ready[w.Name] = w.Ready
			assert.Equal(t, w.Ready, execution(t, pool, w.Name).Ready())
		}
		assert.Equal(t, map[string]bool{"optional": false, "deferred": false, "scheduled": false, "stopped": false, "done": true, "running": true}, ready)
		assert.Equal(t, []string{
			`worker_ready{worker="deferred"} 0`, `worker_ready{worker="done"} 1`, `worker_ready{worker="optional"} 0`,
			`worker_ready{worker="running"} 1`, `worker_ready{worker="scheduled"} 0`, `worker_ready{worker="stopped"} 0`,
		}, metricsText(t, pool.Metrics(), "worker_ready"))
		require.NoError(t, pool.Stop())
		assert.False(t, pool.Health().Ready)
	})
}

// The start of 10,000 workers in a chain takes time that grows with its edges, in real time.
func TestLongChainStartsSoon(t *testing.T) {
	pool := worker.NewWorkerPool(worker.WithWorker(do("0", block)))
	for i := range 9_999 {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i+1), block), worker.WithDependsOn(fmt.Sprint(i))))
	}
	began := time.Now()
	require.NoError(t, pool.Start(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, pool.WaitReady(ctx))
	require.NoError(t, pool.Stop())
	assert.Less(t, time.Since(began), 30*time.Second)
}
