package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type generatorFunc func() string

func (f generatorFunc) Generate() string { return f() }

func TestGeneratorThatMisbehavesFallsBackToTheDefault(t *testing.T) {
	cases := map[string]struct {
		generate generatorFunc
		reason   string
	}{
		"panics":  {func() string { panic("no ids") }, "recovered panic: no ids"},
		"goexits": {func() string { runtime.Goexit(); return "" }, "runtime.Goexit was called"},
		"empty":   {func() string { return "" }, "empty id"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var logs logBuffer
				pool := newPool(t, worker.WithGenerator(test.generate), worker.WithWorker(do("job", succeed)))
				require.NoError(t, pool.Start(logs.context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())

				id := execution(t, pool, "job").Id()
				assert.Len(t, id, 36, "a UUID")
				assert.Equal(t, `{"level":"error","worker":"job","workerExecutionID":"`+id+`","error":"`+test.reason+
					`","message":"worker execution id generator failed, using a default id"}`, logs.lines()[0])
				assert.Equal(t, []string{"starting execution attempt 1/1", "stopping execution attempt 1/1 with success"},
					messages(execution(t, pool, "job")))
			})
		})
	}
}

func TestDefaultIDIsThereFromTheStart(t *testing.T) {
	pool := newPool(t, worker.WithGenerator(nil))
	for i := range 1000 { // more than can have begun when Start returns
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), succeed)))
	}
	require.NoError(t, pool.Start(t.Context()))
	for name, e := range pool.Executions() {
		assert.Len(t, e.Id(), 36, name)
	}
	require.NoError(t, pool.Stop())
}

func TestNilGeneratorAndNilMetricsAreTheDefaults(t *testing.T) {
	pool := newPool(t, worker.WithGenerator(nil), worker.WithMetrics(nil), worker.WithWorker(do("job", succeed)))
	require.NoError(t, pool.Start(t.Context()))
	_ = pool.Wait(context.Background())
	require.NoError(t, pool.Stop())

	assert.Len(t, execution(t, pool, "job").Id(), 36)
	assert.Len(t, executionsText(t, pool), 2)
	assert.NotNil(t, pool.Options().Generator)
}

// writerFunc is a log writer that calls a function for each line.
type writerFunc func(line string)

func (f writerFunc) Write(line []byte) (int, error) {
	f(string(line))

	return len(line), nil
}

// TestLogWriterThatMisbehaves lets each of a worker's log lines go wrong: whatever the writer does, the worker goes on.
func TestMetricsMadeByHandAreRefused(t *testing.T) {
	for _, metrics := range []*worker.WorkerMetrics{nil, {}} {
		require.EqualError(t, metrics.Register(prometheus.NewRegistry()), "metrics were not made by NewWorkerMetrics")
	}
}

func TestLogWriterThatMisbehaves(t *testing.T) {
	for name, misbehave := range map[string]func(){"panics": func() { panic("disk full") }, "goexits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var lines atomic.Int32
				logger := zerolog.New(writerFunc(func(string) { lines.Add(1); misbehave() }))
				pool := newPool(t, worker.WithGenerator(generatorFunc(func() string { return "" })),
					worker.WithWorker(inOrder("job", fail, panics, goexits, succeed),
						worker.WithMaxExecutionsAttempts(5), worker.WithDeferredStartThreshold(1)))
				require.NoError(t, pool.Start(logger.WithContext(t.Context())))
				time.Sleep(2 * time.Second)
				pool.Register(nil, worker.NewWorkerRegistration(do("second", block), worker.WithDeferredStartThreshold(3600)))
				synctest.Wait()
				require.NoError(t, pool.Stop())

				assert.Equal(t, []string{
					"deferring execution attempt for 1 seconds",
					"starting execution attempt 1/5",
					"stopping execution attempt 1/5 with error: boom",
					"restarting after error",
					"starting execution attempt 2/5",
					"stopping execution attempt 2/5 with recovered panic: ouch",
					"restarting after panic recovery",
					"starting execution attempt 3/5",
					"stopping execution attempt 3/5 with runtime.Goexit",
					"restarting after runtime.Goexit",
					"starting execution attempt 4/5",
					"stopping execution attempt 4/5 with success",
				}, messages(execution(t, pool, "job")))
				assert.EqualValues(t, 12+4+1+3, lines.Load(), "events, four ids and the refusal, then the events and the id of the second")
				assert.Equal(t, worker.Stopped, execution(t, pool, "second").Status())
			})
		})
	}
}

