package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
)

var errDurationPassed = errors.New("the -duration has passed")

// serve runs the service until ctx is done, the duration of cfg has passed or
// HTTP cannot be served any more. It then stops the workers, after them the
// HTTP server, and returns why the service or its workers failed; nil if none
// did. Whatever prevents a start is returned before any worker has run.
func serve(ctx context.Context, cfg config, stdout, stderr io.Writer) error {
	if err := cfg.resolve(ctx); err != nil {
		return err
	}

	listener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("cannot serve -addr: %w", err)
	}

	if cfg.trace {
		shutdown := installTracing(stdout)
		defer shutdown()
	}

	if cfg.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cfg.duration, errDurationPassed)
		defer cancel()
	}

	return serveListener(newLogger(stderr).WithContext(ctx), cfg, listener)
}

// serveListener is serve from the point on where nothing is missing to start.
// It closes listener.
func serveListener(ctx context.Context, cfg config, listener net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	pool, err := newPool(cfg, metricsURL(listener.Addr()))
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	// Without /metrics the service is of no use, so its failure stops the pool.
	server, err := startServer(ctx, listener, pool.Metrics(), cancel)
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	runErr := runPool(ctx, pool)
	// The server goes last: the workers' final counts are there to be
	// scraped, and selfcheck never sees it gone.
	stopErr := server.stop()

	return errors.Join(runErr, stopErr)
}

// newPool returns the pool of the service's workers, not yet started.
func newPool(cfg config, metricsURL string) (*worker.WorkerPool, error) {
	return worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithWorker(newIndexer(cfg.dir, cfg.out)),
		worker.WithWorker(newSampler()),
		worker.WithWorker(newSelfcheck(metricsURL)),
		worker.WithWorker(newFlaky(), worker.WithMaxExecutionsAttempts(flakyAttempts)),
	)
}

// runPool runs pool until ctx is done and all its workers have returned. The
// error tells which workers failed and why; nil if none did.
func runPool(ctx context.Context, pool *worker.WorkerPool) error {
	if err := pool.Start(ctx); err != nil {
		return err
	}

	<-ctx.Done()
	zerolog.Ctx(ctx).Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping")

	stopErr := pool.Stop()

	return errors.Join(stopErr, failedWorkers(pool))
}

// failedWorkers returns an error for each worker of the stopped pool that ended
// in [worker.Error], joined and sorted by name. The failures that flaky is there
// to show do not count, should the stop have come before its recovery.
func failedWorkers(pool *worker.WorkerPool) error {
	executions := pool.Executions()
	names := make([]string, 0, len(executions))

	for name, execution := range executions {
		shown := name == flakyName && execution.CurrentExecutionAttempt() < flakyAttempts
		if execution.Status() == worker.Error && !shown {
			names = append(names, name)
		}
	}

	slices.Sort(names)

	errs := make([]error, 0, len(names))
	for _, name := range names {
		errs = append(errs, fmt.Errorf("worker %s failed: %s", name, lastAttemptEnd(executions[name])))
	}

	return errors.Join(errs...)
}

// lastAttemptEnd returns the message with which the last attempt of execution
// ended. It carries the error or the panic.
func lastAttemptEnd(execution *worker.WorkerExecution) string {
	for _, event := range slices.Backward(execution.Events()) {
		if strings.HasPrefix(event.Message(), "stopping execution attempt") {
			return event.Message()
		}
	}

	return "unknown reason"
}

// newLogger returns a logger that writes readable lines to w, in color if w is
// a terminal. It is safe for concurrent use even if w is not.
func newLogger(w io.Writer) zerolog.Logger {
	console := zerolog.ConsoleWriter{
		Out:           zerolog.SyncWriter(w),
		NoColor:       !isTerminal(w),
		TimeFormat:    time.TimeOnly,
		FieldsExclude: []string{zerolog.ErrorStackFieldName},
		FormatExtra:   appendStack,
	}

	return zerolog.New(console).With().Timestamp().Logger()
}

// appendStack puts the stack of a log event, if it has one, on lines of its own
// below the event.
func appendStack(event map[string]any, line *bytes.Buffer) error {
	if stack, ok := event[zerolog.ErrorStackFieldName].(string); ok {
		line.WriteString("\n" + strings.TrimSpace(stack))
	}

	return nil
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}

	info, err := file.Stat()

	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
