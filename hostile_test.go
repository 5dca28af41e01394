package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Values that users hand over, whose methods misbehave: contexts, errors, causes, ids, labels, schedules.

// recycledContext is one of a request that has ended: from then on its methods misbehave.
type recycledContext struct {
	context.Context
	recycled  atomic.Bool
	misbehave func()
}

func (c *recycledContext) check() {
	if c.recycled.Load() {
		c.misbehave()
	}
}

func (c *recycledContext) Value(key any) any           { c.check(); return c.Context.Value(key) }
func (c *recycledContext) Err() error                  { c.check(); return c.Context.Err() }
func (c *recycledContext) Done() <-chan struct{}       { c.check(); return c.Context.Done() }
func (c *recycledContext) Deadline() (time.Time, bool) { c.check(); return c.Context.Deadline() }

var misbehaviours = map[string]func(){
	"panics":  func() { panic("recycled") },
	"goexits": runtime.Goexit,
	"hangs":   func() { select {} },
}

// TestStartContextThatMisbehavesLater goes through restarts, requests and a stop with it. No goroutine of the pool may be left, but one
// that hangs in the context itself.
func TestStartContextThatMisbehavesLater(t *testing.T) {
	for name, misbehave := range misbehaviours {
		for _, timeout := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprintf("%s, attempt timeout %s", name, timeout), func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				release, misbehave := make(chan struct{}), misbehave
				if name == "hangs" {
					misbehave = func() { <-release }
				}
				recycled := &recycledContext{Context: ctx, misbehave: misbehave}
				pool := newPool(t, worker.WithWorker(inOrder("job", fail, panics, goexits, block), worker.WithMaxExecutionsAttempts(5),
					worker.WithAttemptTimeout(timeout), worker.WithDeferredStartThreshold(0.01)),
					worker.WithWorker(do("other", block)))
				require.NoError(t, pool.Start(recycled))
				recycled.recycled.Store(true)

				await := func(n int) {
					require.Eventually(t, func() bool {
						e := execution(t, pool, "job")
						return e.Status() == worker.Running && e.CurrentExecutionAttempt() == n
					}, soon(5*time.Second), time.Millisecond)
				}
				await(4)
				require.NoError(t, pool.RestartWorker(within(t, soon(5*time.Second)), "other"))
				assert.Len(t, pool.Report().Workers, 2)
				require.NoError(t, pool.Shutdown(within(t, soon(5*time.Second))))
				assert.Equal(t, worker.PoolStopped, pool.State())
				require.NoError(t, pool.Start(t.Context()))
				require.NoError(t, pool.Stop())
				close(release)
			})
		}
	}
}

func TestEndOfAStartContextThatMisbehaves(t *testing.T) {
	for _, name := range []string{"panics", "goexits"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			recycled := &recycledContext{Context: ctx, misbehave: misbehaviours[name]}
			pool := newPool(t, worker.WithWorker(do("job", block)))
			require.NoError(t, pool.Start(recycled))
			recycled.recycled.Store(true)
			cancel()
			require.NoError(t, pool.Wait(within(t, soon(5*time.Second))))
			require.NoError(t, pool.Stop())
		})
	}
}

// handMadeContext is one of no package's, which has nothing to say at its end but what its function does.
type handMadeContext struct {
	context.Context
	done chan struct{}
	err  func() error
}

func (c *handMadeContext) Done() <-chan struct{} { return c.done }
func (c *handMadeContext) Err() error            { return c.atEnd() }
func (c *handMadeContext) Value(any) any         { return c.atEnd() }

func (c *handMadeContext) atEnd() error {
	select {
	case <-c.done:
		return c.err()
	default:
		return nil
	}
}

// eachHandMadeContext runs a test with contexts that misbehave once they are done; end ends one.
func eachHandMadeContext(t *testing.T, test func(t *testing.T, ctx context.Context, end func())) {
	t.Helper()
	errs := map[string]func() error{"knows nothing": func() error { return nil }}
	for name, misbehave := range misbehaviours {
		errs[name] = func() error { misbehave(); return nil }
	}
	for name, err := range errs {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				if name == "hangs" {
					err = func() error { <-release; return nil }
				}
				c := &handMadeContext{t.Context(), make(chan struct{}), err}
				test(t, c, func() { close(c.done) })
			})
		})
	}
}

