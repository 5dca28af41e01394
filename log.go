package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// How the pool logs: its own lines, with the fields of an attempt's logger.

// traceIDs are the ids of a span as log records carry them, empty where there is none.
type traceIDs struct {
	trace, span string
}

func idsOf(span oteltrace.SpanContext) (ids traceIDs) {
	if span.HasTraceID() {
		ids.trace = span.TraceID().String()
	}
	if span.HasSpanID() {
		ids.span = span.SpanID().String()
	}

	return ids
}

// event begins a log record with the fields of the worker.
func (s *supervisor) event(level zerolog.Level, executionID string) *zerolog.Event {
	event := s.generation.logger.WithLevel(level).
		Str(LogRecordFieldWorkerName, s.plan.name).
		Str(LogRecordFieldWorkerExecutionId, executionID)
	if s.trace.trace != "" {
		event.Str("traceID", s.trace.trace)
	}
	if s.trace.span != "" {
		event.Str("spanID", s.trace.span)
	}

	return event
}

// log writes one record. A writer or hook that panics loses the record, not the worker.
func (s *supervisor) log(level zerolog.Level, message string, d *detail) {
	if s.generation.logger == nil {
		return
	}
	defer func() { _ = recover() }()

	event := s.event(level, s.id)
	switch {
	case d.stack != "": // the message has the error then
		event.Str("stack", d.stack)
	case d.err != nil:
		plain := func() *zerolog.Event { // without what the user's marshaller has left behind
			return s.event(level, s.id).Str(zerolog.ErrorFieldName, d.textOfError())
		}
		returned := false
		defer func() {
			if !returned { // it ends the goroutine
				plain().Msg(message)
			}
		}()
		if guard(func() { event.Err(d.err) }) != nil {
			event = plain()
		}
		returned = true
	}
	if d.cause != nil {
		event.Str("cause", s.generation.textOfCause(d.cause))
	}
	event.Msg(message)
}

// logError logs what went wrong in a user's code that has a default.
func (s *supervisor) logError(message string, err error) {
	s.log(zerolog.ErrorLevel, message, &detail{text: textOf(err), err: err})
}

// logStraggler logs a worker that has not ended when a stop expired. It may be called while the worker's goroutine is in Run.
func (s *supervisor) logStraggler(stuck StuckWorker) {
	logger := s.generation.logger
	if logger == nil {
		return
	}

	apart(func() {
		event := logger.Warn().
			Str(LogRecordFieldWorkerName, s.plan.name).
			Str(LogRecordFieldWorkerExecutionId, s.execution.Id()).
			Stringer("status", stuck.Status).
			Str("told", stuck.Told.String())
		if stuck.Stack != "" {
			event.Str("stack", stuck.Stack)
		}
		event.Msg("worker has not stopped in time")
	})
}

// apart runs user code on a goroutine of its own, so that a Goexit in it is not the caller's.
func apart(f func()) {
	<-launch(f)
}

// patience is how long a start, a stop or a report waits for user code that is none of its workers': log writers, and the methods of
// Start's context and of its cause.
const patience = 100 * time.Millisecond

// briefly runs user code apart, and does not wait for it any longer than that.
func briefly(f func()) {
	await(launch(f), patience)
}

// briefText is err's text, or its type where that does not come soon.
func briefText(err error) string {
	text := make(chan string, 1)
	briefly(func() { text <- textOf(err) })
	select {
	case text := <-text:
		return text
	default:
		return fmt.Sprintf("%T", err)
	}
}

// launch runs user code on a goroutine of its own. The channel is closed once that has ended.
func launch(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = guard(f)
	}()

	return done
}

// baseLogger returns the logger that ctx carries, less the fields that a surrounding attempt put into it: the workers of a
// pool that a worker starts have their own. It is nil if there is none.
func baseLogger(ctx context.Context) *zerolog.Logger {
	logger := zerolog.Ctx(ctx)

	if outer := attemptOf(ctx); outer != nil && zerolog.Ctx(outer) == logger {
		return outer.supervisor.generation.logger
	}
	if logger == zerolog.Ctx(context.Background()) && logger.GetLevel() == zerolog.Disabled {
		return nil
	}

	// A copy, since UpdateContext may change the original at any time.
	own := *logger

	return &own
}