type panickyError struct{}

func (*panickyError) Error() string { panic("in Error") }

type goexitError struct{}

func (goexitError) Error() string { runtime.Goexit(); return "" }

type panickyIs struct{}

func (panickyIs) Error() string { return "panicky" }
func (panickyIs) Is(error) bool { panic("in Is") }

func TestErrorsThatMisbehave(t *testing.T) {
	var typedNil *panickyError

	cases := map[string]struct {
		run     run
		stopped bool
		outcome string
	}{
		"typed nil":              {run: func(context.Context) error { return typedNil }, outcome: "with error: <nil>"},
		"typed nil of a wrapper": {run: func(context.Context) error { return (*fs.PathError)(nil) }, outcome: "with error: <nil>"},
		"typed nil on a stop":    {run: func(ctx context.Context) error { <-ctx.Done(); return (*fs.PathError)(nil) }, outcome: "with error: <nil>"},
		"typed nil of a panic":   {run: func(context.Context) error { return (*worker.PanicError)(nil) }, outcome: "with error: <nil>"},
		"Error panics":           {run: func(context.Context) error { return &panickyError{} }, outcome: "with error: %!v(PANIC=Error method: in Error)"},
		"Error goexits":          {run: func(context.Context) error { return goexitError{} }, outcome: "with runtime.Goexit"},
		"Is panics":              {run: func(ctx context.Context) error { <-ctx.Done(); return panickyIs{} }, outcome: "with recovered panic: in Is"},
		"panic with nil":         {run: func(context.Context) error { panic(nil) }, outcome: "with recovered panic: panic called with nil argument"},
		"panic with error":       {run: func(context.Context) error { panic(io.EOF) }, outcome: "with recovered panic: EOF"},
		"value goexits":          {run: func(context.Context) error { panic(goexitError{}) }, outcome: "with runtime.Goexit"},
		"runtime error":          {run: assignToNilMap, outcome: "with recovered panic: assignment to entry in nil map"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", test.run)))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.NoError(t, pool.Stop())

				assert.Equal(t, []string{
					"starting execution attempt 1/1", "stopping execution attempt 1/1 " + test.outcome, "max execution attempts reached",
				}, messages(execution(t, pool, "job")))
				assert.Equal(t, worker.Error, execution(t, pool, "job").Status())
			})
		})
	}
}

func TestPanicStackShowsWhereItCameFrom(t *testing.T) {
	for name, test := range map[string]struct {
		run   run
		where string
	}{
		"panic":  {panics, "worker_test.panics"},
		"Goexit": {goexits, "worker_test.goexits"},
	} {
		t.Run(name, func(t *testing.T) {
			var logs logBuffer
			pool := newPool(t, worker.WithWorker(do("job", test.run)))
			require.Error(t, pool.Run(logs.context()))

			var line struct{ Stack string }
			require.NoError(t, json.Unmarshal([]byte(logs.lines()[1]), &line))
			assert.Contains(t, line.Stack, test.where)
		})
	}
}

func TestNameIsReadOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reads := 0
		changing := &namedWorker{func() string { reads++; return strings.Repeat("x", reads) }}
		pool := newPool(t, worker.WithWorker(changing, worker.WithMaxExecutionsAttempts(2)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())

		assert.Equal(t, 1, reads)
		assert.Equal(t, worker.Success, execution(t, pool, "x").Status())
		assert.Contains(t, pool.Registrations(), "x")
	})
}

