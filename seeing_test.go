package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// recorder is a listener that keeps what it is told.
type recorder struct {
	mu    sync.Mutex
	lines map[string][]string // by worker
}

func (r *recorder) listen(transition worker.Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.lines == nil {
		r.lines = map[string][]string{}
	}
	r.lines[transition.Worker] = append(r.lines[transition.Worker], fmt.Sprintf("+%s %s #%d %s->%s %s (%v)",
		transition.At.Sub(start), transition.ExecutionID, transition.Attempt, transition.From, transition.To, transition.Message, transition.Err))
}

func TestListenerIsToldOfEachTransitionInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told recorder
		pool := newPool(t, worker.WithGlobalListener(told.listen), worker.WithWorker(
			inOrder("job", fail, panics, takes(time.Minute, nil)),
			worker.WithMaxExecutionsAttempts(3), worker.WithDeferredStartThreshold(1), worker.WithBackoff(worker.ConstantBackoff(time.Second)),
			worker.WithHeartbeat(10*time.Second)))
		require.ErrorIs(t, pool.Run(t.Context()), worker.ErrHeartbeatMissed)

		assert.Equal(t, []string{
			"+0s id-1 #0 unknown->deferred deferring execution attempt for 1 seconds (<nil>)",
			"+1s id-1 #1 deferred->running starting execution attempt 1/3 (<nil>)",
			"+1s id-1 #1 running->error stopping execution attempt 1/3 with error: boom (boom)",
			"+1s id-1 #1 error->error restarting after error (<nil>)",
			"+1s id-1 #1 error->waiting waiting 1s before execution attempt 2/3 (<nil>)",
			"+2s id-2 #2 waiting->running starting execution attempt 2/3 (<nil>)",
			"+2s id-2 #2 running->error stopping execution attempt 2/3 with recovered panic: ouch (recovered panic: ouch)",
			"+2s id-2 #2 error->error restarting after panic recovery (<nil>)",
			"+2s id-2 #2 error->waiting waiting 1s before execution attempt 3/3 (<nil>)",
			"+3s id-3 #3 waiting->running starting execution attempt 3/3 (<nil>)",
			"+13s id-3 #3 running->stuck heartbeat missed for 10s (heartbeat missed)",
			"+1m3s id-3 #3 stuck->error stopping execution attempt 3/3 with error: heartbeat missed (heartbeat missed)",
			"+1m3s id-3 #3 error->error max execution attempts reached (<nil>)",
		}, told.lines["job"])
	})
}

func TestEventsAreBoundedToTheNewest(t *testing.T) {
	for n, kept := range map[int][]string{
		1: {"max execution attempts reached"},
		4: {"restarting after error", "starting execution attempt 3/3", "stopping execution attempt 3/3 with error: boom", "max execution attempts reached"},
	} {
		pool := newPool(t, worker.WithGlobalMaxEvents(n), worker.WithWorker(do("job", fail), worker.WithMaxExecutionsAttempts(3)))
		require.Error(t, pool.Run(t.Context()))
		e := execution(t, pool, "job")
		assert.Equal(t, kept, messages(e))
		assert.Equal(t, 9-n, e.DroppedEvents())
		assert.False(t, e.HasEvent("starting execution attempt 1/3"))
		assert.Equal(t, 9-n, pool.Report().Workers[0].DroppedEvents)
		assert.Equal(t, kept[0], pool.Report().Workers[0].Events[0].Message)
	}

	for _, n := range []int{0, -1} {
		pool := newPool(t, worker.WithGlobalMaxEvents(n), worker.WithWorker(do("job", fail), worker.WithMaxExecutionsAttempts(500)))
		require.Error(t, pool.Run(t.Context()))
		assert.Len(t, execution(t, pool, "job").Events(), 1500, "no bound")
		assert.Zero(t, execution(t, pool, "job").DroppedEvents())
	}

	byHand := worker.NewWorkerExecution("id", "name", worker.DefaultWorkerExecutionOptions())
	for range worker.DefaultMaxEvents + 1 {
		byHand.AddEvent("x")
	}
	assert.Len(t, byHand.Events(), 1000)
	assert.Equal(t, 1, byHand.DroppedEvents())
}

