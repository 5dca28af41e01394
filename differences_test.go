package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"
)

// One test for each difference from the published module that the README lists, under its number.

func TestDifference01FractionsOfASecondCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithGlobalDeferredStartThreshold(0.3),
			worker.WithWorker(do("global", succeed)),
			worker.WithWorker(do("own", succeed), worker.WithDeferredStartThreshold(0.0015)),
		)
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Second)
		require.NoError(t, pool.Stop())

		assert.Equal(t, 300*time.Millisecond, execution(t, pool, "global").Events()[1].Timestamp().Sub(start))
		assert.Equal(t, 1500*time.Microsecond, execution(t, pool, "own").Events()[1].Timestamp().Sub(start))
	})
}

func TestDifference02AStopInterruptsADeferral(t *testing.T) {
	for name, threshold := range map[string]float64{"an hour": 3600, "huge": 1e300, "infinite": math.Inf(1)} {
		t.Run(name, func(t *testing.T) { bubble(t, stopWhileDeferred(threshold)) })
	}
}

// canceledError is what some clients return in place of the context's own error.
type canceledError struct{}

func (canceledError) Error() string        { return "request canceled" }
func (canceledError) Is(target error) bool { return target == context.Canceled }

func TestDifference03AfterAStopNothingIsRestarted(t *testing.T) {
	foreign := fmt.Errorf("a call timed out: %w", context.Canceled)

	cases := map[string]struct {
		run    run
		status worker.WorkerStatus
		events []string
	}{
		"own context's error": {
			run:    func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("read: %w", ctx.Err()) },
			status: worker.Stopped,
			events: []string{"starting execution attempt 1/9", "stopping execution attempt 1/9 on cancellation"},
		},
		"own context's cause": {
			run:    func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
			status: worker.Stopped,
			events: []string{"starting execution attempt 1/9", "stopping execution attempt 1/9 on cancellation"},
		},
		"own context's error, joined with what went well": {
			run:    func(ctx context.Context) error { <-ctx.Done(); return errors.Join(ctx.Err(), nil, context.Cause(ctx)) },
			status: worker.Stopped,
			events: []string{"starting execution attempt 1/9", "stopping execution attempt 1/9 on cancellation"},
		},
		"an error that says that it is the context's": {
			run:    func(ctx context.Context) error { <-ctx.Done(); return canceledError{} },
			status: worker.Stopped,
			events: []string{"starting execution attempt 1/9", "stopping execution attempt 1/9 on cancellation"},
		},
		"own context's error, joined with another one": {
			run: func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("end: %w", errors.Join(ctx.Err(), errors.New("boom")))
			},
			status: worker.Error,
			events: []string{
				"starting execution attempt 1/9", "stopping execution attempt 1/9 with error: end: context canceled\nboom", "skipping restart on cancellation",
			},
		},
		"an error that is joined of nothing": {
			run:    func(ctx context.Context) error { <-ctx.Done(); return uncomparableErrors{} },
			status: worker.Error,
			events: []string{"starting execution attempt 1/9", "stopping execution attempt 1/9 with error: errors", "skipping restart on cancellation"},
		},
		"nil": {
			run:    untilTold,
			status: worker.Success,
			events: []string{"starting execution attempt 1/9", "stopping execution attempt 1/9 with success"},
		},
		"another error": {
			run:    failLate,
			status: worker.Error,
			events: []string{
				"starting execution attempt 1/9", "stopping execution attempt 1/9 with error: boom", "skipping restart on cancellation",
			},
		},
		"a panic": {
			run:    func(ctx context.Context) error { <-ctx.Done(); panic("late") },
			status: worker.Error,
			events: []string{
				"starting execution attempt 1/9", "stopping execution attempt 1/9 with recovered panic: late",
				"skipping restart on cancellation",
			},
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", test.run), worker.WithMaxExecutionsAttempts(9)))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())

				assert.Equal(t, test.events, messages(execution(t, pool, "job")))
				assert.Equal(t, test.status, execution(t, pool, "job").Status())
			})
		})
	}

	t.Run("a context error while its own context is alive is a failure", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(
				inOrder("job", func(context.Context) error { return foreign }, succeed), worker.WithMaxExecutionsAttempts(9),
			))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()

			assert.Equal(t, []string{
				"starting execution attempt 1/9", "stopping execution attempt 1/9 with error: a call timed out: context canceled",
				"restarting after error", "starting execution attempt 2/9", "stopping execution attempt 2/9 with success",
			}, messages(execution(t, pool, "job")))
			require.NoError(t, pool.Stop())
		})
	})

	t.Run("a cause that may not be compared", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })))
			require.NoError(t, pool.Start(ctx))
			synctest.Wait()
			cancel(uncomparableErrors{context.Canceled})
			require.NoError(t, pool.Wait(t.Context()))
			assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
			require.NoError(t, pool.Stop())
		})
	})

	t.Run("a parent's deadline is a stop", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			pool := newPool(t, worker.WithWorker(do("job", block), worker.WithMaxExecutionsAttempts(9)))
			require.NoError(t, pool.Start(ctx))
			time.Sleep(time.Hour)

			assert.Equal(t, []string{
				"+0s id-1 starting execution attempt 1/9", "+1m0s id-1 stopping execution attempt 1/9 on cancellation",
			}, timeline(execution(t, pool, "job")))
			require.NoError(t, pool.Stop())
		})
	})
}

