package main

import (
	"context"
	"time"

	"github.com/ankorstore/yokai/worker"
)

const (
	indexerName = "indexer"

	// indexerHeartbeat is longer than any single read takes, unless the file
	// system hangs.
	indexerHeartbeat = 10 * time.Second
)

// indexer is a worker that counts the files, lines and bytes of a tree once,
// by extension, and writes the result to a file.
type indexer struct {
	dir  string
	out  string
	open opener // os.Open, but in tests
}

// newIndexer returns a worker that indexes the tree under dir to the file out.
func newIndexer(dir, out string) *indexer {
	return &indexer{dir: dir, out: out, open: openOS}
}

// Name returns the name of the worker.
func (x *indexer) Name() string {
	return indexerName
}

// Run indexes the tree and writes the index. It fails if the root of the tree
// cannot be read or the index cannot be written. It is ready once the index is
// written, and not while it walks. When ctx is done it returns
// ctx's error within 100 ms, as long as single reads of the file system take
// less than that; the index is then as it was before.
func (x *indexer) Run(ctx context.Context) (err error) {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "index")
	defer func() { endSpan(span, err) }()

	logger := worker.CtxLogger(ctx)
	logger.Info().Str("dir", x.dir).Msg("indexing")

	start := time.Now()

	walk := newWalk(x.dir, x.open)
	defer walk.ticker.Stop()

	if err := walk.tree(ctx); err != nil {
		return err
	}

	if err := walk.index.write(ctx, x.out); err != nil {
		return err
	}

	worker.Ready(ctx)

	logger.Info().
		Any("totals", walk.index.Totals).
		Any("skipped", walk.index.Skipped).
		Str("took", time.Since(start).Round(time.Millisecond).String()).
		Str("out", x.out).
		Msg("indexed")

	return nil
}