// TestReport compares the report of a pool with workers in every status, as JSON, with testdata/report.json.
func TestReport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t,
			worker.WithWorker(do("waiting", fail), worker.WithMaxExecutionsAttempts(-1), worker.WithBackoff(worker.ConstantBackoff(time.Hour))),
			worker.WithWorker(do("error <b>&amp;", panics), worker.WithDeferredStartThreshold(1)),
			worker.WithWorker(do("stuck", deaf(release)), worker.WithDeferredStartThreshold(2), worker.WithHeartbeat(10*time.Second), worker.WithStopPoolOnFailure()),
			worker.WithWorker(do("deferred", succeed), worker.WithDeferredStartThreshold(3600)),
			worker.WithWorker(do("success\xff", succeed), worker.WithDeferredStartThreshold(3)),
			worker.WithWorker(do("running", block), worker.WithDeferredStartThreshold(4)),
			worker.WithWorker(do("stopped", block), worker.WithDeferredStartThreshold(5)),
		)
		assert.Equal(t, worker.PoolReport{At: time.Now(), State: worker.PoolNew, Workers: []worker.WorkerReport{}}, pool.Report())
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		require.NoError(t, pool.StopWorker(t.Context(), "stopped"))

		report := pool.Report()
		report.At = report.At.UTC()
		for i := range report.Workers {
			w := &report.Workers[i]
			w.ExecutionID = "ID"
			for _, at := range []*time.Time{&w.Since, &w.StartedAt, &w.EndedAt, &w.NextAttemptAt, &w.LastErrorAt, &w.LastSuccessAt, &w.LastBeatAt} {
				*at = at.UTC()
			}
			if w.LastStack != "" {
				assert.Contains(t, w.LastStack, "worker_test.")
				w.LastStack = "STACK"
			}
			for j := range w.Events {
				w.Events[j].ExecutionID, w.Events[j].At = "ID", w.Events[j].At.UTC()
			}
		}
		got, err := json.MarshalIndent(report, "", "  ")
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile("testdata/report.json", append(got, '\n'), 0o644))
		}
		assert.Equal(t, read(t, "testdata/report.json"), string(got)+"\n")

		var back worker.PoolReport
		require.NoError(t, json.Unmarshal(got, &back))
		for i := range report.Workers {
			report.Workers[i].Name = strings.ToValidUTF8(report.Workers[i].Name, "\uFFFD")
		}
		assert.Equal(t, report, back, "a client reads what was written")
		require.Error(t, json.Unmarshal([]byte(`{"workers": [{"attempt": "one"}]}`), &back))
		require.NoError(t, json.Unmarshal([]byte(`{"workers": [{"status": "of a later version"}]}`), &back))
		assert.Equal(t, worker.Unknown, back.Workers[0].Status)

		require.ErrorIs(t, pool.Shutdown(within(t, time.Second)), worker.ErrStopTimeout)
		assert.Equal(t, worker.PoolStopping, pool.Report().State)
		close(release)
		require.NoError(t, pool.Stop())
		assert.Equal(t, worker.PoolStopped, pool.Report().State)
	})
}

// TestReportIsConsistent reads while 1,000 workers restart: one worker's part is of one moment.
func TestReportIsConsistent(t *testing.T) {
	const workers = 1000

	pool := newPool(t, worker.WithGenerator(nil), worker.WithGlobalMaxEvents(10),
		worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithGlobalBackoff(worker.ConstantBackoff(time.Millisecond)))
	for i := range workers {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprintf("worker-%04d", i), fail)))
	}
	require.NoError(t, pool.Start(context.Background()))

	for range 10 {
		report := pool.Report()
		require.Len(t, report.Workers, workers)
		assert.True(t, slices.IsSortedFunc(report.Workers, func(a, b worker.WorkerReport) int { return strings.Compare(a.Name, b.Name) }))
		for _, w := range report.Workers {
			checkConsistent(t, w)
		}
	}
	require.NoError(t, pool.Stop())
}