func TestEndOfAHandMadeStartContext(t *testing.T) {
	eachHandMadeContext(t, func(t *testing.T, ctx context.Context, end func()) {
		pool := newPool(t, worker.WithWorker(do("job", block)))
		time.AfterFunc(time.Second, end)
		require.NoError(t, pool.Run(ctx))
		assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
		assert.LessOrEqual(t, time.Since(start), 2*time.Second)
	})
}

// TestEndOfAHandMadeContextOfAWait: what package context has a goroutine of its own for must not end the process there.
func TestEndOfAHandMadeContextOfAWait(t *testing.T) {
	for name, wait := range map[string]func(pool *worker.WorkerPool, ctx context.Context) error{
		"WaitReady":     func(pool *worker.WorkerPool, ctx context.Context) error { return pool.WaitReady(ctx) },
		"Wait":          func(pool *worker.WorkerPool, ctx context.Context) error { return pool.Wait(ctx) },
		"StopWorker":    func(pool *worker.WorkerPool, ctx context.Context) error { return pool.StopWorker(ctx, "job") },
		"RestartWorker": func(pool *worker.WorkerPool, ctx context.Context) error { return pool.RestartWorker(ctx, "job") },
		"Unregister":    func(pool *worker.WorkerPool, ctx context.Context) error { return pool.Unregister(ctx, "job") },
		"Shutdown":      func(pool *worker.WorkerPool, ctx context.Context) error { return pool.Shutdown(ctx) },
		"Shutdown once it has expired": func(pool *worker.WorkerPool, ctx context.Context) error {
			bounded, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			_ = pool.Shutdown(bounded)
			return pool.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachHandMadeContext(t, func(t *testing.T, ctx context.Context, end func()) {
				release := make(chan struct{})
				pool := newPool(t, worker.WithGlobalStopTimeout(time.Hour), worker.WithWorker(do("job", deaf(release)), worker.WithReadiness(0)))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				time.AfterFunc(time.Second, end)
				require.ErrorIs(t, wait(pool, ctx), context.Canceled)
				assert.LessOrEqual(t, time.Since(start), 2*time.Second)
				close(release)
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// datedContext is one that was detached from another, or merged with one, by hand, and has kept its deadline.
type datedContext struct {
	context.Context
	done <-chan struct{}
}

func (c datedContext) Done() <-chan struct{} { return c.done }
func (datedContext) Err() error              { return nil }

func TestDeadlineOfAStartContextThatDoesNotEndThen(t *testing.T) {
	for name, done := range map[string]bool{"is never done": false, "may be done later": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := datedContext{Context: within(t, time.Second)}
				if done {
					c.done = make(chan struct{})
				}
				pool := newPool(t, worker.WithWorker(do("job", block), worker.WithAttemptTimeout(time.Minute)))
				require.NoError(t, pool.Start(c))
				time.Sleep(time.Hour)
				assert.Equal(t, []string{
					"+0s id-1 starting execution attempt 1/1", "+1m0s id-1 attempt timed out after 1m0s",
					"+1m0s id-1 stopping execution attempt 1/1 with error: attempt timed out: context deadline exceeded",
					"+1m0s id-1 max execution attempts reached",
				}, timeline(execution(t, pool, "job")))
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// panickySpan is a span of which nothing can be known.
type panickySpan struct{ oteltrace.Span }

func (panickySpan) SpanContext() oteltrace.SpanContext { panic("no span") }

// sameContext has the same value for every key.
type sameContext struct {
	context.Context
	value any
}

func (c sameContext) Value(any) any { return c.value }

func TestStartContextOfValuesThatMisbehave(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"a span":                          oteltrace.ContextWithSpan(context.Background(), panickySpan{}),
		"a nil logger":                    sameContext{context.Background(), (*zerolog.Logger)(nil)},
		"a span for whoever asks":         sameContext{context.Background(), panickySpan{}},
		"a value that cannot be compared": sameContext{context.Background(), []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", succeed)))
				require.NoError(t, pool.Run(ctx))
				assert.Equal(t, worker.Success, execution(t, pool, "job").Status())
			})
		})
	}
}

// loopError wraps itself; loopErrors is a list with itself.
type (
	loopError  struct{}
	loopErrors struct{}
)

func (e *loopError) Error() string { return "loop" }
func (e *loopError) Unwrap() error { return e }

func (e *loopErrors) Error() string   { return "loops" }
func (e *loopErrors) Unwrap() []error { return []error{e, e, io.EOF} }

func TestErrorsThatContainThemselves(t *testing.T) {
	for _, err := range []error{&loopError{}, &loopErrors{}} {
		for name, when := range map[string]run{
			"at once":   func(context.Context) error { return err },
			"on a stop": func(ctx context.Context) error { <-ctx.Done(); return err },
			"permanent": func(context.Context) error { return worker.Permanent(err) },
			"a panic":   func(context.Context) error { panic(err) },
		} {
			t.Run(err.Error()+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					pool := newPool(t, worker.WithWorker(do("job", when), worker.WithMaxExecutionsAttempts(2),
						worker.WithMiddlewares(worker.NewTracingMiddleware())))
					require.NoError(t, pool.Start(t.Context()))
					time.Sleep(time.Minute)
					require.NoError(t, pool.Stop())
					assert.Equal(t, worker.Error, execution(t, pool, "job").Status())
					assert.Contains(t, pool.Report().Workers[0].LastError, "loop")
				})
			})
		}
	}
}

