package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIndexerCountsEveryRegularFile(t *testing.T) {
	t.Parallel()

	root := writeTree(t, map[string]string{
		"main.go":            "package main\n\nfunc main() {}\n",
		"deep/er/unended.go": "one line\nand one without its end",
		"empty.txt":          "",
		"Makefile":           "all:\n\ttrue\n",
		".profile":           "\n",
		"archive.tar.gz":     "\x1f\x8b\n\x00",
		"dot.":               "x",
		"UPPER.GO":           "\r\n",
	})
	require.NoError(t, os.Mkdir(filepath.Join(root, "nothing"), 0o755))
	require.NoError(t, os.Symlink("main.go", filepath.Join(root, "link.go")))
	require.NoError(t, os.Symlink("deep", filepath.Join(root, "link")))
	require.NoError(t, os.Symlink("gone", filepath.Join(root, "dangling.txt")))

	out := filepath.Join(t.TempDir(), "index.json")
	ctx, logs := loggingContext(t)

	x := newIndexer(root, out)
	require.NoError(t, x.Run(ctx))
	assertIndex(t, out, `{
  "dir": "`+filepath.ToSlash(root)+`",
  "totals": {
    "files": 8,
    "lines": 9,
    "bytes": 80
  },
  "skipped": {
    "irregular": 3,
    "unreadable": 0
  },
  "extensions": {
    "(none)": {
      "files": 3,
      "lines": 3,
      "bytes": 13
    },
    ".GO": {
      "files": 1,
      "lines": 1,
      "bytes": 2
    },
    ".go": {
      "files": 2,
      "lines": 4,
      "bytes": 61
    },
    ".gz": {
      "files": 1,
      "lines": 1,
      "bytes": 4
    },
    ".txt": {
      "files": 1,
      "lines": 0,
      "bytes": 0
    }
  }
}
`)
	assert.Equal(t, 1, logs.count(`"message":"indexed"`))

	first, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NoError(t, x.Run(ctx), "it replaces an index")
	assertIndex(t, out, string(first))
}

func TestIndexerFollowsASymbolicLinkAtTheRoot(t *testing.T) {
	t.Parallel()

	root := writeTree(t, map[string]string{"a.go": "a\n"})
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(root, link))

	walk := newWalk(link, openOS)
	defer walk.ticker.Stop()

	require.NoError(t, walk.tree(t.Context()))
	assert.Equal(t, tally{Files: 1, Lines: 1, Bytes: 2}, walk.index.Totals)
}

func TestIndexerReadsLongFilesAndDirectoriesInParts(t *testing.T) {
	t.Parallel()

	long := make([]byte, 2*chunkSize+1)
	for i := range long {
		long[i] = '\n'
	}

	files := map[string]string{"long": string(long)}
	for i := range 2*batchSize + 1 {
		files[filepath.Join("many", string(rune('a'+i/26/26))+string(rune('a'+i/26%26))+string(rune('a'+i%26))+".c")] = "\n"
	}

	walk := newWalk(writeTree(t, files), openOS)
	defer walk.ticker.Stop()

	require.NoError(t, walk.tree(t.Context()))
	assert.Equal(t, map[string]tally{
		noExtension: {Files: 1, Lines: 2*chunkSize + 1, Bytes: 2*chunkSize + 1},
		".c":        {Files: 2*batchSize + 1, Lines: 2*batchSize + 1, Bytes: 2*batchSize + 1},
	}, walk.index.Extensions)
}

func TestIndexerSkipsWhatItCannotRead(t *testing.T) {
	t.Parallel()

	root := writeTree(t, map[string]string{
		"good.go":           "good\n",
		"gone.go":           "gone by the time it is opened\n",
		"half.go":           "fails in the middle\n",
		"private/secret.go": "secret\n",
		"torn/good.go":      "good\n",
		"torn/sub/good.go":  "good\n",
	})
	out := filepath.Join(t.TempDir(), "index.json")
	ctx, logs := loggingContext(t)

	x := newIndexer(root, out)
	x.open = func(name string) (fs.ReadDirFile, error) {
		switch filepath.Base(name) {
		case "gone.go":
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case "private":
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}

		file, err := openOS(name)
		if base := filepath.Base(name); err == nil && (base == "half.go" || base == "torn") {
			file = &tornFile{ReadDirFile: file}
		}

		return file, err
	}

	require.NoError(t, x.Run(ctx))
	assertIndex(t, out, `{
  "dir": "`+filepath.ToSlash(root)+`",
  "totals": {
    "files": 3,
    "lines": 3,
    "bytes": 15
  },
  "skipped": {
    "irregular": 0,
    "unreadable": 4
  },
  "extensions": {
    ".go": {
      "files": 3,
      "lines": 3,
      "bytes": 15
    }
  }
}
`)
	assert.Equal(t, 4, logs.count(`"message":"skipped"`))
	assert.Equal(t, 1, logs.count("gone.go: file does not exist"))
}

func TestIndexerFailsWithoutARoot(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	x := newIndexer(filepath.Join(dir, "gone"), filepath.Join(dir, "index.json"))

	require.ErrorIs(t, x.Run(t.Context()), fs.ErrNotExist)
	assertEmptyDir(t, dir)
}

func TestIndexerFailsWhereItCannotWrite(t *testing.T) {
	t.Parallel()

	x := newIndexer(t.TempDir(), filepath.Join(t.TempDir(), "gone", "index.json"))
	err := x.Run(t.Context())

	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "writing the index: ")
}

