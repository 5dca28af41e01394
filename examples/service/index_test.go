package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExtension(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"main.go":        ".go",
		"a_test.go":      ".go",
		"archive.tar.gz": ".gz",
		"UPPER.GO":       ".GO",
		".golangci.yml":  ".yml",
		"Makefile":       noExtension,
		".profile":       noExtension,
		"..data":         noExtension,
		"dot.":           noExtension,
		"...":            noExtension,
		"a.\xff\xfe":     ".\uFFFD",
	} {
		assert.Equal(t, want, extension(name), name)
	}
}

func TestWriteFileAtomicallyLeavesNothingBehindWhenCancelled(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	dir := t.TempDir()
	name := filepath.Join(dir, "index.json")

	require.ErrorIs(t, writeFileAtomically(ctx, name, []byte("new")), context.Canceled)
	assertEmptyDir(t, dir)

	require.NoError(t, os.WriteFile(name, []byte("old"), 0o644))
	require.ErrorIs(t, newIndex(dir).write(ctx, name), context.Canceled)
	assertOnlyFile(t, dir, "index.json", "old")
}

func TestWriteFileAtomicallyLeavesNothingBehindWhenRenamingFails(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	name := filepath.Join(dir, "occupied")
	require.NoError(t, os.Mkdir(name, 0o755))

	require.Error(t, writeFileAtomically(t.Context(), name, []byte("new")))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestWriteFileAtomicallyReplaces(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	name := filepath.Join(dir, "index.json")
	require.NoError(t, os.WriteFile(name, []byte("an old and longer one"), 0o644))

	require.NoError(t, writeFileAtomically(t.Context(), name, []byte("new")))
	assertOnlyFile(t, dir, "index.json", "new")

	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())
}

func assertOnlyFile(t *testing.T, dir, name, content string) {
	t.Helper()

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, name, entries[0].Name())

	got, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	assert.Equal(t, content, string(got))
}