func TestCauseThatCannotBeCompared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }),
			worker.WithHeartbeat(time.Minute), worker.WithAttemptTimeout(time.Hour), worker.WithMiddlewares(worker.NewTracingMiddleware())))
		ctx, cancel := context.WithCancelCause(t.Context())
		require.NoError(t, pool.Start(ctx))
		synctest.Wait()
		cancel(uncomparableErrors{io.EOF})
		require.NoError(t, pool.Wait(context.Background()), "not a panic")
		e := execution(t, pool, "job")
		assert.Equal(t, worker.Stopped, e.Status(), e.Events())
		assert.True(t, pool.Health().Live)
		require.NoError(t, pool.Stop())
	})
}

func TestReportOfACauseThatMisbehaves(t *testing.T) {
	for name, misbehave := range misbehaviours {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				if name == "hangs" {
					misbehave = func() { <-release }
				}
				pool := newPool(t)
				for i := range 10 {
					pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), drain(time.Minute))))
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				require.NoError(t, pool.Start(ctx))
				synctest.Wait()
				cancel(errorFunc(func() string { misbehave(); return "" }))
				synctest.Wait()
				assert.Len(t, pool.Report().Workers, 10)
				assert.Len(t, pool.Report().Workers, 10)
				assert.LessOrEqual(t, time.Since(start), 100*time.Millisecond, "it is asked once, and not for long")
				close(release)
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// TestLinesOnACauseThatMisbehaves: it is no worker's own, so it holds none up.
func TestLinesOnACauseThatMisbehaves(t *testing.T) {
	for name, misbehave := range misbehaviours {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				if name == "hangs" {
					misbehave = func() { <-release }
				}
				var logs logBuffer
				pool := newPool(t, worker.WithPoolLogs(), worker.WithWorker(do("a", block)), worker.WithWorker(do("b", block)))
				ctx, cancel := context.WithCancelCause(logs.context())
				require.NoError(t, pool.Start(ctx))
				synctest.Wait()
				cancel(errorFunc(func() string { misbehave(); return "" }))
				require.NoError(t, pool.Stop())
				assert.LessOrEqual(t, time.Since(start), 200*time.Millisecond, "it is asked once, and not for long")
				lines := logs.lines()
				require.Len(t, lines, 1+2+2+1)
				for _, line := range lines[3:] {
					assert.Contains(t, line, `"cause":"`)
				}
			})
		})
	}
}

