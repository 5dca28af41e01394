package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// The four bounds that operators set: how long an attempt may take, how often a worker may be restarted, how long one may hold up a
// stop, and how long traffic needs to go elsewhere.

func TestAttemptTimeout(t *testing.T) {
	late := func(returned error) run {
		return func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second)

			return returned
		}
	}
	ends := func(text string) []string {
		return []string{
			"+0s id-1 starting execution attempt 1/1",
			"+1m0s id-1 attempt timed out after 1m0s",
			"+1m5s id-1 stopping execution attempt 1/1 with " + text,
			"+1m5s id-1 max execution attempts reached",
		}
	}

	for name, test := range map[string]struct {
		run    run
		err    error
		events []string
	}{
		"returns an error":         {late(io.EOF), io.EOF, ends("error: attempt timed out: EOF")},
		"returns its own error":    {late(context.DeadlineExceeded), context.DeadlineExceeded, ends("error: attempt timed out: context deadline exceeded")},
		"returns the cause":        {late(worker.ErrAttemptTimeout), worker.ErrAttemptTimeout, ends("error: attempt timed out")},
		"returns nil all the same": {late(nil), worker.ErrAttemptTimeout, ends("error: attempt timed out")},
		"panics":                   {func(ctx context.Context) error { _ = late(nil)(ctx); panic("late") }, nil, ends("recovered panic: late")},
		"exits":                    {func(ctx context.Context) error { _ = late(nil)(ctx); runtime.Goexit(); return nil }, worker.ErrGoexit, ends("runtime.Goexit")},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, time.Hour, do("job", test.run), worker.WithAttemptTimeout(time.Minute))
				assert.Equal(t, test.events, timeline(e))
				assert.Equal(t, worker.Error, e.Status())
				assert.True(t, e.GaveUp())
				if test.err != nil {
					require.ErrorIs(t, e.LastError(), test.err)
				}
				if name != "panics" && name != "exits" {
					require.ErrorIs(t, e.LastError(), worker.ErrAttemptTimeout)
				}
			})
		})
	}
}

// The event comes before what the worker does about it, however quick that is.
func TestAttemptTimeoutIsToldBeforeTheAttemptEnds(t *testing.T) {
	for name, run := range map[string]run{
		"returns": block,
		"panics":  func(ctx context.Context) error { <-ctx.Done(); panic("late") },
		"exits":   func(ctx context.Context) error { <-ctx.Done(); runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, time.Second, do("job", run), worker.WithAttemptTimeout(time.Millisecond),
					worker.WithMaxExecutionsAttempts(200), worker.WithBackoff(worker.ConstantBackoff(0)))
				got := messages(e)
				timeouts := 0
				for i, message := range got {
					if message == "attempt timed out after 1ms" {
						timeouts++
						assert.True(t, strings.HasPrefix(got[i-1], "starting execution attempt "), got[i-1])
						assert.True(t, strings.HasPrefix(got[i+1], "stopping execution attempt "), got[i+1])
					}
				}
				assert.Equal(t, 200, timeouts)
			})
		})
	}
}

func TestAttemptTimeoutIsADeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var deadline time.Time
		var cause error
		pool := newPool(t, worker.WithWorker(inOrder("job", func(ctx context.Context) error {
			deadline, _ = ctx.Deadline()
			<-ctx.Done()
			cause = context.Cause(ctx)
			assert.Equal(t, context.DeadlineExceeded, ctx.Err())

			return ctx.Err()
		}, succeed), worker.WithAttemptTimeout(time.Minute), worker.WithMaxExecutionsAttempts(2)))
		require.NoError(t, pool.Run(t.Context()))
		assert.Equal(t, start.Add(time.Minute), deadline.UTC())
		assert.Equal(t, worker.ErrAttemptTimeout, cause)

		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/2",
			"+1m0s id-1 attempt timed out after 1m0s",
			"+1m0s id-1 stopping execution attempt 1/2 with error: attempt timed out: context deadline exceeded",
			"+1m0s id-1 restarting after error",
			"+1m0s id-2 starting execution attempt 2/2",
			"+1m0s id-2 stopping execution attempt 2/2 with success",
		}, timeline(execution(t, pool, "job")))
		assert.Contains(t, executionsText(t, pool), `worker_executions_total{status="error",worker="job"} 1`)
	})
}

