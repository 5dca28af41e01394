package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServiceEndsAfterItsDuration(t *testing.T) {
	dir := filepath.Join(goroot(t), "src", "net")
	out := filepath.Join(t.TempDir(), "index.json")

	s := startService(t, "-duration", "2s", "-addr", "127.0.0.1:0", "-dir", dir, "-out", out)
	require.Equal(t, exitOK, s.wait(), s.stderr)
	assert.Empty(t, s.stdout.String(), "spans were not asked for")

	for _, text := range []string{
		"listening",
		"url=http://127.0.0.1:",
		"indexed",
		"runtime sample",
		"metrics are served",
		errFlaky.Error(),
		flakyPanic,
		"recovered, running on",
		`stopping cause="the -duration has passed"`,
	} {
		assert.Contains(t, s.stderr.String(), text)
	}

	data, err := os.ReadFile(out)
	require.NoError(t, err)

	var got index
	require.NoError(t, json.Unmarshal(data, &got))

	sum := tally{}
	for _, extension := range got.Extensions {
		sum.add(extension)
	}

	assert.Equal(t, countIndependently(t, dir), got.Totals)
	assert.Equal(t, got.Totals, sum)
	assert.Positive(t, got.Extensions[".go"].Lines)
}

func TestServiceEndsOnASignal(t *testing.T) {
	dir := t.TempDir()

	s := startService(t, "-addr", "127.0.0.1:0", "-dir", dir, "-out", filepath.Join(dir, "index.json"))
	s.stderr.waitFor(t, "recovered, running on", "indexed", "metrics are served")
	require.Equal(t, exitOK, s.stop(), s.stderr)
}

// The tree is a file that takes minutes to read.
func TestServiceLeavesNoIndexWhenStopped(t *testing.T) {
	dir := writeTree(t, map[string]string{"huge": ""})
	require.NoError(t, os.Truncate(filepath.Join(dir, "huge"), 1<<40))

	outDir := t.TempDir()
	s := startService(t, "-addr", "127.0.0.1:0", "-dir", dir, "-out", filepath.Join(outDir, "index.json"))
	s.stderr.waitFor(t, "indexing")
	require.Equal(t, exitOK, s.stop(), s.stderr)
	assertEmptyDir(t, outDir)
}

func TestServiceFailsIfAWorkerFails(t *testing.T) {
	// No file system takes a name as long.
	out := filepath.Join(t.TempDir(), strings.Repeat("x", 4096))

	s := startService(t, "-addr", "127.0.0.1:0", "-dir", t.TempDir(), "-out", out)
	s.stderr.waitFor(t, "writing the index")
	require.Equal(t, exitFailure, s.stop(), s.stderr)
	assert.Contains(t, s.lastLine(), "service: worker indexer: writing the index: open ")
	assert.NotContains(t, s.lastLine(), flakyName)
}

func TestServiceFailsIfItCannotServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()

	out := filepath.Join(t.TempDir(), "index.json")
	s := startService(t, "-addr", listener.Addr().String(), "-dir", t.TempDir(), "-out", out)
	require.Equal(t, exitFailure, s.wait())
	assert.Len(t, s.stderr.lines(), 1, "nothing else has happened")
	assert.Contains(t, s.lastLine(), "service: cannot serve -addr: listen tcp "+listener.Addr().String())
	assert.Contains(t, s.lastLine(), "in use")
}

func TestServiceFailsIfServingEnds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	pool := newUnservedPool(t, serviceURL(listener.Addr(), metricsPath))
	logs := newOutput()
	ended := make(chan error)

	go func() { ended <- servePool(newLogger(logs).WithContext(t.Context()), pool, listener) }()

	logs.waitFor(t, "recovered, running on")
	require.NoError(t, listener.Close())
	assert.ErrorContains(t, <-ended, "worker http: serving HTTP failed: accept tcp ")
	assert.Contains(t, logs.String(), `on cancellation cause="worker http: serving HTTP failed`)
}

func TestRunPoolNamesEachFailedWorkerInOrder(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(
			worker.WithWorker(failing{"b"}),
			worker.WithWorker(failing{"a"}),
		)
		require.NoError(t, err)

		assert.Equal(t, "worker b: it does; worker a: it does", oneLine(runPool(ctx, pool)))
		assert.Zero(t, logs.count(`"message":"stopping"`), "it has ended by itself")
	})
}