func TestDifference04StopAndStartInAnyOrder(t *testing.T) {
	t.Run("stop before start, twice, from many goroutines", func(t *testing.T) { bubble(t, stopFromMany) })
	t.Run("start on a started pool", func(t *testing.T) { bubble(t, startTwice) })

	t.Run("start while stopping names who has not ended", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := newPool(t,
				worker.WithWorker(do("slow", drain(time.Minute))), worker.WithWorker(do("quick", block)), worker.WithWorker(do("slower", drain(time.Minute))),
			)
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			go func() { assert.NoError(t, pool.Stop()) }()
			synctest.Wait()

			err := pool.Start(t.Context())
			require.ErrorIs(t, err, worker.ErrPoolAlreadyStarted)
			require.EqualError(t, err, "worker pool is already started: still stopping slow, slower")
			time.Sleep(time.Minute)
			synctest.Wait()
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			require.NoError(t, pool.Stop())
		})
	})

	t.Run("start after stop begins afresh", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("job", fail), worker.WithMaxExecutionsAttempts(2)))
			for _, ids := range [][]string{{"id-1", "id-2"}, {"id-3", "id-4"}} {
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())

				assert.Equal(t, []string{
					"+0s " + ids[0] + " starting execution attempt 1/2",
					"+0s " + ids[0] + " stopping execution attempt 1/2 with error: boom",
					"+0s " + ids[0] + " restarting after error",
					"+0s " + ids[1] + " starting execution attempt 2/2",
					"+0s " + ids[1] + " stopping execution attempt 2/2 with error: boom",
					"+0s " + ids[1] + " max execution attempts reached",
				}, timeline(execution(t, pool, "job")))
			}
		})
	})
}

func TestDifference05GoexitIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", goexits), worker.WithMaxExecutionsAttempts(3)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()

		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/3",
			"+0s id-1 stopping execution attempt 1/3 with runtime.Goexit",
			"+0s id-1 restarting after runtime.Goexit",
			"+0s id-2 starting execution attempt 2/3",
			"+0s id-2 stopping execution attempt 2/3 with runtime.Goexit",
			"+0s id-2 restarting after runtime.Goexit",
			"+0s id-3 starting execution attempt 3/3",
			"+0s id-3 stopping execution attempt 3/3 with runtime.Goexit",
			"+0s id-3 max execution attempts reached",
		}, timeline(execution(t, pool, "job")))
		assert.Equal(t, worker.Error, execution(t, pool, "job").Status())
		require.NoError(t, pool.Stop())
	})
}

