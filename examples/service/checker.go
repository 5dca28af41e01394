package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/ankorstore/yokai/worker"
)

const (
	checkerName     = "checker"
	checkerInterval = 5 * time.Second
	checkerTimeout  = 2 * time.Second
	checkerAttempts = 2
	checkerBackoff  = 500 * time.Millisecond
)

// checker reads the index back from its file, by a schedule: each run is an
// attempt, and one that fails is retried once and leaves the next run alone.
type checker struct {
	file string
}

func newChecker(file string) *checker {
	return &checker{file: file}
}

// check logs what the index holds, or that there is none yet. It fails if it
// cannot be read.
func (c *checker) check(ctx context.Context) error {
	data, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		worker.CtxLogger(ctx).Info().Msg("no index to check yet")

		return nil
	}

	var checked index
	if err == nil {
		err = json.Unmarshal(data, &checked)
	}

	if err != nil {
		return fmt.Errorf("checking the index: %w", err)
	}

	worker.CtxLogger(ctx).Info().Int64("files", checked.Totals.Files).Msg("index checked")

	return nil
}