// TestAttemptTimeoutOfWhatIsTraced has functions that end in time within an attempt that does not: their spans tell of them alone.
func TestAttemptTimeoutOfWhatIsTraced(t *testing.T) {
	traced := worker.NewTracingMiddleware()
	hold := func(ctx context.Context, next worker.HandlerFunc) error {
		_ = next(ctx)
		<-ctx.Done()

		return nil
	}
	cases := map[string]struct {
		w      worker.Worker
		around []worker.Middleware
		spans  int
	}{
		"calls of a periodic worker": {worker.NewPeriodicWorker("job", 20*time.Second, traced.Handle()(succeed)), nil, 3},
		"within another middleware":  {do("job", succeed), []worker.Middleware{middleware("hold", hold), traced}, 1},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				exporter := tracetest.NewInMemoryExporter()
				pool := newPool(t, worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
					worker.WithWorker(test.w, worker.WithAttemptTimeout(50*time.Second), worker.WithMiddlewares(test.around...)))
				require.ErrorIs(t, pool.Run(t.Context()), worker.ErrAttemptTimeout)
				assert.Contains(t, timeline(execution(t, pool, "job")), "+50s id-1 attempt timed out after 50s")

				spans := exporter.GetSpans()
				require.Len(t, spans, test.spans)
				for _, span := range spans {
					assert.Equal(t, codes.Unset, span.Status.Code)
				}
			})
		})
	}
}

// What the pool says and logs of an attempt that hangs at its deadline: nothing else begins before it returns.
func TestAttemptTimeoutOfOneThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		release := make(chan struct{})
		pool := newPool(t, worker.WithWorker(inOrder("job", deaf(release), block), worker.WithAttemptTimeout(time.Minute),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0))))
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(time.Hour)
		e := execution(t, pool, "job")
		assert.Equal(t, worker.Running, e.Status(), "unchanged")
		assert.Equal(t, 1, e.CurrentExecutionAttempt())
		assert.Equal(t, []string{
			`{"level":"info","worker":"job","workerExecutionID":"id-1","message":"starting execution attempt 1/unlimited"}`,
			`{"level":"error","worker":"job","workerExecutionID":"id-1","error":"attempt timed out","message":"attempt timed out after 1m0s"}`,
		}, logs.lines())
		close(release)
		synctest.Wait()
		assert.Equal(t, 2, e.CurrentExecutionAttempt())
		assert.Equal(t, 1, e.ConsecutiveFailures())
		require.NoError(t, pool.Stop())
	})
}

func TestAttemptTimeoutAndStops(t *testing.T) {

	for name, test := range map[string]struct {
		stop   time.Duration
		events []string
		status worker.WorkerStatus
	}{
		"a stop before it is a stop": {30 * time.Second, []string{
			"+0s id-1 starting execution attempt 1/5", "+1h0m30s id-1 stopping execution attempt 1/5 on cancellation",
		}, worker.Stopped},
		"a stop after it comes too late": {61 * time.Second, []string{
			"+0s id-1 starting execution attempt 1/5", "+1m0s id-1 attempt timed out after 1m0s",
			"+1h1m0s id-1 stopping execution attempt 1/5 with error: attempt timed out: context deadline exceeded",
			"+1h1m0s id-1 skipping restart on cancellation",
		}, worker.Error},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, test.stop, do("job", drain(time.Hour)), worker.WithAttemptTimeout(time.Minute), worker.WithMaxExecutionsAttempts(5))
				assert.Equal(t, test.events, timeline(e))
				assert.Equal(t, test.status, e.Status())
				assert.False(t, e.GaveUp())
			})
		})
	}
}

// The deadline of Start's context is a stop, and no timeout, even where it comes first.
func TestAttemptTimeoutAfterStartsDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", block), worker.WithAttemptTimeout(time.Hour)))
		require.NoError(t, pool.Run(within(t, time.Minute)))
		assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
		assert.Equal(t, "context deadline exceeded", pool.Report().Cause)
	})
}

