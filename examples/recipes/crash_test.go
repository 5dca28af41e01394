package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crashOnPanic is a listener that ends the process where a worker panicked, as a panic outside of a pool does.
func crashOnPanic(t worker.Transition) {
	var panicked *worker.PanicError
	if errors.As(t.Err, &panicked) {
		fmt.Fprintf(os.Stderr, "panic in worker %s: %v\n\n%s", t.Worker, panicked.Value, panicked.Stack)
		os.Exit(2)
	}
}

const crashEnv = "RECIPES_CRASH"

func TestCrashOnPanic(t *testing.T) {
	if os.Getenv(crashEnv) != "" {
		pool := worker.NewWorkerPool(
			worker.WithGlobalListener(crashOnPanic),
			worker.WithWorker(worker.NewFuncWorker("indexer", func(context.Context) error { return overflow(nil) })),
		)
		_ = pool.Run(context.Background())
		os.Exit(0)
	}

	command := exec.Command(os.Args[0], "-test.run", "^TestCrashOnPanic$")
	command.Env = append(os.Environ(), crashEnv+"=1")
	output, err := command.CombinedOutput()

	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 2, exit.ExitCode())
	assert.Contains(t, string(output), "panic in worker indexer: runtime error: index out of range")
	assert.Contains(t, string(output), "recipes_test.overflow(", "where it happened")
}

func overflow(list []error) error { return list[1] }
