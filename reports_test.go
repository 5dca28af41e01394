package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
	"weak"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Public reports of other libraries, each tried here: docs/reliability.md has the table. Those that a test of another theme tries are
// not repeated.

func TestReportsOfOthersAreTested(t *testing.T) {
	declared := map[string]bool{}
	require.NoError(t, filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(read(t, path), -1) {
				declared[match[1]] = true
			}
		}
		return err
	}))

	_, text, ok := strings.Cut(read(t, "docs/reliability.md"), "\n## What happened to others\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "\n## Coverage\n")
	rows := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") || strings.HasSuffix(line, "| test |\n") {
			continue
		}
		rows++
		named := regexp.MustCompile("`(Test\\w+)").FindAllStringSubmatch(line, -1)
		assert.NotEmpty(t, named, line)
		for _, name := range named {
			assert.True(t, declared[name[1]], "%s, of: %s", name[1], line)
		}
	}
	assert.Greater(t, rows, 60)
}

func TestPanicWithAValueThatContainsItself(t *testing.T) {
	loop := map[string]any{}
	loop["loop"] = []any{loop}
	type node struct{ Next any }
	ring := &node{}
	ring.Next = ring
	for _, value := range []any{loop, ring, []any{loop}, struct{ Loop any }{loop}} {
		synctest.Test(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { panic(value) })))
			require.Error(t, pool.Run(t.Context()))
			assert.Less(t, len(pool.Report().Workers[0].LastError), 4097)
		})
	}
}

func TestContextOfStartKeepsNothingOfAStoppedPool(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := func() weak.Pointer[worker.WorkerPool] {
		pool := newPool(t, worker.WithWorker(do("job", block)), worker.WithWorker(do("late", block), worker.WithStopStage(1)))
		require.NoError(t, pool.Start(ctx))
		require.NoError(t, pool.Stop())
		return weak.Make(pool)
	}()
	assert.Eventually(t, func() bool { runtime.GC(); return stopped.Value() == nil }, 5*time.Second, time.Millisecond)
}

func TestFatalErrorAndStopAtOnce(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("fatal", takes(time.Second, io.EOF)), worker.WithStopPoolOnFailure()),
				worker.WithWorker(do("other", block)))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			require.ErrorIs(t, pool.Run(ctx), io.EOF, "the failure is told, whichever was first")
			assert.Equal(t, worker.Error, execution(t, pool, "fatal").Status())
			assert.Equal(t, worker.Stopped, execution(t, pool, "other").Status())
		})
	}
}

func TestStopWhileANestedPoolStarts(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			inner := newPool(t, worker.WithWorker(do("inner", drain(time.Second))))
			pool := newPool(t, worker.WithWorker(do("outer", inner.Run)))
			require.NoError(t, pool.Start(t.Context()))
			require.NoError(t, pool.Stop())
			assert.Contains(t, []worker.PoolState{worker.PoolNew, worker.PoolStopped}, inner.State(), "nothing is left behind")
		})
	}
}

// goexitInAPanic and panicInAGoexit misbehave in each other's defers.
func goexitInAPanic() { defer runtime.Goexit(); panic("first") }

func panicInAGoexit() { defer panic("second"); runtime.Goexit() }

func TestGoexitAndPanicInEachOthersDefers(t *testing.T) {
	for name, misbehave := range map[string]func(){"a Goexit in a panic": goexitInAPanic, "a panic in a Goexit": panicInAGoexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithGlobalListener(func(worker.Transition) { misbehave() }),
					worker.WithWorker(inOrder("job", func(context.Context) error { misbehave(); return nil }, succeed), worker.WithMaxExecutionsAttempts(2),
						worker.WithBackoff(func(int, error) time.Duration { misbehave(); return 0 })),
					worker.WithWorker(inOrder("wrapped", func(context.Context) error { misbehave(); return nil }, succeed), worker.WithMaxExecutionsAttempts(2),
						worker.WithBackoff(worker.ConstantBackoff(0)), worker.WithMiddlewares(worker.NewTracingMiddleware(), timeoutMiddleware(time.Second))))
				require.NoError(t, pool.Run(t.Context()))
				assert.Equal(t, worker.Success, execution(t, pool, "job").Status())
				assert.Equal(t, 2, execution(t, pool, "wrapped").CurrentExecutionAttempt())
			})
		})
	}
}

func TestListenerRestartsAStuckWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var pool *worker.WorkerPool
		pool = newPool(t, worker.WithWorker(do("job", drain(time.Second)), worker.WithHeartbeat(10*time.Second)),
			worker.WithGlobalListener(func(transition worker.Transition) {
				if transition.Kind == worker.TransitionHeartbeatMissed {
					_ = pool.RestartWorker(within(t, time.Millisecond), transition.Worker) // on the watch's goroutine
				}
			}))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
		assert.Equal(t, 6, executionsOf(t, pool, "started"), "each after 11 s")
		require.NoError(t, pool.Stop())
	})
}

// executionsOf returns what the executions counters of a status add up to.
func executionsOf(t *testing.T, pool *worker.WorkerPool, status string) (total int) {
	t.Helper()
	for _, line := range executionsText(t, pool) {
		if strings.Contains(line, `status="`+status+`"`) {
			n := 0
			_, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &n)
			require.NoError(t, err)
			total += n
		}
	}

	return total
}

