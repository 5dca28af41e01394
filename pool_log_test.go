package worker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPoolLogs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithPoolLogs(), worker.WithWorker(do("slow", drain(time.Minute))), worker.WithWorker(do("quick", block)))
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(time.Hour)
		require.Error(t, pool.Shutdown(within(t, time.Second)))
		require.NoError(t, pool.Stop())

		lines := logs.lines()
		assert.Regexp(t, `^{"level":"info","workers":2,"version":"[^"]+","message":"worker pool started"}$`, lines[0])
		assert.Equal(t, `{"level":"info","cause":"worker pool was stopped","ran":"1h1m0s","took":"1m0s","late":"slow","message":"worker pool stopped"}`,
			lines[len(lines)-1])
	})
}

// A writer that misbehaves, or nobody to log for, changes nothing.
func TestPoolLogsOfAWriterThatMisbehaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithPoolLogs(), worker.WithWorker(do("job", block)))
		for _, ctx := range []context.Context{logging(t, func(string) { panic("disk full") }), t.Context()} {
			require.NoError(t, pool.Start(ctx))
			synctest.Wait()
			assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
			require.NoError(t, pool.Stop())
			assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
		}
	})
}
