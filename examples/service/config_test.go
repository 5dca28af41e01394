package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseConfig(t *testing.T) {
	t.Parallel()

	cfg, err := parseConfig(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, config{addr: "127.0.0.1:8080", out: "index.json"}, cfg)

	cfg, err = parseConfig([]string{"-addr", ":0", "-dir", "d", "-out", "o", "-duration", "10s", "-trace"}, nil)
	require.NoError(t, err)
	assert.Equal(t, config{addr: ":0", dir: "d", out: "o", duration: 10 * time.Second, trace: true}, cfg)
}

func TestServiceRejectsAWrongCommandLine(t *testing.T) {
	t.Parallel()

	for want, args := range map[string][]string{
		"flag provided but not defined: -nope": {"-nope"},
		`unexpected argument "stray"`:          {"-trace", "stray"},
		"-duration -1s is negative":            {"-duration", "-1s"},
		`invalid value "soon"`:                 {"-duration", "soon"},
	} {
		s := startService(t, args...)
		assert.Equal(t, exitUsage, s.wait(), args)
		require.Len(t, s.stderr.lines(), 1, args)
		assert.Contains(t, s.lastLine(), "service: "+want)
	}
}

func TestServiceExplainsItself(t *testing.T) {
	t.Parallel()

	s := startService(t, "-h")
	assert.Equal(t, exitOK, s.wait())

	for _, text := range []string{
		"usage: service", "-addr host:port", "-dir directory", "-out file", "-duration time", "-trace",
		`(default "127.0.0.1:8080")`, `(default "index.json")`, "(default $(go env GOROOT)/src)",
	} {
		assert.Contains(t, s.stderr.String(), text)
	}
}

func TestServiceFailsOnPathsItCannotUse(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	gone := filepath.Join(dir, "gone")
	require.NoError(t, os.WriteFile(file, nil, 0o644))

	for want, args := range map[string][]string{
		"cannot index -dir: stat " + gone:                    {"-dir", gone},
		"cannot index -dir: " + file + " is not a directory": {"-dir", file},
		"cannot write -out: stat " + gone:                    {"-dir", dir, "-out", filepath.Join(gone, "index.json")},
		"cannot write -out: " + file + " is not a directory": {"-dir", dir, "-out", filepath.Join(file, "index.json")},
		"cannot write -out: " + dir + " is a directory":      {"-dir", dir, "-out", dir},
		"cannot write -out: no file was named":               {"-dir", dir, "-out", ""},
	} {
		assertFailsAtOnce(t, want, args...)
	}
}

func TestServiceFailsOnAnUnreadableDir(t *testing.T) {
	t.Parallel()

	if os.Geteuid() <= 0 {
		t.Skip("needs permissions that apply to the user")
	}

	dir := filepath.Join(t.TempDir(), "private")
	require.NoError(t, os.Mkdir(dir, 0o311))
	assertFailsAtOnce(t, "cannot index -dir: open "+dir+": permission denied", "-dir", dir)
}

func TestServiceNeedsGoOrADir(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	assertFailsAtOnce(t, `no -dir given, and go env GOROOT does not tell one: exec: "go": executable file not found`)
}

func TestConfigResolvesTheDefaultDir(t *testing.T) {
	t.Parallel()

	cfg := config{out: filepath.Join(t.TempDir(), "index.json")}
	require.NoError(t, cfg.resolve(t.Context()))
	assert.Equal(t, filepath.Join(goroot(t), "src"), cfg.dir)
}

// assertFailsAtOnce asserts that the command has status 1 and writes nothing
// but a line with that reason.
func assertFailsAtOnce(t *testing.T, reason string, args ...string) {
	t.Helper()

	s := startService(t, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	assert.Equal(t, exitFailure, s.wait(), args)
	assert.Len(t, s.stderr.lines(), 1, args)
	assert.True(t, strings.HasPrefix(s.lastLine(), "service: "+reason), s.lastLine())
}
