package main

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckerRunsByItsSchedule(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "index.json")

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		pool := worker.NewWorkerPool(checkerOf(file))
		require.NoError(t, pool.Start(ctx))

		time.Sleep(checkerInterval + time.Second)
		assert.Equal(t, 1, logs.count(`"message":"no index to check yet"`))

		require.NoError(t, newIndex("src").write(ctx, file))
		time.Sleep(checkerInterval)
		assert.Equal(t, 1, logs.count(`"message":"index checked"`))

		require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
		time.Sleep(checkerInterval)
		assert.Equal(t, 1, logs.count("max execution attempts reached"))
		assert.False(t, pool.Health().Ready)

		require.NoError(t, newIndex("src").write(ctx, file))
		time.Sleep(checkerInterval)
		assert.Equal(t, 2, logs.count(`"message":"index checked"`))
		assert.True(t, pool.Health().Ready)

		var outcomes []string
		for _, run := range pool.Report().Workers[0].Runs {
			outcomes = append(outcomes, run.Status.String())
		}

		assert.Equal(t, []string{"success", "success", "error", "success"}, outcomes)
		require.NoError(t, pool.Stop())
	})
}