func TestDifference06NothingRunsAfterStopAndNeverTwoAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var alive, most atomic.Int32
		var contexts []context.Context
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			for _, earlier := range contexts {
				assert.ErrorIs(t, earlier.Err(), context.Canceled, "the context of an earlier attempt is cancelled")
			}
			contexts = append(contexts, ctx)
			most.Store(max(most.Load(), alive.Add(1)))
			defer alive.Add(-1)
			time.Sleep(time.Second)

			return errors.New("boom")
		}), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)))

		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(10*time.Second + time.Millisecond)
		require.NoError(t, pool.Stop())

		assert.Zero(t, alive.Load())
		assert.Equal(t, int32(1), most.Load())
		assert.ErrorIs(t, contexts[len(contexts)-1].Err(), context.Canceled)
		events := execution(t, pool, "job").Events()
		time.Sleep(time.Hour)
		assert.Equal(t, events, execution(t, pool, "job").Events(), "nothing happens after Stop")
	})
}

// TestARunningWorkerIsOneGoroutine counts the goroutines by their profiler label.
func TestARunningWorkerIsOneGoroutine(t *testing.T) {
	const workers = 100

	goroutines := func() int {
		var profile strings.Builder
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
		n := 0
		for record := range strings.SplitSeq(profile.String(), "\n\n") {
			if strings.Contains(record, `"worker":"one-goroutine-`) {
				count, _, _ := strings.Cut(record, " ")
				k, err := strconv.Atoi(count)
				require.NoError(t, err)
				n += k
			}
		}

		return n
	}

	pool := newPool(t)
	for i := range workers {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprintf("one-goroutine-%d", i), block)))
	}
	require.NoError(t, pool.Start(context.Background()))
	for _, e := range pool.Executions() {
		require.Eventually(t, func() bool { return e.Status() == worker.Running }, 10*time.Second, time.Millisecond)
	}
	assert.Equal(t, workers, goroutines())
	require.NoError(t, pool.Stop())
	require.Eventually(t, func() bool { return goroutines() == 0 }, 10*time.Second, time.Millisecond)
}

func TestDifference07ConcurrentUse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error {
			time.Sleep(time.Millisecond)
			return errors.New("boom")
		}), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)))
		registry := prometheus.NewRegistry()
		require.NoError(t, pool.Metrics().Register(registry))
		require.NoError(t, pool.Start(t.Context()))

		var readers sync.WaitGroup
		for i := range 8 {
			readers.Go(func() {
				for j := range 10 {
					time.Sleep(time.Millisecond)
					for name, e := range pool.Executions() {
						_, _ = e.Events(), e.HasEvent(name)
						e.SetStatus(e.Status()).SetId(e.Id()).SetName(e.Name()).AddEvent("seen")
						e.SetCurrentExecutionAttempt(e.CurrentExecutionAttempt())
						e.SetMaxExecutionsAttempts(e.MaxExecutionsAttempts()).SetDeferredStartThreshold(e.DeferredStartThreshold())
						_ = e.Middlewares()
					}
					_, err := registry.Gather()
					assert.NoError(t, err)
					pool.Register(worker.NewWorkerRegistration(do(fmt.Sprintf("more-%d-%d", i, j), block)))
					_, _ = pool.Registrations(), pool.Options()
				}
			})
		}
		readers.Wait()
		require.NoError(t, pool.Stop())
		assert.Len(t, pool.Executions(), 81)
	})

	t.Run("what a method returns is a copy", func(t *testing.T) {
		options := []worker.WorkerExecutionOption{worker.WithMaxExecutionsAttempts(2), worker.WithMiddlewares(middleware("m", nil))}
		registration := worker.NewWorkerRegistration(do("job", succeed), options...)
		pool := newPool(t, worker.WithGlobalMiddlewares(middleware("g", nil))).Register(registration)
		require.NoError(t, pool.Run(t.Context()))
		e := execution(t, pool, "job")

		options[0] = nil
		registration.Options()[0] = nil
		assert.NotNil(t, registration.Options()[0])
		delete(pool.Registrations(), "job")
		delete(pool.Options().Registrations, "job")
		pool.Options().GlobalMiddlewares[0] = nil
		assert.NotNil(t, pool.Options().GlobalMiddlewares[0])
		assert.Len(t, pool.Registrations(), 1)
		delete(pool.Executions(), "job")
		assert.Len(t, pool.Executions(), 1)
		e.Events()[0] = nil
		assert.NotNil(t, e.Events()[0])
		e.Middlewares()[0] = nil
		assert.NotNil(t, e.Middlewares()[0])
	})
}