// A sparse file takes no space but minutes to read.
func TestIndexerStopsWithin100Milliseconds(t *testing.T) {
	root := writeTree(t, map[string]string{"huge": ""})
	require.NoError(t, os.Truncate(filepath.Join(root, "huge"), 1<<40))

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{})
	returned := make(chan error)

	x := newIndexer(root, filepath.Join(dir, "index.json"))
	x.open = func(name string) (fs.ReadDirFile, error) {
		if filepath.Base(name) == "huge" {
			close(reading)
		}

		return openOS(name)
	}

	go func() { returned <- x.Run(ctx) }()
	<-reading

	start := time.Now()
	cancel()

	require.ErrorIs(t, <-returned, context.Canceled)
	assert.Less(t, time.Since(start), 100*time.Millisecond)
	assertEmptyDir(t, dir)
}

func TestIndexerReportsProgressEverySecond(t *testing.T) {
	t.Parallel()

	root := writeTree(t, map[string]string{"endless": "read from a slowFile"})
	dir := t.TempDir()

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		ctx, cancel := context.WithTimeout(ctx, 3500*time.Millisecond)
		defer cancel()

		x := newIndexer(root, filepath.Join(dir, "index.json"))
		x.open = func(name string) (fs.ReadDirFile, error) {
			file, err := openOS(name)
			if filepath.Base(name) == "endless" {
				file = &slowFile{ReadDirFile: file}
			}

			return file, err
		}

		start := time.Now()
		require.ErrorIs(t, x.Run(ctx), context.DeadlineExceeded)
		assert.Equal(t, 3510*time.Millisecond, time.Since(start), "at the end of the read under way")
		assert.Equal(t, 3, logs.count(`"message":"progress"`))
		assert.Equal(t, 3, logs.count(`"rate":"0 files/s, 5.0 MB/s"`))
	})
	assertEmptyDir(t, dir)
}

func TestIndexerIsStuckWhereItsFileSystemHangs(t *testing.T) {
	t.Parallel()

	url := newMetricsServer(t, alwaysGood)

	synctest.Test(t, func(t *testing.T) {
		pool := newServicePool(t, url)
		release := make(chan struct{})
		indexerOf(t, pool).open = func(name string) (fs.ReadDirFile, error) {
			<-release

			return openOS(name)
		}

		require.NoError(t, pool.Start(t.Context()))
		execution, err := pool.Execution(indexerName)
		require.NoError(t, err)

		<-time.After(indexerHeartbeat - 1)
		synctest.Wait()
		assert.Equal(t, worker.Running, execution.Status())

		<-time.After(indexerHeartbeat)
		synctest.Wait()
		assert.Equal(t, worker.Stuck, execution.Status())

		close(release)
		synctest.Wait()
		assert.Equal(t, worker.Error, execution.Status())

		require.NoError(t, pool.Stop())
		require.EqualError(t, pool.Wait(t.Context()), "worker indexer: heartbeat missed: context canceled")
	})
}

func TestIndexerIsNotStuckWhereItsFileSystemIsSlow(t *testing.T) {
	t.Parallel()

	url := newMetricsServer(t, alwaysGood)

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*indexerHeartbeat)
		defer cancel()

		pool := newServicePool(t, url)
		x := indexerOf(t, pool)
		x.open = func(name string) (fs.ReadDirFile, error) {
			file, err := openOS(name)
			if name != x.dir {
				file = &slowFile{ReadDirFile: file}
			}

			return file, err
		}

		require.NoError(t, runPool(ctx, pool))
		execution, err := pool.Execution(indexerName)
		require.NoError(t, err)
		assert.Equal(t, worker.Stopped, execution.Status())
		assert.NoError(t, execution.LastError())
	})
}

func TestProgressRate(t *testing.T) {
	t.Parallel()

	now := time.Unix(1, 0)
	before := progress{at: now, files: 10, bytes: 5e6}

	assert.Equal(t, "45 files/s, 2.5 MB/s", progress{at: now.Add(2 * time.Second), files: 100, bytes: 10e6}.rateSince(before))
	assert.Equal(t, "unknown", before.rateSince(before))
}

// tornFile fails after its first read, with which it has returned something.
type tornFile struct {
	fs.ReadDirFile

	torn bool
}

var errTorn = errors.New("torn")

func (f *tornFile) Read(p []byte) (int, error) {
	if f.torn {
		return 0, errTorn
	}

	f.torn = true

	return f.ReadDirFile.Read(p[:1])
}

func (f *tornFile) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := f.ReadDirFile.ReadDir(n)
	if err == io.EOF {
		err = errTorn
	}

	return entries, err
}

// slowFile never ends, and takes 30 ms for every 150 000 bytes.
type slowFile struct {
	fs.ReadDirFile
}

func (f *slowFile) Read(p []byte) (int, error) {
	<-time.After(30 * time.Millisecond)

	return copy(p, make([]byte, 150_000)), nil
}

// indexerOf returns the indexer of a pool, to change it before the pool is started.
func indexerOf(t *testing.T, pool *worker.WorkerPool) *indexer {
	t.Helper()

	registration, err := pool.Registration(indexerName)
	require.NoError(t, err)

	return registration.Worker().(*indexer)
}

func assertIndex(t *testing.T, name, want string) {
	t.Helper()

	got, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, want, string(got))
}