func TestNameOfInvalidUTF8(t *testing.T) {
	const name = "bad-\xff\xfename"

	var logs logBuffer
	pool := newPool(t, worker.WithWorker(do(name, succeed)))
	require.NoError(t, pool.Start(logs.context()))
	_ = pool.Wait(context.Background())
	require.NoError(t, pool.Stop())

	assert.Equal(t, worker.Success, execution(t, pool, name).Status(), "it is found under its own name")
	assert.Equal(t, `worker_executions_total{status="started",worker="bad_`+"\uFFFD"+`name"} 1`, executionsText(t, pool)[0])
	for _, line := range logs.lines() {
		assert.True(t, utf8.ValidString(line))
		assert.True(t, json.Valid([]byte(line)), line)
	}
}

func TestWorkersOfOneLabelShareItsSeries(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("a-b", succeed)), worker.WithWorker(do("A_B", succeed)))
	require.NoError(t, pool.Start(t.Context()))
	_ = pool.Wait(context.Background())
	require.NoError(t, pool.Stop())

	assert.Equal(t, []string{
		`worker_executions_total{status="started",worker="a_b"} 2`, `worker_executions_total{status="success",worker="a_b"} 2`,
	}, executionsText(t, pool))
}

func TestStartWithANilContext(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("job", succeed)))
	var none context.Context
	require.EqualError(t, pool.Start(none), "nil context")
	assert.Empty(t, pool.Executions())
}

func TestStartWithADoneContextRunsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("too late"))
		pool := newPool(t, worker.WithWorker(do("job", block), worker.WithMaxExecutionsAttempts(3)))
		require.NoError(t, pool.Start(ctx))
		synctest.Wait()
		require.NoError(t, pool.Stop())

		assert.Equal(t, []string{"stopping before first execution attempt"},
			messages(execution(t, pool, "job")))
	})
}

func TestLoggerOfTheWorkerMayBeUpdated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			worker.CtxLogger(ctx).UpdateContext(func(c zerolog.Context) zerolog.Context { return c.Str("tenant", "a") })
			worker.CtxLogger(ctx).Info().Msg("at work")
			return errors.New("boom")
		}), worker.WithMaxExecutionsAttempts(2)))
		require.NoError(t, pool.Start(logs.context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())

		lines := logs.lines()
		assert.Equal(t, `{"level":"info","worker":"job","workerExecutionID":"id-1","tenant":"a","message":"at work"}`, lines[1])
		assert.Equal(t, `{"level":"info","worker":"job","workerExecutionID":"id-2","tenant":"a","message":"at work"}`, lines[5])
		assert.NotContains(t, strings.Join(append(lines[2:5:5], lines[6:]...), ""), "tenant", "the pool's own lines stay as they are")
	})
}

func TestPoolInsideAWorkerLogsItsOwnFieldsOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		outer := newPool(t, worker.WithWorker(do("outer", func(ctx context.Context) error {
			inner := newPool(t, worker.WithWorker(do("inner", succeed)))
			return inner.Run(ctx)
		})))
		logger := zerolog.New(&logs).With().Str("service", "s").Logger()
		require.NoError(t, outer.Start(logger.WithContext(t.Context())))
		synctest.Wait()
		require.NoError(t, outer.Stop())

		assert.Equal(t, []string{
			`{"level":"info","service":"s","worker":"outer","workerExecutionID":"id-1","message":"starting execution attempt 1/1"}`,
			`{"level":"info","service":"s","worker":"inner","workerExecutionID":"id-1","message":"starting execution attempt 1/1"}`,
			`{"level":"info","service":"s","worker":"inner","workerExecutionID":"id-1","message":"stopping execution attempt 1/1 with success"}`,
			`{"level":"info","service":"s","worker":"outer","workerExecutionID":"id-1","message":"stopping execution attempt 1/1 with success"}`,
		}, logs.lines())
	})
}

// assignToNilMap panics with a runtime.Error.
func assignToNilMap(context.Context) error {
	registrations := worker.PoolOptions{}.Registrations
	registrations["x"] = nil

	return nil
}
