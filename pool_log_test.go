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
		slow := func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Minute); return ctx.Err() }
		pool := newPool(t, worker.WithPoolLogs(), worker.WithWorker(do("slow", slow)), worker.WithWorker(do("quick", block)))
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
		require.NoError(t, pool.Start(logging(t, func(string) { panic("disk full") })))
		synctest.Wait()
		require.NoError(t, pool.Stop())
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
	})
}

// A writer that blocks holds up neither the workers, which have not begun to log, nor a stop, since all of them have ended.
func TestPoolLogsOfAWriterThatBlocks(t *testing.T) {
	for _, blocks := range []string{"worker pool started", "worker pool stopped"} {
		t.Run(blocks, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				pool := newPool(t, worker.WithPoolLogs(), worker.WithGlobalStopTimeout(time.Minute), worker.WithWorker(do("job", block)))
				require.NoError(t, pool.Start(logging(t, func(line string) {
					if strings.Contains(line, blocks) {
						<-release
					}
				})))
				time.Sleep(time.Second)
				assert.Equal(t, worker.Running, execution(t, pool, "job").Status())
				require.NoError(t, pool.Stop())
				assert.Equal(t, worker.PoolStopped, pool.State())
				assert.LessOrEqual(t, time.Since(start), 2*time.Second)
			})
		})
	}
}