// An outer pool's attempt that times out stops the workers of the pools inside: they have not timed out themselves.
func TestAttemptTimeoutOfAnOuterPoolIsAStop(t *testing.T) {
	for name, options := range map[string][]worker.WorkerExecutionOption{"without a timeout": nil, "with one": {worker.WithAttemptTimeout(time.Hour)}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				inner := newPool(t, worker.WithWorker(do("inner", block), options...))
				outer := newPool(t, worker.WithWorker(do("outer", inner.Run), worker.WithAttemptTimeout(time.Minute)))
				require.EqualError(t, outer.Run(t.Context()), "worker outer: attempt timed out")
				assert.Equal(t, []string{
					"+0s id-1 starting execution attempt 1/1", "+1m0s id-1 stopping execution attempt 1/1 on cancellation",
				}, timeline(execution(t, inner, "inner")))
			})
		})
	}
}

func TestAttemptTimeoutGlobalAndOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalAttemptTimeout(time.Minute), worker.WithWorker(do("global", block)),
			worker.WithWorker(do("own", block), worker.WithAttemptTimeout(time.Hour)),
			worker.WithWorker(do("none", block), worker.WithAttemptTimeout(0)),
			worker.WithWorker(do("less", block), worker.WithAttemptTimeout(-1)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(2 * time.Hour)
		ended := func(name string) time.Duration { return execution(t, pool, name).EndedAt().Sub(start) }
		assert.Equal(t, time.Minute, ended("global"))
		assert.Equal(t, time.Hour, ended("own"))
		assert.Equal(t, worker.Running, execution(t, pool, "none").Status())
		assert.Equal(t, worker.Running, execution(t, pool, "less").Status())
		assert.Equal(t, "1m0s", pool.Report().Workers[0].Options["attemptTimeout"])
		require.NoError(t, pool.Stop())
	})
}

// Middlewares are part of the attempt, and see the deadline too.
func TestAttemptTimeoutCountsMiddlewares(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ran := false
		wait := middleware("wait", func(ctx context.Context, next worker.HandlerFunc) error {
			if err := block(ctx); err != nil {
				return err
			}

			return next(ctx)
		})
		e := script(t, time.Hour, do("job", func(context.Context) error { ran = true; return nil }),
			worker.WithMiddlewares(wait), worker.WithAttemptTimeout(time.Minute))
		assert.False(t, ran)
		assert.Equal(t, time.Minute, e.EndedAt().Sub(start))
		require.ErrorIs(t, e.LastError(), worker.ErrAttemptTimeout)
	})
}

func TestRestartLimit(t *testing.T) {
	// It fails every ten minutes, so a restart is at 10, 20, 30 and so on.
	for name, test := range map[string]struct {
		n      int
		within time.Duration
		ends   time.Duration // 0 for never
	}{
		"at the third restart":                       {2, time.Hour, 30 * time.Minute},
		"at the first":                               {1, time.Hour, 20 * time.Minute},
		"just within: (t-D, t] holds three":          {2, 20*time.Minute + 1, 30 * time.Minute},
		"just not within: t-D is outside":            {2, 20 * time.Minute, 0},
		"a thousand, just within":                    {1000, 10_000*time.Minute + 1, 10_010 * time.Minute},
		"a thousand, just not within":                {1000, 10_000 * time.Minute, 0},
		"no limit":                                   {0, time.Hour, 0},
		"no limit either":                            {-1, time.Hour, 0},
		"within no time, which holds no two moments": {1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, 10_020*time.Minute+time.Second, do("job", takes(10*time.Minute, errors.New("boom"))), worker.WithRestartLimit(test.n, test.within),
					worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0)))
				got := timeline(e)
				if test.ends == 0 {
					assert.False(t, e.GaveUp(), got[len(got)-1])
					assert.Equal(t, 1003, e.CurrentExecutionAttempt())

					return
				}
				assert.Equal(t, worker.Error, e.Status())
				assert.True(t, e.GaveUp())
				assert.Equal(t, test.ends, e.EndedAt().Sub(start))
				assert.True(t, strings.HasSuffix(got[len(got)-1], fmt.Sprintf(" restart limit of %d within %s reached", test.n, test.within)), got[len(got)-1])
			})
		})
	}
}

func TestRestartLimitWholeLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithGlobalRestartLimit(1, time.Minute), worker.WithGlobalMaxExecutionsAttempts(5), worker.WithWorker(do("job", fail)))
		require.EqualError(t, pool.Run(logs.context()), "worker job: boom")
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/5", "+0s id-1 stopping execution attempt 1/5 with error: boom", "+0s id-1 restarting after error",
			"+0s id-2 starting execution attempt 2/5", "+0s id-2 stopping execution attempt 2/5 with error: boom",
			"+0s id-2 restart limit of 1 within 1m0s reached",
		}, timeline(execution(t, pool, "job")))
		lines := logs.lines()
		assert.JSONEq(t, `{"level":"info","worker":"job","workerExecutionID":"id-2","message":"restart limit of 1 within 1m0s reached"}`, lines[len(lines)-1])
		assert.Equal(t, "1 within 1m0s", pool.Report().Workers[0].Options["restartLimit"])
	})
}

