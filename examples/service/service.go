package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"
)

var errDurationPassed = errors.New("the -duration has passed")

// stopTimeout bounds how long a stop waits for the workers. The error of a stop
// that takes longer names those that hang.
const stopTimeout = 10 * time.Second

// readerStopTimeout bounds how long one that reads files, which can hang, may
// hold up the end of the HTTP server. It leaves that its [drainTimeout].
const readerStopTimeout = 4 * time.Second

// serve runs the service until ctx is done, the duration of cfg has passed or
// HTTP cannot be served any more. It then stops the workers, the HTTP server
// last, and returns why the service or its workers failed; nil if none did.
// Whatever prevents a start is returned before any worker has run.
func serve(ctx context.Context, cfg config, stdout, stderr io.Writer) error {
	if err := cfg.resolve(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it has begun
		}

		return err
	}

	listener, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("cannot serve -addr: %w", err)
	}

	var provider trace.TracerProvider // nil: the global one, which drops all spans
	if cfg.trace {
		provider = newTracerProvider(stdout)
	}

	pool, err := newPool(cfg, serviceURL(listener.Addr(), metricsPath), provider)
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	if cfg.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cfg.duration, errDurationPassed)
		defer cancel()
	}

	return servePool(newLogger(stderr).WithContext(ctx), pool, listener)
}

// newPool returns the pool of the service's workers but the HTTP server, which
// serves what the pool tells: [servePool] adds it.
func newPool(cfg config, metricsURL string, provider trace.TracerProvider) (*worker.WorkerPool, error) {
	return worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithGlobalStopTimeout(stopTimeout),
		worker.WithTracerProvider(provider),

		// What the service is for ends it where it fails: else it would go on
		// live and never ready again, and nobody would restart it.
		worker.WithWorker(
			newIndexer(cfg.dir, cfg.out),
			worker.WithHeartbeat(indexerHeartbeat), // of no progress, however long the walk takes
			worker.WithReadiness(0),
			worker.WithStopTimeout(readerStopTimeout),
			worker.WithStopPoolOnFailure(),
		),
		worker.WithWorker(worker.NewPeriodicWorker(samplerName, samplerInterval, newSampler().sample), worker.WithStopPoolOnFailure()),
		worker.WithWorker(
			worker.NewPeriodicWorker(selfcheckName, selfcheckInterval, newSelfcheck(metricsURL).check),
			worker.WithDependsOn(serverName),
			worker.WithMaxExecutionsAttempts(selfcheckAttempts),
			worker.WithBackoff(worker.ExponentialBackoff(selfcheckMinBackoff, selfcheckMaxBackoff)),
			worker.WithHealthyAfter(selfcheckHealthyAfter),
		),
		checkerOf(cfg.out),
		worker.WithWorker(
			newFlaky(),
			worker.WithMaxExecutionsAttempts(flakyAttempts),
			worker.WithBackoff(worker.ConstantBackoff(flakyBackoff)),
		),
	)
}

// checkerOf registers the checker of the index in file.
func checkerOf(file string) worker.WorkerPoolOption {
	return worker.WithWorker(
		worker.NewFuncWorker(checkerName, newChecker(file).check),
		worker.WithSchedule(worker.Every(checkerInterval)),
		worker.WithAttemptTimeout(checkerTimeout),
		worker.WithStopTimeout(readerStopTimeout),
		worker.WithMaxExecutionsAttempts(checkerAttempts),
		worker.WithBackoff(worker.ConstantBackoff(checkerBackoff)),
	)
}

// servePool runs pool and a server of what it tells until ctx is done or one of
// them has failed for good. It closes listener.
func servePool(ctx context.Context, pool *worker.WorkerPool, listener net.Listener) error {
	defer listener.Close() // where the server has not run

	pool.Register(worker.NewWorkerRegistration(
		newServer(listener, newHandler(pool)),
		worker.WithReadiness(serverReadyWithin),
		// It goes last: the workers' final counts are there to be scraped.
		worker.WithStopStage(1),
		// Without /metrics the service is of no use.
		worker.WithStopPoolOnFailure(),
	))

	return runPool(ctx, pool)
}

// runPool runs pool until ctx is done, and logs the cause of that. The error
// tells which workers failed and why, and which did not stop; nil if none.
func runPool(ctx context.Context, pool *worker.WorkerPool) error {
	logStop := sync.OnceFunc(func() {
		zerolog.Ctx(ctx).Info().Str("cause", context.Cause(ctx).Error()).Msg("stopping")
	})
	dontLog := context.AfterFunc(ctx, logStop)

	err := pool.Run(ctx)
	// The workers may hear of the end before AfterFunc does, and have ended by then.
	if !dontLog() || ctx.Err() != nil {
		logStop()
	}

	return exceptShown(err)
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