func TestReportHasThoseOfThePoolsInside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := newPool(t, worker.WithWorker(do("inner", takes(time.Minute, nil))))
		outer := newPool(t, worker.WithWorker(do("outer", func(ctx context.Context) error { return errors.Join(inner.Run(ctx), block(ctx)) })))
		require.NoError(t, outer.Start(t.Context()))
		synctest.Wait()
		nested := outer.Report().Workers[0].Nested
		require.Len(t, nested, 1)
		assert.Equal(t, inner.Report(), nested[0])
		time.Sleep(time.Hour)
		assert.Empty(t, outer.Report().Workers[0].Nested, "it has stopped")
		require.NoError(t, outer.Stop())
	})
}

// checkConsistent compares the parts of a report that say the same.
func checkConsistent(t *testing.T, w worker.WorkerReport) {
	t.Helper()
	if len(w.Events) == 0 {
		assert.Equal(t, worker.Unknown, w.Status)
		return
	}
	last := w.Events[len(w.Events)-1]

	assert.Equal(t, last.ExecutionID, w.ExecutionID)
	assert.Equal(t, w.Status == worker.Waiting, !w.NextAttemptAt.IsZero(), last.Message)
	assert.Equal(t, w.Status == worker.Running, strings.HasPrefix(last.Message, "starting"), last.Message)
	assert.Equal(t, w.Status == worker.Running, !w.StartedAt.IsZero() && w.EndedAt.IsZero(), last.Message)
	if w.Status == worker.Running {
		assert.Equal(t, w.Attempt-1, w.ConsecutiveFailures)
		assert.Equal(t, last.At, w.Since)
		assert.Equal(t, last.At, w.StartedAt)
	} else {
		assert.Equal(t, w.Attempt, w.ConsecutiveFailures)
		assert.Equal(t, "boom", w.LastError)
	}
}

