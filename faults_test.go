package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

func TestNilOptionsAreTheDefaults(t *testing.T) {
	pool := newPool(t, worker.WithGenerator(nil), worker.WithMetrics(nil), worker.WithGlobalListener(nil), worker.WithWorker(do("job", succeed)))
	require.NoError(t, pool.Run(t.Context()))

	assert.Len(t, execution(t, pool, "job").Id(), 36)
	assert.Len(t, executionsText(t, pool), 2)
	assert.NotNil(t, pool.Options().Generator)
}

type panickyIs struct{}

func (panickyIs) Error() string { return "panicky" }
func (panickyIs) Is(error) bool { panic("in Is") }

func TestErrorWhoseIsPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Second, do("job", func(ctx context.Context) error { <-ctx.Done(); return panickyIs{} }))
		assert.Equal(t, []string{
			"starting execution attempt 1/1", "stopping execution attempt 1/1 with recovered panic: in Is", "max execution attempts reached",
		}, messages(e))
		assert.Equal(t, worker.Error, e.Status())
	})
}

// A nil pointer that Run returns is an error, as Go has it, whatever its type's methods would do with it.
func TestNilPointersThatAreErrors(t *testing.T) {
	stopped := func(ctx context.Context) error { <-ctx.Done(); return (*fs.PathError)(nil) }
	for name, run := range map[string]func(context.Context) error{
		"a wrapper":           func(context.Context) error { return (*fs.PathError)(nil) },
		"a wrapper on a stop": stopped,
		"a panic's":           func(context.Context) error { return (*worker.PanicError)(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, time.Second, do("job", run))
				assert.Equal(t, "stopping execution attempt 1/1 with error: <nil>", messages(e)[1])
				assert.Equal(t, worker.Error, e.Status())
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

func TestNameOfInvalidUTF8(t *testing.T) {
	const name = "bad-\xff\xfename"

	var logs logBuffer
	pool := newPool(t, worker.WithWorker(do(name, succeed)))
	require.NoError(t, pool.Run(logs.context()))

	assert.Equal(t, worker.Success, execution(t, pool, name).Status(), "it is found under its own name")
	assert.Equal(t, `worker_executions_total{status="started",worker="bad_`+"\uFFFD"+`name"} 1`, executionsText(t, pool)[0])
	for _, line := range logs.lines() {
		assert.True(t, utf8.ValidString(line))
		assert.True(t, json.Valid([]byte(line)), line)
	}
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