// TestErrorThatHangsLaterHoldsUpItsWorkerAlone is about what a worker has failed with, which is why the others are told to stop.
func TestErrorThatHangsLaterHoldsUpItsWorkerAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var hangs atomic.Bool
		err := errorFunc(func() string {
			if hangs.Load() {
				<-release
			}
			return "boom"
		})
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { return err }), worker.WithStopPoolOnFailure()),
			worker.WithWorker(do("other", block)), worker.WithGlobalListener(func(transition worker.Transition) {
				if transition.Kind == worker.TransitionExhausted {
					hangs.Store(true)
				}
			}))
		require.NoError(t, pool.Start(logs.context()))
		_ = pool.Wait(within(t, time.Minute))
		assert.LessOrEqual(t, time.Since(start), time.Second)
		assert.Equal(t, worker.Stopped, execution(t, pool, "other").Status())
		require.NoError(t, pool.Stop())
	})
}

// TestReaderOfIDsThatFails is not parallel, since package uuid has one reader for all.
func TestReaderOfIDsThatFails(t *testing.T) {
	uuid.SetRand(iotestReader{})
	defer uuid.SetRand(nil)

	pool := newPool(t, worker.WithGenerator(nil), worker.WithWorker(inOrder("job", fail, succeed), worker.WithMaxExecutionsAttempts(2)),
		worker.WithWorker(do("second", succeed)))
	require.NoError(t, pool.Run(context.Background()))
	assert.Len(t, execution(t, pool, "job").Id(), 36)
	assert.Equal(t, 2, execution(t, pool, "job").CurrentExecutionAttempt())
	assert.NotEqual(t, execution(t, pool, "job").Id(), execution(t, pool, "second").Id())
}

type iotestReader struct{}

func (iotestReader) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

// TestTracingMiddlewareOutlivesItsAttempt is for the race detector: a goroutine that a middleware has left behind calls the traced Run
// while later attempts run.
func TestTracingMiddlewareOutlivesItsAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		late := make(chan error, 50)
		leaves := middleware("leaves", func(ctx context.Context, next worker.HandlerFunc) error {
			go func() {
				time.Sleep(time.Millisecond)
				late <- next(ctx)
			}()
			return errors.New("boom")
		})
		exporter := tracetest.NewInMemoryExporter()
		pool := newPool(t, worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
			worker.WithWorker(do("job", succeed), worker.WithMaxExecutionsAttempts(50),
				worker.WithMiddlewares(leaves, worker.NewTracingMiddleware())))
		require.Error(t, pool.Run(t.Context()))
		for range cap(late) {
			if err := <-late; err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
		}
		for _, span := range exporter.GetSpans() {
			assert.Equal(t, "worker job", span.Name)
		}
	})
}

// TestStackOfAWorkerWithLabelsOfItsOwn is not parallel, since the stacks of all goroutines of the process are looked through.
func TestStackOfAWorkerWithLabelsOfItsOwn(t *testing.T) {
	for name, relabel := range map[string]func(ctx context.Context, f func(context.Context)){
		"another worker": func(ctx context.Context, f func(context.Context)) { pprof.Do(ctx, pprof.Labels("worker", "mine"), f) },
		"more labels":    func(ctx context.Context, f func(context.Context)) { pprof.Do(ctx, pprof.Labels("tenant", "mine"), f) },
		"none": func(ctx context.Context, f func(context.Context)) {
			pprof.SetGoroutineLabels(context.Background())
			f(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var logs logBuffer
				pool := newPool(t, worker.WithWorker(do("relabelled", func(ctx context.Context) error {
					relabel(ctx, func(context.Context) { waitForRelease(release) })
					return nil
				}), worker.WithHeartbeat(10*time.Second)))
				pprof.Do(logs.context(), pprof.Labels("worker", "the program's own"), func(ctx context.Context) { require.NoError(t, pool.Start(ctx)) })
				time.Sleep(time.Minute)
				var line struct{ Error, Stack string }
				require.NoError(t, json.Unmarshal([]byte(logs.lines()[1]), &line))
				assert.Contains(t, line.Stack, "waitForRelease", "in the line of the missed heartbeat")
				assert.Empty(t, line.Error, "10s before")

				var stop *worker.StopError
				require.ErrorAs(t, pool.Shutdown(within(t, time.Second)), &stop)
				assert.Contains(t, stop.Workers[0].Stack, "waitForRelease")
				assert.NotContains(t, stop.Workers[0].Stack, "(*generation)", "none of the pool's own goroutines")
				close(release)
				require.NoError(t, pool.Stop())
			})
		})
	}
}

