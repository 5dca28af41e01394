package recipes_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// burn keeps a processor busy until it is cancelled.
func burn(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		if n%2 == 0 {
			continue
		}
	}

	return ctx.Err()
}

func TestCPUProfileByWorker(t *testing.T) {
	pool := worker.NewWorkerPool(
		worker.WithWorker(worker.NewFuncWorker("indexer", burn)),
		worker.WithWorker(worker.NewFuncWorker("mailer", block)),
	)
	name := filepath.Join(t.TempDir(), "cpu.pprof")
	file, err := os.Create(name)
	require.NoError(t, err)

	require.NoError(t, pprof.StartCPUProfile(file))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	require.NoError(t, pool.Run(ctx))
	pprof.StopCPUProfile()
	require.NoError(t, file.Close())

	tags, err := exec.Command("go", "tool", "pprof", "-tags", name).Output()
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^ worker: Total .*\n.*: indexer$`, string(tags))
	assert.NotContains(t, string(tags), "mailer", "it used no time")

	top, err := exec.Command("go", "tool", "pprof", "-top", "-tagfocus", "worker=indexer", name).Output()
	require.NoError(t, err)
	assert.Contains(t, string(top), "recipes_test.burn")
}
