package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// noExtension is the key under which files without an extension are counted.
// No extension can be equal to it, since all begin with a dot.
const noExtension = "(none)"

// tally counts regular files and what they hold.
type tally struct {
	Files int64 `json:"files"`
	Lines int64 `json:"lines"` // newline bytes, as wc -l counts
	Bytes int64 `json:"bytes"`
}

func (t *tally) add(other tally) {
	t.Files += other.Files
	t.Lines += other.Lines
	t.Bytes += other.Bytes
}

// skipped counts what is not in the tallies.
type skipped struct {
	Irregular  int64 `json:"irregular"`  // symbolic links, devices, named pipes, sockets
	Unreadable int64 `json:"unreadable"` // files and directories that could not be read, or only in part
}

// index is what a tree holds. Its JSON depends on nothing but the tree: no
// time, and extensions in alphabetical order.
type index struct {
	Dir        string           `json:"dir"`
	Totals     tally            `json:"totals"`
	Skipped    skipped          `json:"skipped"`
	Extensions map[string]tally `json:"extensions"`
}

func newIndex(dir string) *index {
	return &index{Dir: dir, Extensions: make(map[string]tally)}
}

// add counts the file of that name, which holds that many lines and bytes.
func (x *index) add(name string, lines, bytes int64) {
	file := tally{Files: 1, Lines: lines, Bytes: bytes}
	x.Totals.add(file)

	key := extension(name)
	sum := x.Extensions[key]
	sum.add(file)
	x.Extensions[key] = sum
}

// write writes x to the file of that name, as indented JSON. See
// [writeFileAtomically] for what it guarantees.
func (x *index) write(ctx context.Context, name string) error {
	data, err := json.MarshalIndent(x, "", "  ")
	if err == nil {
		err = writeFileAtomically(ctx, name, append(data, '\n'))
	}

	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("writing the index: %w", err)
	}

	return err
}

// extension returns the part of name from its last dot on, in its own case, or
// [noExtension] if there is nothing before that dot (.profile) or after it.
func extension(name string) string {
	ext := filepath.Ext(strings.TrimLeft(name, "."))
	if len(ext) < 2 {
		return noExtension
	}

	// JSON could not tell invalid keys apart, so they have to be one here.
	return strings.ToValidUTF8(ext, "\uFFFD")
}

// writeFileAtomically writes data to the file of that name, such that at any
// time, even after a crash, that file is either what it was before or complete.
// If it fails, or ctx is done before the file is in place, nothing is changed
// and nothing is left behind.
func writeFileAtomically(ctx context.Context, name string, data []byte) error {
	// In the same directory, so that renaming is possible and atomic.
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".tmp-*")
	if err != nil {
		return err
	}

	err = writeAndClose(temp, data)
	if err == nil {
		err = ctx.Err()
	}

	if err == nil {
		err = os.Rename(temp.Name(), name)
	}

	if err != nil {
		_ = os.Remove(temp.Name())
	}

	return err
}

// writeAndClose writes data to file and to its disk, and closes file even on
// an error.
func writeAndClose(file *os.File, data []byte) error {
	_, err := file.Write(data)
	if err == nil {
		err = file.Chmod(0o644) // temporary files are private
	}

	if err == nil {
		err = file.Sync()
	}

	if closeErr := file.Close(); err == nil {
		err = closeErr
	}

	return err
}