func TestReportOfNullAndOfNoStatus(t *testing.T) {
	r := worker.WorkerReport{Name: "job", Status: worker.Stuck}
	require.NoError(t, r.UnmarshalJSON([]byte("null")))
	assert.Equal(t, worker.WorkerReport{Name: "job", Status: worker.Stuck}, r, "null changes nothing, as of all types")

	require.NoError(t, json.Unmarshal([]byte(`{"name":"other"}`), &r))
	assert.Equal(t, "other", r.Name)
	require.NoError(t, json.Unmarshal([]byte(`{"status":"of a later version"}`), &r))
	assert.Equal(t, worker.Unknown, r.Status)
	require.NoError(t, json.Unmarshal([]byte(`{"status":"pending"}`), &r))
	assert.Equal(t, worker.Pending, r.Status)

	var all []worker.WorkerReport
	require.NoError(t, json.NewDecoder(bytes.NewReader([]byte(`[null,{"status":"running"}]`))).Decode(&all))
	assert.Equal(t, []worker.WorkerStatus{worker.Unknown, worker.Running}, []worker.WorkerStatus{all[0].Status, all[1].Status})
}

func TestInfiniteDeferralNeverEnds(t *testing.T) {
	for name, threshold := range map[string]float64{"infinite": math.Inf(1), "400 years": 400 * 365 * 24 * 3600} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithDeferredStartThreshold(threshold)))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(200 * 365 * 24 * time.Hour)
				assert.Equal(t, worker.Deferred, execution(t, pool, "job").Status())
				time.Sleep(100 * 365 * 24 * time.Hour)
				assert.Equal(t, worker.Deferred, execution(t, pool, "job").Status(), "a duration has 292 years")
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// TestGoexitInAnOptionIsTheCallers: t.FailNow in a test's option, or in a Name, ends that test; a panic is an error.
func TestGoexitInAnOptionIsTheCallers(t *testing.T) {
	create := func(options ...worker.WorkerPoolOption) (returned bool, err error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err = worker.NewDefaultWorkerPoolFactory().Create(options...)
			returned = true
		}()
		<-done
		return returned, err
	}
	misbehaving := func(misbehave func()) map[string]worker.WorkerPoolOption {
		return map[string]worker.WorkerPoolOption{
			"pool option":   func(*worker.PoolOptions) { misbehave() },
			"worker option": worker.WithWorker(do("job", succeed), func(*worker.ExecutionOptions) { misbehave() }),
		}
	}
	for name, option := range misbehaving(runtime.Goexit) {
		returned, _ := create(option)
		assert.False(t, returned, name)
	}
	for name, option := range misbehaving(func() { panic("no option") }) {
		returned, err := create(option)
		assert.True(t, returned, name)
		require.ErrorContains(t, err, "recovered panic: no option", name)
	}
}

// A value that panics with itself is beyond what package fmt recovers.
type (
	selfPanickingString struct{}
	selfPanickingError  struct{}
)

func (v *selfPanickingString) String() string { panic(v) }
func (v *selfPanickingError) Error() string   { panic(v) }

