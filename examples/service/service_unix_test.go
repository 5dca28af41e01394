//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommandEndsGracefullyOnSignals(t *testing.T) {
	t.Parallel()

	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()

			cmd, stderr := startCommand(t)
			stderr.waitFor(t, "recovered, running on", "indexed")
			require.NoError(t, cmd.Process.Signal(signal))
			require.NoError(t, cmd.Wait(), stderr)
			assert.Contains(t, stderr.String(), `stopping cause="`+signal.String()+` signal received"`)
		})
	}
}

func TestIndexerDoesNotOpenNamedPipes(t *testing.T) {
	t.Parallel()

	root := writeTree(t, map[string]string{"a.go": "a\n"})
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "pipe.go"), 0o644))

	walk := newWalk(root, openOS)
	defer walk.ticker.Stop()

	require.NoError(t, walk.tree(t.Context()), "opening it would block for ever")
	assert.Equal(t, tally{Files: 1, Lines: 1, Bytes: 2}, walk.index.Totals)
	assert.Equal(t, skipped{Irregular: 1}, walk.index.Skipped)
}

// Renaming over it would take a device such as /dev/null from the whole machine.
func TestServiceDoesNotReplaceWhatIsNoFile(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	link := filepath.Join(dir, "link")
	require.NoError(t, syscall.Mkfifo(pipe, 0o644))
	require.NoError(t, os.Symlink("pipe", link))

	for _, out := range []string{pipe, link} {
		assertFailsAtOnce(t, "cannot write -out: "+out+" is not a regular file", "-dir", dir, "-duration", "1s", "-out", out)

		info, err := os.Stat(out)
		require.NoError(t, err)
		assert.Equal(t, os.ModeNamedPipe, info.Mode().Type())
	}
}

func TestServiceEndsGracefullyBeforeItHasStarted(t *testing.T) {
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	require.NoError(t, syscall.Mkfifo(asked, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n: >"+asked+"\nexec sleep 60\n"), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))

	s := startService(t, "-addr", "127.0.0.1:0", "-out", filepath.Join(dir, "index.json"))
	_, err := os.ReadFile(asked) // blocks until go env GOROOT is under way
	require.NoError(t, err)
	assert.Equal(t, exitOK, s.stop(), s.stderr)
	assert.Empty(t, s.stderr.String())
}

// startCommand starts the command as a process of its own, and kills it at the
// end of the test if it is still there.
func startCommand(t *testing.T) (*exec.Cmd, *output) {
	t.Helper()

	dir := t.TempDir()
	stderr := newOutput()
	cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-dir", dir, "-out", filepath.Join(dir, "index.json"))
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	return cmd, stderr
}
