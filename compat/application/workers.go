package main

import (
	"context"
	"errors"
	"time"

	"github.com/ankorstore/yokai/config"
	"github.com/ankorstore/yokai/log"
	"github.com/ankorstore/yokai/worker"
)

// Relay works until the service stops.
type Relay struct{ config *config.Config }

// NewRelay returns a Relay, with a dependency that Fx injects.
func NewRelay(config *config.Config) *Relay { return &Relay{config} }

// Name returns a name with a dash, for the metrics to sanitize.
func (*Relay) Name() string { return "order-relay" }

// Run has a span for what it does, until ctx is done.
func (r *Relay) Run(ctx context.Context) error {
	logger := worker.CtxLogger(ctx)
	logger.Info().Msgf("relaying of %s", r.config.AppName())

	workCtx, span := worker.CtxTracer(ctx).Start(ctx, "relay")
	log.CtxLogger(workCtx).Info().Str("order", "1").Msg("relayed")
	span.End()

	<-ctx.Done()
	logger.Info().Str("name", worker.CtxWorkerName(ctx)).Msg("relay ends")

	return nil
}

// Import fails twice, then succeeds.
type Import struct{ attempts int }

// NewImport returns an Import.
func NewImport() *Import { return &Import{} }

// Name returns the name of the worker.
func (*Import) Name() string { return "Import Orders" }

// Run fails in its first two attempts.
func (i *Import) Run(ctx context.Context) error {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "import")
	defer span.End()

	i.attempts++
	worker.CtxLogger(ctx).Warn().Int("attempt", i.attempts).Msg("importing")
	if i.attempts < 3 {
		return errors.New("no such file")
	}

	return nil
}

// Export panics in each attempt.
type Export struct{}

// NewExport returns an Export.
func NewExport() *Export { return &Export{} }

// Name returns the name of the worker.
func (*Export) Name() string { return "export" }

// Run panics.
func (*Export) Run(context.Context) error { panic("disk full") }

// Migration is done once.
type Migration struct{}

// NewMigration returns a Migration.
func NewMigration() *Migration { return &Migration{} }

// Name returns the name of the worker.
func (*Migration) Name() string { return "migration" }

// Run takes a moment.
func (*Migration) Run(ctx context.Context) error {
	time.Sleep(10 * time.Millisecond)
	worker.CtxLogger(ctx).Info().Msg("migrated")

	return nil
}

// Audit is a middleware that logs what was run.
type Audit struct{}

// Name returns the name of the middleware.
func (Audit) Name() string { return "audit" }

// Handle wraps an attempt.
func (Audit) Handle() worker.MiddlewareFunc {
	return func(next worker.HandlerFunc) worker.HandlerFunc {
		return func(ctx context.Context) error {
			defer worker.CtxLogger(ctx).Info().Str("of", worker.CtxWorkerName(ctx)).Msg("audited")

			return next(ctx)
		}
	}
}