func TestValuesThatPanicWithThemselves(t *testing.T) {
	panicking := func() { panic(&selfPanickingString{}) }
	for name, options := range map[string][]worker.WorkerPoolOption{
		"a panic of Run":       {worker.WithWorker(do("job", func(context.Context) error { panicking(); return nil }))},
		"an error in a panic":  {worker.WithWorker(do("job", func(context.Context) error { panic(&selfPanickingError{}) }))},
		"an error of Run":      {worker.WithWorker(do("job", func(context.Context) error { return &selfPanickingError{} }))},
		"a wrapped error":      {worker.WithWorker(do("job", func(context.Context) error { return worker.Permanent(&selfPanickingError{}) }))},
		"a backoff":            {worker.WithWorker(do("job", fail)), worker.WithGlobalBackoff(func(int, error) time.Duration { panicking(); return 0 })},
		"an id generator":      {worker.WithWorker(do("job", fail)), worker.WithGenerator(generatorFunc(func() string { panicking(); return "" }))},
		"a listener":           {worker.WithWorker(do("job", fail)), worker.WithGlobalListener(func(worker.Transition) { panicking() })},
		"a schedule":           {worker.WithWorker(do("job", fail), worker.WithSchedule(nextFunc(func(time.Time) time.Time { panicking(); return time.Time{} })))},
		"a dependency's error": {worker.WithWorker(do("job", func(context.Context) error { return &selfPanickingError{} }), worker.WithReadyOnSuccess()), worker.WithWorker(do("late", succeed), worker.WithDependsOn("job"))},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var logs logBuffer
				pool := newPool(t, append(options, worker.WithGlobalMaxExecutionsAttempts(2))...)
				err := pool.Run(logs.context())
				require.Error(t, err)
				assert.NotEmpty(t, err.Error())
				assert.Equal(t, worker.Error, execution(t, pool, "job").Status())
				if name != "an id generator" && name != "a backoff" && name != "a listener" {
					assert.Contains(t, pool.Report().Workers[0].LastError, "(panics when it is printed)")
				}
			})
		})
	}
}

// What panics with a value that contains itself is beyond what package fmt prints.
type (
	loopingString struct{}
	loopingError  struct{}
	loopingFormat struct{}
	plainFormat   struct{}
)

func panicInALoop() {
	loop := []any{nil}
	loop[0] = loop
	panic(loop)
}

func (loopingString) String() string           { panicInALoop(); return "" }
func (loopingError) Error() string             { panicInALoop(); return "" }
func (loopingFormat) Format(fmt.State, rune)   { panicInALoop() }
func (plainFormat) Format(s fmt.State, _ rune) { fmt.Fprint(s, "as it likes") }

func TestValuesWhosePrintHasNoEnd(t *testing.T) {
	loop := []any{nil}
	loop[0] = loop
	var typedNil *panickyError
	for text, value := range map[string]any{
		"[]interface {} (too deep to print)":                           reflect.ValueOf(loop),
		"%!v(PANIC=String method: []interface {} (too deep to print))": loopingString{},
		"%!v(PANIC=Error method: []interface {} (too deep to print))":  loopingError{},
		"%!v(PANIC=Format method: []interface {} (too deep to print))": loopingFormat{},
		"as it likes": plainFormat{},
		"<nil>":       typedNil,
		"1h0m0s":      reflect.ValueOf(time.Hour),
		"[1 2]":       reflect.ValueOf([]int{1, 2}),
		"<int Value>": reflect.ValueOf(reflect.ValueOf(1)),
	} {
		t.Run(text, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { panic(value) })))
				require.EqualError(t, pool.Run(t.Context()), "worker job: recovered panic: "+text)
				if err, ok := value.(error); ok {
					pool = newPool(t, worker.WithWorker(do("job", func(context.Context) error { return err })))
					require.EqualError(t, pool.Run(t.Context()), "worker job: "+text)
				}
			})
		})
	}
}

func TestCauseOfAStopThatPanicsWithItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithPoolLogs(), worker.WithWorker(do("job", block)))
		ctx, cancel := context.WithCancelCause(logs.context())
		require.NoError(t, pool.Start(ctx))
		synctest.Wait()
		cancel(&selfPanickingError{})
		require.NoError(t, pool.Wait(t.Context()))
		report := pool.Report()
		assert.Equal(t, "*worker_test.selfPanickingError (panics when it is printed)", report.Cause)
		assert.Equal(t, report.Cause, report.Workers[0].Cause)
		require.NoError(t, pool.Stop())
		assert.Contains(t, logs.lines()[2], `"cause":"*worker_test.selfPanickingError (panics when it is printed)"`)
	})
}

// The cause of a stop is nobody's own: where its text does not come, no worker is held up by it.
func TestCauseOfAStopWhoseTextBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var logs logBuffer
		pool := newPool(t, worker.WithPoolLogs(), worker.WithGlobalStopTimeout(time.Minute), worker.WithWorker(do("a", block)),
			worker.WithWorker(do("b", block)), worker.WithWorker(do("c", succeed), worker.WithDeferredStartThreshold(3600)))
		ctx, cancel := context.WithCancelCause(logs.context())
		require.NoError(t, pool.Start(ctx))
		synctest.Wait()
		cancel(errorFunc(func() string { <-release; return "" }))
		require.NoError(t, pool.Stop())
		assert.LessOrEqual(t, time.Since(start), time.Second)
		for name, e := range pool.Executions() {
			assert.Equal(t, worker.Stopped, e.Status(), name)
		}
		assert.Len(t, logs.lines(), 8, "none is lost")
	})
}

// TestOptionThatKeepsWhatItWasGiven writes to the options of workers that run with them.
func TestOptionThatKeepsWhatItWasGiven(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var all []*worker.ExecutionOptions
		middlewares := []worker.Middleware{middleware("mine", func(ctx context.Context, next worker.HandlerFunc) error { return next(ctx) })}
		keep := func(o *worker.ExecutionOptions) {
			o.Middlewares = middlewares
			all = append(all, o)
		}
		options := []worker.WorkerExecutionOption{keep, worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(time.Minute))}
		pool := newPool(t, worker.WithWorker(inOrder("job", fail, block), options...), worker.WithWorker(do("other", block), options...))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		middlewares[0] = nil
		for _, kept := range all {
			*kept = worker.ExecutionOptions{DependsOn: []string{"nobody"}, RestartLimit: 1, HealthyAfter: 1, StopStage: 7}
		}
		time.Sleep(time.Hour)
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
		assert.Equal(t, 2, execution(t, pool, "job").CurrentExecutionAttempt())
		assert.NotContains(t, execution(t, pool, "job").Middlewares(), nil)
		assert.Empty(t, pool.Report().Workers[0].DependsOn)
		require.NoError(t, pool.Stop())
	})
}

// TestCollectorThatNobodyReadsFrom leaves a Collect behind at each of its samples: it holds up no worker and no call.
func TestCollectorThatNobodyReadsFrom(t *testing.T) {
	count := func(pool *worker.WorkerPool) (n int) {
		metrics := make(chan prometheus.Metric)
		go func() { defer close(metrics); pool.Metrics().Collect(metrics) }()
		for range metrics {
			n++
		}
		return n
	}
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("a", succeed)), worker.WithWorker(do("b", succeed)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		all := count(pool)
		require.Greater(t, all, 20)

		var left []chan prometheus.Metric
		for read := range all {
			metrics := make(chan prometheus.Metric)
			left = append(left, metrics)
			go func() { defer close(metrics); pool.Metrics().Collect(metrics) }()
			for range read {
				<-metrics
			}
		}
		synctest.Wait()
		require.NoError(t, pool.Add(worker.NewWorkerRegistration(inOrder("new", fail), worker.WithMaxExecutionsAttempts(100))))
		synctest.Wait()
		assert.Equal(t, worker.Error, execution(t, pool, "new").Status())
		require.NoError(t, pool.Unregister(t.Context(), "a"))
		require.NoError(t, pool.Stop())
		for _, metrics := range left {
			for range metrics {
			}
		}
	})
}