// It is of the time that passes: a worker that is slow to fail again may be restarted for ever, a quick one may not, however healthy
// its attempts were.
func TestRestartLimitGoesBesideHealthyAfter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Hour, do("job", takes(2*time.Minute, errors.New("boom"))), worker.WithMaxExecutionsAttempts(2), worker.WithHealthyAfter(time.Minute),
			worker.WithRestartLimit(3, 10*time.Minute))
		assert.Equal(t, 8*time.Minute, e.EndedAt().Sub(start))
		assert.True(t, e.GaveUp())
	})
}

func TestRestartLimitCountsRestartAlways(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Hour, do("job", succeed), worker.WithRestartPolicy(worker.RestartAlways), worker.WithRestartLimit(3, time.Minute),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0)))
		got := messages(e)
		assert.Equal(t, "restart limit of 3 within 1m0s reached", got[len(got)-1])
		assert.Equal(t, 4, e.CurrentExecutionAttempt())
		assert.Equal(t, worker.Success, e.Status(), "its last attempt has succeeded")
		assert.False(t, e.GaveUp(), "it has not failed")
	})
}

func TestRestartLimitDoesNotCountRestartWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalRestartLimit(1, time.Hour), worker.WithWorker(do("job", block)))
		require.NoError(t, pool.Start(t.Context()))
		for range 10 {
			require.NoError(t, pool.RestartWorker(t.Context(), "job"))
		}
		synctest.Wait()
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
		require.NoError(t, pool.Stop())
	})
}

func TestRestartLimitOfAScheduledRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := scheduled(t, 3*time.Hour+time.Minute, worker.Every(time.Hour), fail, worker.WithMaxExecutionsAttempts(10),
			worker.WithRestartLimit(2, 90*time.Minute))
		assert.Equal(t, worker.Stopped, e.Status(), "scheduled runs are no restarts, and the worker goes on")
		got := []string{}
		for _, line := range timeline(e) {
			if strings.Contains(line, "restart limit") || strings.Contains(line, " starting") {
				got = append(got, line)
			}
		}
		assert.Equal(t, []string{
			"+1h0m0s id-1 starting execution attempt 1/10", "+1h0m0s id-2 starting execution attempt 2/10", "+1h0m0s id-3 starting execution attempt 3/10",
			"+1h0m0s id-3 restart limit of 2 within 1h30m0s reached",
			"+2h0m0s id-4 starting execution attempt 1/10",
			"+2h0m0s id-4 restart limit of 2 within 1h30m0s reached",
			"+3h0m0s id-5 starting execution attempt 1/10", "+3h0m0s id-6 starting execution attempt 2/10", "+3h0m0s id-7 starting execution attempt 3/10",
			"+3h0m0s id-7 restart limit of 2 within 1h30m0s reached",
		}, got)
	})
}