func TestMetricFamilies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, worker.WithMetrics(worker.NewWorkerMetrics("shop", "jobs")),
			worker.WithWorker(do("up", block), worker.WithHeartbeat(time.Hour)),
			worker.WithWorker(do("stuck", deaf(release)), worker.WithHeartbeat(time.Second)),
			worker.WithWorker(inOrder("flaky", panics, fail, takes(20*time.Second, nil)), worker.WithMaxExecutionsAttempts(3)),
			worker.WithWorker(inOrder("failing", takes(400*time.Millisecond, io.EOF), panics), worker.WithMaxExecutionsAttempts(2)),
		)
		registry := prometheus.NewRegistry()
		require.NoError(t, registry.Register(pool.Metrics()))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		pool.Metrics().IncrementWorkerExecutionStart("by hand")

		for family, want := range map[string][]string{
			"worker_executions_total": {
				`{status="error",worker="failing"} 2`, `{status="error",worker="flaky"} 2`,
				`{status="restarted",worker="failing"} 1`, `{status="restarted",worker="flaky"} 2`,
				`{status="started",worker="by_hand"} 1`, `{status="started",worker="failing"} 2`, `{status="started",worker="flaky"} 3`,
				`{status="started",worker="stuck"} 1`, `{status="started",worker="up"} 1`, `{status="success",worker="flaky"} 1`,
			},
			"worker_up":                        {`{worker="failing"} 0`, `{worker="flaky"} 0`, `{worker="stuck"} 0`, `{worker="up"} 1`},
			"worker_stuck":                     {`{worker="failing"} 0`, `{worker="flaky"} 0`, `{worker="stuck"} 1`, `{worker="up"} 0`},
			"worker_consecutive_failures":      {`{worker="failing"} 2`, `{worker="flaky"} 0`, `{worker="stuck"} 0`, `{worker="up"} 0`},
			"worker_heartbeat_timeout_seconds": {`{worker="stuck"} 1`, `{worker="up"} 3600`},
			"worker_panics_total":              {`{worker="failing"} 1`, `{worker="flaky"} 1`, `{worker="stuck"} 0`, `{worker="up"} 0`},
			"worker_last_success_timestamp_seconds": {
				fmt.Sprintf(`{worker="flaky"} %v`, float64(start.Add(20*time.Second).Unix())),
			},
			"worker_execution_duration_seconds_count": {`{worker="failing"} 2`, `{worker="flaky"} 3`},
			"worker_execution_duration_seconds_sum":   {`{worker="failing"} 0.4`, `{worker="flaky"} 20`},
		} {
			for i := range want {
				want[i] = "shop_jobs_" + family + want[i]
			}
			assert.Equal(t, want, samples(registry, "shop_jobs_"+family))
		}
		bucket := func(le string) string {
			return `shop_jobs_worker_execution_duration_seconds_bucket{worker="failing",le="` + le + `"} `
		}
		text := scrape(registry)
		for _, le := range []string{"0.1", "0.3"} {
			assert.Contains(t, text, bucket(le)+"1\n")
		}
		for _, le := range []string{"1", "3", "10", "30", "60", "300", "900", "3600", "14400", "86400", "+Inf"} {
			assert.Contains(t, text, bucket(le)+"2\n")
		}

		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if strings.HasSuffix(family.GetName(), "duration_seconds") {
				assert.NotNil(t, family.GetMetric()[0].GetHistogram().Schema, "native buckets, too")
			}
		}
		close(release)
		require.NoError(t, pool.Stop())
	})
}

func TestMetricsTellOfHeartbeatsAndSchedules(t *testing.T) {
	bubble(t, func(t *testing.T) {
		metrics := worker.NewWorkerMetrics("", "")
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, registry.Register(metrics))
		pool := newPool(t, worker.WithMetrics(metrics),
			worker.WithWorker(do("neither", block), worker.WithHeartbeat(-time.Second), worker.WithSchedule(nil)),
			worker.WithWorker(do("beats", succeed), worker.WithHeartbeat(90*time.Second)),
			worker.WithWorker(do("scheduled", block), worker.WithSchedule(worker.Every(time.Hour))),
			worker.WithWorker(do("both", block), worker.WithHeartbeat(time.Minute), worker.WithSchedule(worker.Every(time.Second))))
		other := newPool(t, worker.WithMetrics(metrics), worker.WithWorker(do("BOTH", block), worker.WithHeartbeat(100*time.Millisecond)))
		told := func() []string {
			return append(samples(registry, "worker_heartbeat_timeout_seconds"), samples(registry, "worker_scheduled")...)
		}

		assert.Empty(t, told(), "nothing before the start")
		require.NoError(t, pool.Start(t.Context()))
		want := []string{
			`worker_heartbeat_timeout_seconds{worker="beats"} 90`, `worker_heartbeat_timeout_seconds{worker="both"} 60`,
			`worker_scheduled{worker="both"} 1`, `worker_scheduled{worker="scheduled"} 1`,
		}
		time.Sleep(time.Minute)
		assert.Equal(t, want, told(), "of one that has ended, too")
		require.NoError(t, other.Start(t.Context()))
		want[1] = `worker_heartbeat_timeout_seconds{worker="both"} 0.1`
		assert.Equal(t, want, told(), "the shorter one of those that share a series")
		require.NoError(t, pool.Stop())
		require.NoError(t, other.Stop())
		assert.Equal(t, want, told(), "it is what they are, not what they do")
		require.NoError(t, pool.Unregister(t.Context(), "scheduled"))
		assert.Equal(t, want[:3], told())
	})
}