type codedError struct{}

func (*codedError) Error() string { return "bad \xff\xfe text" }

func TestFailureIsOneExceptionEventOfValidText(t *testing.T) {
	kind := fmt.Sprintf("%T", &codedError{})
	cases := map[string]struct {
		run  run
		kind string
	}{
		"an error":       {func(context.Context) error { return &codedError{} }, kind},
		"a marked error": {func(context.Context) error { return worker.Permanent(&codedError{}) }, kind},
		"a panic":        {func(context.Context) error { panic(strings.Repeat("\xff", 1<<20)) }, "*worker.PanicError"},
		"after its time": {func(ctx context.Context) error { <-ctx.Done(); return &codedError{} }, kind},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				exporter := tracetest.NewInMemoryExporter()
				pool := newPool(t, worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
					worker.WithWorker(do("job\xff", test.run), worker.WithMiddlewares(worker.NewTracingMiddleware()), worker.WithAttemptTimeout(time.Minute)))
				require.Error(t, pool.Run(t.Context()))
				span := exporter.GetSpans()[0]
				require.Len(t, span.Events, 1)
				texts := []string{span.Name, span.Status.Description}
				for _, attribute := range append(span.Attributes, span.Events[0].Attributes...) {
					texts = append(texts, attribute.Value.Emit())
					if attribute.Key == "exception.type" {
						assert.Equal(t, test.kind, attribute.Value.AsString())
					}
				}
				for _, text := range texts {
					assert.True(t, utf8.ValidString(text))
					assert.LessOrEqual(t, len(text), 32<<10)
				}
			})
		})
	}
}

func TestWhoIsStoppedOnPurposeAlertsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", fail), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Hour)
		assert.NotEqual(t, []string{`worker_consecutive_failures{worker="job"} 0`}, metricsText(t, pool.Metrics(), "worker_consecutive_failures"), "a crash loop shows")
		require.NoError(t, pool.StopWorker(t.Context(), "job"))
		assert.Equal(t, []string{`worker_consecutive_failures{worker="job"} 0`}, metricsText(t, pool.Metrics(), "worker_consecutive_failures"))
		assert.Equal(t, []string{`worker_gave_up{worker="job"} 0`}, metricsText(t, pool.Metrics(), "worker_gave_up"))
		health := pool.Health()
		assert.True(t, health.Live && health.Ready)
		require.NoError(t, pool.Stop())
	})
}

func TestStopSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", block)))
		ctx, cancel := context.WithCancelCause(logs.context())
		require.NoError(t, pool.Start(ctx))
		synctest.Wait()
		cancel(errors.New("the start hook has ended"))
		require.NoError(t, pool.Wait(t.Context()))
		assert.Contains(t, logs.lines()[1], `"cause":"the start hook has ended"`)
		assert.Equal(t, "the start hook has ended", pool.Report().Cause)
		assert.Equal(t, "the start hook has ended", pool.Report().Workers[0].Cause)
		require.NoError(t, pool.Stop())
	})
}

// The context of one that missed its heartbeat has that as its cause; the stop that came after it has another.
func TestStopOfAStuckWorkerSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", drain(time.Hour)), worker.WithHeartbeat(time.Second)))
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(time.Minute)
		require.NoError(t, pool.Stop())
		assert.Equal(t, "worker pool was stopped", pool.Report().Workers[0].Cause)
		lines := logs.lines()
		assert.Contains(t, lines[len(lines)-1], `"cause":"worker pool was stopped","message":"stopping execution attempt 1/1 on cancellation"`)
	})
}

func TestMetricsBehindAWrappedRegistererWhileSeriesCome(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	pool := newPool(t, worker.WithGenerator(nil))
	require.NoError(t, prometheus.WrapRegistererWith(prometheus.Labels{"service": "mail"}, prometheus.WrapRegistererWithPrefix("app_", registry)).Register(pool.Metrics()))
	require.NoError(t, pool.Start(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 500 {
			assert.NoError(t, pool.Add(worker.NewWorkerRegistration(do(fmt.Sprint(i), succeed))))
		}
	}()
	for more := true; more; {
		_, err := registry.Gather()
		require.NoError(t, err)
		select {
		case <-done:
			more = false
		default:
		}
	}
	require.NoError(t, pool.Wait(t.Context()))
	assert.Contains(t, scrape(registry), `app_worker_executions_total{service="mail",status="success",worker="499"} 1`)
	require.NoError(t, pool.Stop())
}

// TestHookOfTheLoggerThatMisbehaves: the line is lost, not the worker.
func TestHookOfTheLoggerThatMisbehaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out logBuffer
		logger := zerolog.New(&out).Hook(zerolog.HookFunc(func(event *zerolog.Event, _ zerolog.Level, _ string) {
			_ = event.GetCtx().Value("tenant")
			panic("no hook")
		}))
		pool := newPool(t, worker.WithWorker(do("job", succeed)))
		require.NoError(t, pool.Run(logger.WithContext(t.Context())))
		assert.Equal(t, worker.Success, execution(t, pool, "job").Status())
		assert.Equal(t, []string{""}, out.lines())
	})
}