// A hung worker in stage 0 and a bound of 10 s for all: the flusher in stage 1 has its time.
func TestStopTimeoutLeavesLaterStagesTheirTime(t *testing.T) {
	for _, by := range []string{"Stop", "Start's context", "Run"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				pool := newPool(t, worker.WithGlobalStopTimeout(10*time.Second),
					worker.WithWorker(do("hung", deaf(release)), worker.WithStopTimeout(3*time.Second)),
					worker.WithWorker(do("fine", block)),
					worker.WithWorker(do("flusher", drain(5*time.Second)), worker.WithStopStage(1)))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()

				var err error
				switch by {
				case "Run":
					time.AfterFunc(time.Minute, cancel)
					err = pool.Run(ctx)
				default:
					require.NoError(t, pool.Start(ctx))
					time.Sleep(time.Minute)
					if by == "Stop" {
						err = pool.Stop()
					} else {
						cancel()
						err = pool.Wait(t.Context())
					}
				}
				assert.Equal(t, 70*time.Second, time.Since(start))
				var stop *worker.StopError
				require.ErrorAs(t, err, &stop)
				require.Len(t, stop.Workers, 1)
				assert.Equal(t, "hung", stop.Workers[0].Name)
				assert.Equal(t, 10*time.Second, stop.Workers[0].Told)

				flusher := execution(t, pool, "flusher")
				assert.Equal(t, worker.Stopped, flusher.Status())
				assert.Equal(t, 68*time.Second, flusher.EndedAt().Sub(start), "told after 3 seconds, and has had its 5")
				assert.Equal(t, time.Minute, execution(t, pool, "fine").EndedAt().Sub(start))
				close(release)
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// One that is overdue and ends in time is no error.
func TestStopTimeoutOfOneThatEndsInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalStopTimeout(10*time.Second), worker.WithWorker(do("slow", drain(8*time.Second)), worker.WithStopTimeout(3*time.Second)),
			worker.WithWorker(do("flusher", block), worker.WithStopStage(1)), worker.WithWorker(do("last", block), worker.WithStopStage(2)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
		assert.Equal(t, 8*time.Second, time.Since(start))
		for _, name := range []string{"flusher", "last"} {
			assert.Equal(t, 3*time.Second, execution(t, pool, name).EndedAt().Sub(start))
		}
		assert.Equal(t, []string{`worker_stop_timeouts_total{worker="flusher"} 0`, `worker_stop_timeouts_total{worker="last"} 0`,
			`worker_stop_timeouts_total{worker="slow"} 0`}, metricsText(t, pool.Metrics(), "worker_stop_timeouts_total"))
	})
}

// A dependent that hangs does not hold up what it depends on for longer either.
func TestStopTimeoutFreesDependencies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, worker.WithWorker(do("database", block)),
			worker.WithWorker(do("consumer", deaf(release)), worker.WithDependsOn("database"), worker.WithStopTimeout(3*time.Second)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		require.ErrorIs(t, pool.Shutdown(within(t, 10*time.Second)), worker.ErrStopTimeout)
		assert.Equal(t, 63*time.Second, execution(t, pool, "database").EndedAt().Sub(start))
		close(release)
		require.NoError(t, pool.Stop())
	})
}

// The default and negative values hold the stop up for as long as the worker likes.
func TestStopTimeoutOfNone(t *testing.T) {
	for _, d := range []time.Duration{0, -1} {
		synctest.Test(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("slow", drain(time.Hour)), worker.WithStopTimeout(d)), worker.WithWorker(do("flusher", block), worker.WithStopStage(1)))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			require.NoError(t, pool.Stop())
			assert.Equal(t, time.Hour, execution(t, pool, "flusher").EndedAt().Sub(start))
		})
	}
}