func TestMetricsTellOfAnAttemptThatHasTimedOutAndHasNotReturned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t,
			worker.WithWorker(do("free", deaf(release)), worker.WithAttemptTimeout(-1)),
			worker.WithWorker(do("deaf", deaf(release)), worker.WithAttemptTimeout(time.Minute)),
			worker.WithWorker(do("prompt", block), worker.WithAttemptTimeout(time.Minute)),
			worker.WithWorker(do("anew", block), worker.WithAttemptTimeout(40*time.Second), worker.WithMaxExecutionsAttempts(2)))
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, registry.Register(pool.Metrics()))
		told := func() []string { return samples(registry, "worker_timed_out") }

		assert.Empty(t, told(), "nothing before the start")
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute - 1)
		assert.Equal(t, []string{`worker_timed_out{worker="anew"} 0`, `worker_timed_out{worker="deaf"} 0`, `worker_timed_out{worker="prompt"} 0`}, told())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, []string{`worker_timed_out{worker="anew"} 0`, `worker_timed_out{worker="deaf"} 1`, `worker_timed_out{worker="prompt"} 0`}, told())
		time.Sleep(time.Hour)
		assert.Contains(t, told(), `worker_timed_out{worker="deaf"} 1`)
		for _, w := range pool.Report().Workers {
			assert.Equal(t, w.Name == "deaf", w.TimedOut, w.Name)
		}
		close(release)
		synctest.Wait()
		assert.Contains(t, told(), `worker_timed_out{worker="deaf"} 0`)
		require.NoError(t, pool.Stop())
	})
}

// TestEachMetricFamilyIsLinted has samples of all of them, since nothing else is linted.
func TestEachMetricFamilyIsLinted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("consumer", block), worker.WithHeartbeat(24*time.Hour)),
			worker.WithWorker(do("sync", succeed), worker.WithSchedule(worker.Every(time.Hour)), worker.WithAttemptTimeout(time.Minute)),
		)
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, registry.Register(pool.Metrics()))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(90 * time.Minute)

		families, err := registry.Gather()
		require.NoError(t, err)
		gathered := []string{}
		for _, family := range families {
			gathered = append(gathered, family.GetName())
		}
		assert.ElementsMatch(t, described(pool.Metrics()), gathered)

		problems, err := testutil.GatherAndLint(registry)
		require.NoError(t, err)
		assert.Empty(t, problems)
		require.NoError(t, pool.Stop())
	})
}

// described returns the names of the families that a collector describes.
func described(collector prometheus.Collector) []string {
	descs := make(chan *prometheus.Desc, 100)
	collector.Describe(descs)
	close(descs)

	names := []string{}
	for desc := range descs {
		names = append(names, strings.Split(desc.String(), `"`)[1])
	}

	return names
}

