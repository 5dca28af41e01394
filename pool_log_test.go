package worker_test

import (
	"context"
	"strings"
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

// A writer that hangs holds up no start, no stop, no refusal.
func TestPoolLogsOfAWriterThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		hangs := func(line string) {
			if strings.Contains(line, "worker pool st") && !strings.Contains(line, "workerExecutionID") || strings.Contains(line, "refused") {
				<-release
			}
		}
		pool := newPool(t, worker.WithPoolLogs(), worker.WithWorker(do("job", block)))
		begun := time.Now()
		require.NoError(t, pool.Start(logging(t, hangs)))
		synctest.Wait()
		assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
		pool.Register(worker.NewWorkerRegistration(do("job", block)))
		require.NoError(t, pool.Shutdown(within(t, time.Second)))
		assert.Less(t, time.Since(begun), time.Second)
		assert.Equal(t, worker.PoolStopped, pool.State())
	})
}