func TestStopDelay(t *testing.T) {
	for name, test := range map[string]struct {
		stop  func(t *testing.T, pool *worker.WorkerPool, cancel func())
		told  time.Duration
		cause error
	}{
		"Stop":            {func(t *testing.T, pool *worker.WorkerPool, _ func()) { require.NoError(t, pool.Stop()) }, 5 * time.Second, worker.ErrPoolStopped},
		"Start's context": {func(_ *testing.T, _ *worker.WorkerPool, cancel func()) { cancel() }, 5 * time.Second, context.Canceled},
		"Start's context, and a first call": {func(t *testing.T, pool *worker.WorkerPool, cancel func()) {
			cancel()
			time.Sleep(time.Second)
			require.NoError(t, pool.Stop())
		}, 5 * time.Second, context.Canceled},
		"a second call cuts it short": {func(t *testing.T, pool *worker.WorkerPool, _ func()) {
			go func() { assert.NoError(t, pool.Stop()) }()
			time.Sleep(2 * time.Second)
			require.NoError(t, pool.Shutdown(t.Context()))
		}, 2 * time.Second, worker.ErrPoolStopped},
		"the end of a caller's patience cuts it short": {func(t *testing.T, pool *worker.WorkerPool, _ func()) {
			require.ErrorIs(t, pool.Shutdown(within(t, time.Second)), worker.ErrStopTimeout)
			require.NoError(t, pool.Stop())
		}, time.Second, worker.ErrPoolStopped},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var cause error
				var told time.Time
				pool := newPool(t, worker.WithGlobalStopDelay(5*time.Second), worker.WithWorker(do("server", func(ctx context.Context) error {
					<-ctx.Done()
					told, cause = time.Now(), context.Cause(ctx)

					return ctx.Err()
				})), worker.WithWorker(do("second", block), worker.WithStopStage(1)))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				require.NoError(t, pool.Start(ctx))
				time.Sleep(time.Minute)

				test.stop(t, pool, cancel)
				require.NoError(t, pool.Wait(t.Context()))
				assert.Equal(t, time.Minute+test.told, told.Sub(start))
				assert.Equal(t, time.Minute+test.told, time.Since(start))
				assert.Equal(t, test.cause, cause)
				assert.Equal(t, worker.Stopped, execution(t, pool, "second").Status())
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// From the begin of the stop the pool is not ready and nothing begins, though the workers go on.
func TestStopDelayIsALameDuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalStopDelay(5*time.Second), worker.WithWorker(do("server", block)),
			worker.WithWorker(do("failing", takes(time.Second, errors.New("boom"))), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0))),
			worker.WithWorker(do("scheduled", succeed), worker.WithSchedule(worker.Every(time.Hour))),
			worker.WithWorker(do("deferred", succeed), worker.WithDeferredStartThreshold(3600)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(10*time.Second + 500*time.Millisecond)
		go func() { assert.NoError(t, pool.Stop()) }()
		synctest.Wait()

		health := pool.Health()
		assert.False(t, health.Ready)
		assert.True(t, health.Live)
		assert.Equal(t, worker.PoolStopping, health.State)
		assert.Equal(t, worker.Running, execution(t, pool, "server").Status())
		assert.Equal(t, worker.Stopped, execution(t, pool, "scheduled").Status(), "at once")
		assert.Equal(t, worker.Stopped, execution(t, pool, "deferred").Status(), "at once")
		require.ErrorIs(t, pool.RestartWorker(t.Context(), "server"), worker.ErrPoolNotStarted)

		time.Sleep(4 * time.Second)
		assert.Equal(t, worker.Error, execution(t, pool, "failing").Status(), "it is not restarted")
		assert.Equal(t, worker.Running, execution(t, pool, "server").Status())
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, worker.PoolStopped, pool.State())
		assert.Equal(t, 15500*time.Millisecond, execution(t, pool, "server").EndedAt().Sub(start))
	})
}

// Where nobody is left, nobody is waited for.
func TestStopDelayEndsWithTheLastWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalStopDelay(time.Hour), worker.WithWorker(do("job", func(context.Context) error {
			time.Sleep(time.Minute)

			return nil
		})))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
		assert.Equal(t, time.Minute, time.Since(start))

		require.NoError(t, pool.Run(t.Context()))
		assert.Equal(t, 2*time.Minute, time.Since(start), "Run does not wait for a delay when all have ended")
	})
}

func TestStopDelayIsCutShortByTheStopTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told time.Duration
		pool := newPool(t, worker.WithGlobalStopDelay(time.Hour), worker.WithGlobalStopTimeout(10*time.Second), worker.WithWorker(do("job", func(ctx context.Context) error {
			<-ctx.Done()
			told = time.Since(start)
			time.Sleep(time.Second)

			return nil
		})))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		err := pool.Stop()
		var stop *worker.StopError
		require.ErrorAs(t, err, &stop)
		assert.Zero(t, stop.Workers[0].Told, "only now")
		assert.Equal(t, 10*time.Second, time.Since(start))
		require.NoError(t, pool.Stop())
		assert.Equal(t, 10*time.Second, told)
	})
}

func TestStopDelayOfAStopByAWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalStopDelay(5*time.Second), worker.WithWorker(do("server", block)),
			worker.WithWorker(do("vital", fail), worker.WithStopPoolOnFailure()))
		require.EqualError(t, pool.Run(t.Context()), "worker vital: boom")
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

// StopWorker is no stop of the pool, and its answer does not wait.
func TestStopDelayDoesNotDelayStopWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalStopDelay(5*time.Second), worker.WithWorker(do("job", block)), worker.WithWorker(do("other", block)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.StopWorker(t.Context(), "job"))
		assert.Zero(t, time.Since(start))
		require.NoError(t, pool.Stop())
	})
}