func TestDifference08NothingGrowsWithTheAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const attempts = 2000

		var logs logBuffer
		var contexts [2]string
		attempt := 0
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			attempt++
			if attempt == 10 || attempt == attempts {
				contexts[attempt/attempts] = fmt.Sprint(ctx)
			}
			worker.CtxLogger(ctx).Info().Msg("at work")

			return errors.New("boom")
		}), worker.WithMaxExecutionsAttempts(attempts)))
		require.NoError(t, pool.Start(logs.context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())

		lines := logs.lines()
		require.Len(t, lines, 4*attempts, "starting, at work, stopping and restarting or exhausted")
		assert.JSONEq(t, `{"level":"info","worker":"job","workerExecutionID":"id-2000","message":"at work"}`, lines[len(lines)-3])
		for i, line := range lines {
			assert.LessOrEqual(t, len(line), 170, "line %d: %s", i, line)
		}
		assert.Equal(t, contexts[0], contexts[1], "the context is as deep as before")

		events := execution(t, pool, "job").Events()
		require.Len(t, events, 1000)
		assert.Equal(t, "max execution attempts reached", events[999].Message())
		assert.Equal(t, "id-2000", events[999].ExecutionId())
		assert.Equal(t, "restarting after error", events[0].Message())
		assert.Equal(t, "id-1667", events[0].ExecutionId())
	})
}

func TestDifference09CountersCountFromTheCreationOfThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", succeed)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()

		assert.Equal(t, []string{
			`worker_executions_total{status="started",worker="job"} 1`,
			`worker_executions_total{status="success",worker="job"} 1`,
		}, executionsText(t, pool), "registered after the fact")
		require.NoError(t, pool.Stop())
	})
}

func TestDifference10BadInputIsAClearError(t *testing.T) {
	options := []worker.WorkerPoolOption{
		nil,
		func(*worker.PoolOptions) { panic("in an option") },
		worker.WithGlobalDeferredStartThreshold(math.NaN()),
		worker.WithMetrics(&worker.WorkerMetrics{}),
		worker.WithGlobalRestartPolicy(-1),
		worker.WithGlobalMiddlewares(middleware("fine", nil), nil),
		worker.WithWorker(nil),
		worker.WithWorker(do("", succeed)),
		worker.WithWorker(&namedWorker{func() string { panic("no name") }}),
		worker.WithWorker((*namedWorker)(nil)),
		worker.WithWorker(do("a", succeed), worker.WithDeferredStartThreshold(math.NaN())),
		worker.WithWorker(do("b", succeed), nil),
		worker.WithWorker(do("c", succeed), worker.WithMiddlewares(nil)),
		worker.WithWorker(do("fine", succeed)),
		func(o *worker.PoolOptions) {
			o.Registrations["nil"] = nil
			o.Registrations["other"] = worker.NewWorkerRegistration(do("name", succeed))
			o.Registrations["zero"] = &worker.WorkerRegistration{}
		},
	}
	want := `pool option 1 is nil
pool option 2: recovered panic: in an option
metrics were not made by NewWorkerMetrics
unknown global restart policy -1
global middleware 2 is nil
global deferred start threshold is not a number
nil worker
worker *worker_test.funcWorker has an empty name
name of worker *worker_test.namedWorker: recovered panic: no name
name of worker *worker_test.namedWorker: recovered panic: runtime error: invalid memory address or nil pointer dereference
worker a: deferred start threshold is not a number
worker b: option 1 is nil
worker c: middleware 1 is nil
nil worker registration
registration "other" is of worker "name"
registration "zero" is of worker ""`

	pool, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
	require.EqualError(t, err, want)
	assert.Nil(t, pool)

	pool = worker.NewWorkerPool(options...)
	require.EqualError(t, pool.Start(t.Context()), want)
	assert.Empty(t, pool.Executions(), "nothing was started")
	require.NoError(t, pool.Stop())
}

