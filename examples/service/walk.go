package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ankorstore/yokai/worker"
)

const (
	// progressInterval is the time between two reports of progress.
	progressInterval = time.Second

	// chunkSize and batchSize are how many bytes of a file, or entries of a
	// directory, are read between two looks at the context: enough to make
	// the looks free, few enough to make them every millisecond or so.
	chunkSize = 256 << 10
	batchSize = 256
)

// opener opens the named file or directory for reading.
type opener func(name string) (fs.ReadDirFile, error)

func openOS(name string) (fs.ReadDirFile, error) {
	return os.Open(name)
}

// walk is one walk through a tree. Symbolic links are not followed, but for
// the root. A file or directory that cannot be read, or is gone by the time it
// would be, is logged and counted as skipped.
type walk struct {
	open   opener
	index  *index
	buffer []byte
	bytes  int64 // read so far, those of the file being read included

	ticker   *time.Ticker
	reported progress // as of the last report
}

// progress is how far a walk had come at a time.
type progress struct {
	at    time.Time
	files int64
	bytes int64
}

// newWalk returns a walk through the tree under dir. The caller stops its
// ticker.
func newWalk(dir string, open opener) *walk {
	return &walk{
		open:     open,
		index:    newIndex(dir),
		buffer:   make([]byte, chunkSize),
		ticker:   time.NewTicker(progressInterval),
		reported: progress{at: time.Now()},
	}
}

// tree counts the whole tree. It fails only if the root cannot be read or ctx
// is done.
func (w *walk) tree(ctx context.Context) error {
	root := w.index.Dir

	subdirs, err := w.directory(ctx, root)
	if err != nil {
		return err
	}

	for pending := subdirs; len(pending) > 0; {
		last := len(pending) - 1
		name := pending[last]

		subdirs, err := w.directory(ctx, name)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}

			w.skip(ctx, name, err)
		}

		pending = append(pending[:last], subdirs...)
	}

	return nil
}

// directory counts the files that are directly in the named directory, and
// returns the directories in it; if it fails, those that it found so far.
func (w *walk) directory(ctx context.Context, name string) (subdirs []string, err error) {
	dir, err := w.open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()

	for {
		if err := w.checkpoint(ctx); err != nil {
			return subdirs, err
		}

		// ReadDir returns entries along with an error, or else some.
		entries, readErr := dir.ReadDir(batchSize)

		for _, entry := range entries {
			if entry.IsDir() {
				subdirs = append(subdirs, filepath.Join(name, entry.Name()))

				continue
			}

			if err := w.entry(ctx, name, entry); err != nil {
				return subdirs, err
			}
		}

		if readErr == io.EOF {
			return subdirs, nil
		}

		if readErr != nil {
			return subdirs, readErr
		}
	}
}

// entry counts an entry of the named directory that is not a directory itself.
// It fails only if ctx is done.
func (w *walk) entry(ctx context.Context, dir string, entry fs.DirEntry) error {
	if !entry.Type().IsRegular() {
		w.index.Skipped.Irregular++

		return nil
	}

	name := filepath.Join(dir, entry.Name())

	lines, size, err := w.file(ctx, name)
	if err == nil {
		w.index.add(entry.Name(), lines, size)

		return nil
	}

	if ctx.Err() != nil {
		return ctx.Err()
	}

	w.skip(ctx, name, err)

	return nil
}

// file reads the named file, and returns how many newlines and bytes it holds.
func (w *walk) file(ctx context.Context, name string) (lines, size int64, err error) {
	file, err := w.open(name)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()

	for {
		if err := w.checkpoint(ctx); err != nil {
			return 0, 0, err
		}

		n, err := file.Read(w.buffer)
		lines += int64(bytes.Count(w.buffer[:n], []byte{'\n'}))
		size += int64(n)
		w.bytes += int64(n)

		if err == io.EOF {
			return lines, size, nil
		}

		if err != nil {
			return 0, 0, err
		}
	}
}

// checkpoint tells that the walk goes on, and reports its progress if that is
// due. It returns ctx's error if ctx is done.
func (w *walk) checkpoint(ctx context.Context) error {
	worker.Heartbeat(ctx)

	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ticker.C:
		w.report(ctx)
	default:
	}

	return nil
}

// report logs how far the walk has come, and its rate since the last report.
func (w *walk) report(ctx context.Context) {
	// Not the time of the tick, which a slow read may have left waiting.
	current := progress{at: time.Now(), files: w.index.Totals.Files, bytes: w.bytes}

	worker.CtxLogger(ctx).Info().
		Int64("files", current.files).
		Int64("bytes", current.bytes).
		Str("rate", current.rateSince(w.reported)).
		Msg("progress")

	w.reported = current
}

// skip counts and logs a file or directory that cannot be read.
func (w *walk) skip(ctx context.Context, name string, err error) {
	w.index.Skipped.Unreadable++
	worker.CtxLogger(ctx).Warn().Err(err).Str("name", name).Msg("skipped")
}

// rateSince returns the files and megabytes (10^6 bytes) per second from before
// to p.
func (p progress) rateSince(before progress) string {
	seconds := p.at.Sub(before.at).Seconds()
	if seconds <= 0 {
		return "unknown"
	}

	return fmt.Sprintf("%.0f files/s, %.1f MB/s",
		float64(p.files-before.files)/seconds,
		float64(p.bytes-before.bytes)/1e6/seconds)
}