func TestStopErrors(t *testing.T) {
	closed := func(err error) bool { return errors.Is(err, http.ErrServerClosed) }
	whenTold := func(err error) run {
		return func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("serving: %w", err) }
	}

	for name, test := range map[string]struct {
		run     run
		options []worker.WorkerExecutionOption
		global  func(error) bool
		status  worker.WorkerStatus
	}{
		"its error":                 {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(closed)}, nil, worker.Stopped},
		"without the option":        {whenTold(http.ErrServerClosed), nil, nil, worker.Error},
		"another error":             {whenTold(io.EOF), []worker.WorkerExecutionOption{worker.WithStopErrors(closed)}, nil, worker.Error},
		"its context's own":         {block, []worker.WorkerExecutionOption{worker.WithStopErrors(closed)}, nil, worker.Stopped},
		"the global one":            {whenTold(http.ErrServerClosed), nil, closed, worker.Stopped},
		"its own wins":              {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(func(error) bool { return false })}, closed, worker.Error},
		"its own nil wins":          {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(nil)}, closed, worker.Error},
		"a panic in it means no":    {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(func(error) bool { panic("no") })}, nil, worker.Error},
		"before it is told":         {func(context.Context) error { return http.ErrServerClosed }, []worker.WorkerExecutionOption{worker.WithStopErrors(closed)}, nil, worker.Error},
		"not at a timeout":          {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(closed), worker.WithAttemptTimeout(time.Second)}, nil, worker.Error},
		"not at a missed heartbeat": {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(closed), worker.WithHeartbeat(time.Second)}, nil, worker.Error},
		"not where it is not ready": {whenTold(http.ErrServerClosed), []worker.WorkerExecutionOption{worker.WithStopErrors(closed), worker.WithReadiness(time.Second)}, nil, worker.Error},
		"not asked about a success": {untilTold, []worker.WorkerExecutionOption{worker.WithStopErrors(func(err error) bool { return err == nil })}, nil, worker.Success},
		"not asked about a panic":   {func(ctx context.Context) error { <-ctx.Done(); panic(http.ErrServerClosed) }, []worker.WorkerExecutionOption{worker.WithStopErrors(closed)}, nil, worker.Error},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithGlobalStopErrors(test.global), worker.WithWorker(do("job", test.run), test.options...))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(time.Minute)
				require.NoError(t, pool.Stop())
				assert.Equal(t, test.status, execution(t, pool, "job").Status())
			})
		})
	}
}

func TestStopErrorsWholeLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithGlobalStopErrors(func(err error) bool { return errors.Is(err, http.ErrServerClosed) }),
			worker.WithWorker(do("job", func(ctx context.Context) error { <-ctx.Done(); return http.ErrServerClosed })))
		require.NoError(t, pool.Start(logs.context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
		assert.Equal(t, []string{
			`{"level":"info","worker":"job","workerExecutionID":"id-1","message":"starting execution attempt 1/1"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-1","cause":"worker pool was stopped","message":"stopping execution attempt 1/1 on cancellation"}`,
		}, logs.lines())
		assert.Contains(t, executionsText(t, pool), `worker_executions_total{status="stopped",worker="job"} 1`)
	})
}

// Options that change nothing where they are are accepted, as the published module accepts its own. Their docs say so.
func TestOptionsThatDoNothingAreAccepted(t *testing.T) {
	for name, options := range map[string][]worker.WorkerExecutionOption{
		"backoff with one attempt":           {worker.WithBackoff(worker.ConstantBackoff(time.Hour))},
		"healthy after with one attempt":     {worker.WithHealthyAfter(time.Hour)},
		"RestartAlways with one attempt":     {worker.WithRestartPolicy(worker.RestartAlways)},
		"restart limit with one attempt":     {worker.WithRestartLimit(1, time.Hour)},
		"stop errors that are never asked":   {worker.WithStopErrors(func(error) bool { return true })},
		"RestartOnFailure beside a schedule": {worker.WithRestartPolicy(worker.RestartOnFailure), worker.WithSchedule(due())},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", succeed), options...))
				require.NoError(t, pool.Run(t.Context()))
				assert.Equal(t, worker.Success, execution(t, pool, "job").Status())
				assert.Zero(t, time.Since(start))
			})
		})
	}
}

// A heartbeat that is shorter than a periodic worker's interval is missed between two calls, as its docs say.
func TestHeartbeatBelowAPeriodicInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Hour, worker.NewPeriodicWorker("job", time.Minute, succeed), worker.WithHeartbeat(30*time.Second))
		assert.True(t, e.HasEvent("heartbeat missed for 30s"))
		require.ErrorIs(t, e.LastError(), worker.ErrHeartbeatMissed)
	})
}
