// Package workers has sample workers for tests: one that succeeds, one that runs until cancelled, one that fails and one
// that panics. Their names, log records and timings are fixed, tests of other modules rely on them.
package workers

import (
	"context"
	"errors"
	"time"

	"github.com/ankorstore/yokai/worker"
)

// work is how long each sample works.
const work = 10 * time.Millisecond

// ClassicWorker works for 10 ms inside a span, and succeeds.
type ClassicWorker struct{}

// NewClassicWorker returns a new [ClassicWorker].
func NewClassicWorker() *ClassicWorker {
	return &ClassicWorker{}
}

// Name returns "ClassicWorker".
func (w *ClassicWorker) Name() string {
	return "ClassicWorker"
}

// Run opens the span "one shot span", logs "running worker NAME [id ID]", works, logs "stopped" and returns nil.
func (w *ClassicWorker) Run(ctx context.Context) error {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "one shot span")
	defer span.End()

	logger := worker.CtxLogger(ctx)
	logger.Info().Msgf("running worker %s [id %s]", worker.CtxWorkerName(ctx), worker.CtxWorkerExecutionId(ctx))
	time.Sleep(work)
	logger.Info().Msg("stopped")

	return nil
}

// CancellableWorker works until it is cancelled, and succeeds.
type CancellableWorker struct{}

// NewCancellableWorker returns a new [CancellableWorker].
func NewCancellableWorker() *CancellableWorker {
	return &CancellableWorker{}
}

// Name returns "CancellableWorker".
func (w *CancellableWorker) Name() string {
	return "CancellableWorker"
}

// Run logs "running" every 10 ms until ctx is done, then "stopping", works for 10 ms more, logs "stopped" and returns nil.
func (w *CancellableWorker) Run(ctx context.Context) error {
	logger := worker.CtxLogger(ctx)
	ticker := time.NewTicker(work)
	defer ticker.Stop()

	for {
		logger.Info().Msg("running")

		select {
		case <-ticker.C:
		case <-ctx.Done():
			logger.Info().Msg("stopping")
			time.Sleep(work)
			logger.Info().Msg("stopped")

			return nil
		}
	}
}

// ErrorWorker works for 10 ms, and fails.
type ErrorWorker struct{}

// NewErrorWorker returns a new [ErrorWorker].
func NewErrorWorker() *ErrorWorker {
	return &ErrorWorker{}
}

// Name returns "ErrorWorker".
func (w *ErrorWorker) Name() string {
	return "ErrorWorker"
}

// Run logs "running", works, and returns the error "custom error". If ctx is done already, it returns nil at once.
func (w *ErrorWorker) Run(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}

	worker.CtxLogger(ctx).Info().Msg("running")
	time.Sleep(work)

	return errors.New("custom error")
}

// PanicWorker works for 10 ms, and panics.
type PanicWorker struct{}

// NewPanicWorker returns a new [PanicWorker].
func NewPanicWorker() *PanicWorker {
	return &PanicWorker{}
}

// Name returns "PanicWorker".
func (w *PanicWorker) Name() string {
	return "PanicWorker"
}

// Run logs "running", works, and panics with "custom panic". If ctx is done already, it returns nil at once.
func (w *PanicWorker) Run(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}

	worker.CtxLogger(ctx).Info().Msg("running")
	time.Sleep(work)

	panic("custom panic")
}