func TestRunPoolNamesAWorkerThatDoesNotStop(t *testing.T) {
	t.Parallel()

	url := newMetricsServer(t, alwaysGood)

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errDurationPassed)
		defer cancel()

		release := make(chan struct{})
		defer close(release)

		pool := newServicePool(t, url).Register(
			worker.NewWorkerRegistration(worker.NewFuncWorker("hanging", func(context.Context) error {
				<-release

				return nil
			}), worker.WithStopTimeout(readerStopTimeout)),
			worker.NewWorkerRegistration(failing{"other"}),
		)

		assert.Equal(t, "worker other: it does; stop timed out: still running: hanging (running for 1m10s)", oneLine(runPool(ctx, pool)))
		assert.Equal(t, 1, logs.count(`"cause":"`+errDurationPassed.Error()+`","message":"stopping"`))
	})
}

func TestLoggerPutsAStackOnLinesOfItsOwn(t *testing.T) {
	t.Parallel()

	logs := newOutput()
	logger := newLogger(logs)
	logger.Error().Str(zerolog.ErrorStackFieldName, "goroutine 1:\n\tmain.go:1\n").Str("worker", "a").Msg("panicked")
	logger.Info().Msg("next")

	lines := logs.lines()
	require.Len(t, lines, 4)
	assert.True(t, strings.HasSuffix(lines[0], " ERR panicked worker=a"), lines[0])
	assert.Equal(t, []string{"goroutine 1:", "\tmain.go:1"}, lines[1:3])
	assert.True(t, strings.HasSuffix(lines[3], " INF next"), lines[3])
}

// goroot returns the root of the Go installation that runs the tests.
func goroot(t *testing.T) string {
	t.Helper()

	root, err := goEnvGoroot(t.Context())
	require.NoError(t, err)

	return root
}

// countIndependently counts a tree in the simplest way there is.
func countIndependently(t *testing.T, root string) tally {
	t.Helper()

	var sum tally

	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}

		data, err := os.ReadFile(name)
		sum.Files++
		sum.Lines += int64(strings.Count(string(data), "\n"))
		sum.Bytes += int64(len(data))

		return err
	}))

	return sum
}

// A dependent waits for the server, and the pool is ready once the index is there too.
func TestServiceIsReadyOnceItServesAndHasAnIndex(t *testing.T) {
	t.Parallel()

	url := newMetricsServer(t, alwaysGood)

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		pool := newUnservedPool(t, url)
		x := indexerOf(t, pool)
		walking := make(chan struct{})
		x.open = func(name string) (fs.ReadDirFile, error) {
			if name == x.dir {
				<-walking
			}

			return openOS(name)
		}

		listening := make(chan struct{})
		pool.Register(worker.NewWorkerRegistration(
			worker.NewFuncWorker(serverName, func(ctx context.Context) error {
				<-listening
				worker.Ready(ctx)
				<-ctx.Done()

				return ctx.Err()
			}),
			worker.WithReadiness(serverReadyWithin),
			worker.WithStopStage(1),
		))
		require.NoError(t, pool.Start(ctx))

		waited := make(chan error, 1)
		go func() { waited <- pool.WaitReady(ctx) }()

		time.Sleep(serverReadyWithin - 1)
		assert.Equal(t, map[string]worker.WorkerStatus{
			indexerName: worker.Running, serverName: worker.Running, selfcheckName: worker.Pending,
		}, pool.Health().NotReady)
		assert.Zero(t, logs.count(`"message":"metrics are served"`))

		close(listening)
		time.Sleep(2 * time.Second)
		assert.Equal(t, map[string]worker.WorkerStatus{indexerName: worker.Running}, pool.Health().NotReady)
		assert.NotZero(t, logs.count(`"message":"metrics are served"`))
		assert.Empty(t, waited)

		close(walking)
		require.NoError(t, <-waited)

		execution, err := pool.Execution(indexerName)
		require.NoError(t, err)
		assert.True(t, execution.HasEvent("ready"))
		require.NoError(t, pool.Stop())
	})
}

// A file system that hangs does not keep the server from its end: the error names the indexer alone.
func TestServiceEndsTheServerBesideAnIndexerThatHangs(t *testing.T) {
	t.Parallel()

	url := newMetricsServer(t, alwaysGood)

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		release := make(chan struct{})
		defer close(release)

		pool := newServicePool(t, url)
		indexerOf(t, pool).open = func(name string) (fs.ReadDirFile, error) {
			<-release

			return openOS(name)
		}

		err := runPool(ctx, pool)
		var stopped *worker.StopError
		require.ErrorAs(t, err, &stopped)
		require.Len(t, stopped.Workers, 1, err)
		assert.Equal(t, indexerName, stopped.Workers[0].Name)
	})
}