func TestTracingMiddleware(t *testing.T) {
	cases := map[string]struct {
		run    run
		status codes.Code
		text   string
		kind   string // of the recorded exception
		stack  string
	}{
		"success":   {run: succeed},
		"cancelled": {run: block},
		"error":     {run: fail, status: codes.Error, text: "boom", kind: "*errors.errorString"},
		"late":      {run: failLate, status: codes.Error, text: "boom", kind: "*errors.errorString"},
		"panic":     {run: panics, status: codes.Error, text: "recovered panic: ouch", kind: "*worker.PanicError", stack: "worker_test.panics"},
		"cause":     {run: func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }},
		"Goexit":    {run: goexits, status: codes.Error, text: "runtime.Goexit was called", kind: "*errors.errorString", stack: "worker_test.goexits"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				exporter := tracetest.NewInMemoryExporter()
				provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))
				worker.AnnotateTracerProvider(worker.AnnotateTracerProvider(provider)) // twice is once
				var logs logBuffer
				pool := newPool(t, worker.WithTracerProvider(provider), worker.WithGlobalMiddlewares(worker.NewTracingMiddleware()),
					worker.WithWorker(do("job", func(ctx context.Context) error {
						worker.CtxLogger(ctx).Info().Msg("at work")
						return test.run(ctx)
					})))
				require.NoError(t, pool.Start(logs.context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())

				spans := exporter.GetSpans()
				require.Len(t, spans, 1)
				span := spans[0]
				assert.Equal(t, "worker job", span.Name)
				assert.Equal(t, "worker", spans.Snapshots()[0].InstrumentationScope().Name)
				attributes := map[string]any{}
				for _, attribute := range span.Attributes {
					attributes[string(attribute.Key)] = attribute.Value.AsInterface()
				}
				want := map[string]any{"Worker": "job", "WorkerExecutionID": "id-1", "WorkerExecutionAttempt": int64(1)}
				if test.kind != "" {
					want["error.type"] = test.kind
				}
				require.Len(t, span.Attributes, len(want), "none twice")
				assert.Equal(t, want, attributes)
				assert.Equal(t, otelsdktrace.Status{Code: test.status, Description: test.text}, span.Status)
				assert.Contains(t, logs.lines()[1], span.SpanContext.TraceID().String(), "the worker's log is inside the span")

				if test.status == codes.Unset {
					assert.Empty(t, span.Events)
					return
				}
				exception := map[string]string{}
				for _, attribute := range span.Events[0].Attributes {
					exception[string(attribute.Key)] = attribute.Value.AsString()
				}
				assert.Equal(t, "exception", span.Events[0].Name)
				assert.Equal(t, test.kind, exception["exception.type"])
				assert.Equal(t, test.text, exception["exception.message"])
				assert.Contains(t, exception["exception.stacktrace"], test.stack)
				if name == "panic" {
					assert.Contains(t, logs.lines()[2], "worker_test.panics", "the pool's stack still shows where it came from")
				}
			})
		})
	}

	silent := map[string]struct {
		run  run
		text string
	}{
		"returns its context's error": {block, "heartbeat missed: context canceled"},
		"returns the cause":           {func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, "heartbeat missed"},
		"returns nil":                 {untilTold, "heartbeat missed"},
		"beats again and returns nil": {func(ctx context.Context) error {
			<-ctx.Done()
			worker.Heartbeat(ctx)
			time.Sleep(time.Second)
			return nil
		}, "heartbeat missed"},
	}
	for name, test := range silent {
		t.Run("a worker that falls silent, and "+name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				exporter := tracetest.NewInMemoryExporter()
				pool := newPool(t, worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
					worker.WithWorker(do("job", test.run), worker.WithHeartbeat(time.Second), worker.WithMiddlewares(worker.NewTracingMiddleware())))
				err := pool.Run(t.Context())
				require.EqualError(t, err, "worker job: "+test.text)
				assert.Equal(t, otelsdktrace.Status{Code: codes.Error, Description: test.text}, exporter.GetSpans()[0].Status)
			})
		})
	}

	t.Run("outside of a pool", func(t *testing.T) {
		handler := worker.NewTracingMiddleware().Handle()(fail)
		require.EqualError(t, handler(t.Context()), "boom")
		assert.Equal(t, "tracing", worker.NewTracingMiddleware().Name())
	})
}

func TestNoSpanWithoutTheMiddleware(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))
	pool := newPool(t, worker.WithTracerProvider(provider), worker.WithWorker(do("job", fail)))
	require.Error(t, pool.Run(t.Context()))
	assert.Empty(t, exporter.GetSpans())
}

func TestLastErrorIsAskedForItsTextOnce(t *testing.T) {
	asked := 0
	pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { return errorFunc(func() string { asked++; return "boom" }) })))
	_ = pool.Run(t.Context())
	_, _ = pool.Report(), pool.Report()
	assert.Equal(t, 1, asked)
	assert.Equal(t, errors.New("boom").Error(), pool.Report().Workers[0].LastError)
}