func TestDifference11RegisterOnAStartedPoolStartsTheWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("first", block)))
		require.NoError(t, pool.Start(logs.context()))
		synctest.Wait()

		second := worker.NewWorkerRegistration(do("second", succeed))
		assert.Same(t, pool, pool.Register(second))
		synctest.Wait()
		assert.Equal(t, worker.Success, execution(t, pool, "second").Status())

		// Its worker has ended: the name is free.
		pool.Register(worker.NewWorkerRegistration(do("second", block)))
		synctest.Wait()
		assert.Equal(t, worker.Running, execution(t, pool, "second").Status())

		// Still alive, or not valid: refused.
		running := execution(t, pool, "second")
		pool.Register(second, nil)
		synctest.Wait()
		assert.Same(t, running, execution(t, pool, "second"))
		lines := logs.lines()
		assert.Equal(t, []string{
			`{"level":"error","error":"worker second is still running","message":"worker registration refused"}`,
			`{"level":"error","error":"nil worker registration","message":"worker registration refused"}`,
		}, lines[len(lines)-2:])
		require.NoError(t, pool.Stop())

		require.NoError(t, pool.Start(t.Context()), "the refused registrations left nothing behind")
		synctest.Wait()
		require.NoError(t, pool.Stop())
	})

	t.Run("on a stopped pool it waits for the next start", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := newPool(t)
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			require.NoError(t, pool.Stop())
			pool.Register(worker.NewWorkerRegistration(do("late", block)))
			synctest.Wait()
			assert.Empty(t, pool.Executions())

			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			assert.Equal(t, worker.Running, execution(t, pool, "late").Status())
			require.NoError(t, pool.Stop())
		})
	})
}

// TestDifference12 sets OpenTelemetry's global provider, so it is not parallel.
func TestDifference12WhereTheTracerProviderComesFrom(t *testing.T) {
	provider := func() (*otelsdktrace.TracerProvider, *tracetest.InMemoryExporter) {
		exporter := tracetest.NewInMemoryExporter()
		return otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter)), exporter
	}
	global, inGlobal := provider()
	active, inActive := provider()
	own, inOwn := provider()

	before := otel.GetTracerProvider()
	otel.SetTracerProvider(global)
	defer otel.SetTracerProvider(before)

	trace := func(ctx context.Context, options ...worker.WorkerPoolOption) {
		pool := newPool(t, append(options, worker.WithWorker(do("job", func(ctx context.Context) error {
			_, span := worker.CtxTracer(ctx).Start(ctx, "work")
			span.End()
			return nil
		})))...)
		require.NoError(t, pool.Run(ctx))
	}
	inSpan, span := active.Tracer("test").Start(t.Context(), "start")
	span.End()
	inActive.Reset()

	trace(t.Context())
	assert.Equal(t, [3]int{1, 0, 0}, [3]int{len(inGlobal.GetSpans()), len(inActive.GetSpans()), len(inOwn.GetSpans())})
	trace(inSpan)
	assert.Equal(t, [3]int{1, 1, 0}, [3]int{len(inGlobal.GetSpans()), len(inActive.GetSpans()), len(inOwn.GetSpans())})
	trace(inSpan, worker.WithTracerProvider(own))
	assert.Equal(t, [3]int{1, 1, 1}, [3]int{len(inGlobal.GetSpans()), len(inActive.GetSpans()), len(inOwn.GetSpans())})

	for _, exporter := range []*tracetest.InMemoryExporter{inGlobal, inActive, inOwn} {
		assert.Equal(t, worker.TracerName, exporter.GetSpans().Snapshots()[0].InstrumentationScope().Name)
	}
	assert.Equal(t, noop.NewTracerProvider(), worker.AnnotateTracerProvider(noop.NewTracerProvider()))
}
