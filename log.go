package worker

import (
	"context"

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
func (s *supervisor) event(level zerolog.Level, executionID string, trace *traceIDs) *zerolog.Event {
	event := s.generation.logger.WithLevel(level).
		Str(LogRecordFieldWorkerName, s.plan.name).
		Str(LogRecordFieldWorkerExecutionId, executionID)
	if trace.trace != "" {
		event.Str("traceID", trace.trace)
	}
	if trace.span != "" {
		event.Str("spanID", trace.span)
	}

	return event
}

// log writes one record. A writer or hook that panics loses the record, not the worker.
func (s *supervisor) log(level zerolog.Level, message string, d *detail) {
	if s.generation.logger == nil {
		return
	}
	defer func() { _ = recover() }()

	event := s.event(level, s.id, s.trace)
	switch {
	case d.stack != "": // the message has the error then
		event.Str("stack", d.stack)
	case d.err != nil:
		event = s.withError(event, level, message, d)
	}
	if d.cause != nil {
		event.Str("cause", s.causeText(d.cause))
	}
	event.Msg(message)
}

// withError adds the error as the program's marshallers make it. Where they panic, a record without what they have left behind has its
// text; where they end the goroutine, that one is written at once.
func (s *supervisor) withError(event *zerolog.Event, level zerolog.Level, message string, d *detail) *zerolog.Event {
	plain := func() *zerolog.Event {
		return s.event(level, s.id, s.trace).Str(zerolog.ErrorFieldName, d.textOfError())
	}
	returned := false
	defer func() {
		if !returned {
			plain().Msg(message)
		}
	}()

	if guard(func() { event.Err(unmarked(d.err)) }) != nil {
		event = plain()
	}
	returned = true

	return event
}

// causeText is the text of why the worker ends. If that is an error of a user's, it is the cause of the pool's stop, which is asked for
// its text once for all workers.
func (s *supervisor) causeText(cause error) string {
	if isPlain(cause) {
		return cause.Error()
	}

	s.pool.mu.Lock()
	s.pool.currentLocked() // the end of Start's context begins a stop
	s.pool.mu.Unlock()

	return s.generation.causeText()
}

// logError logs what went wrong in a user's code that has a default.
func (s *supervisor) logError(message string, err error) {
	s.log(zerolog.ErrorLevel, message, &detail{text: textOf(err), err: err})
}

// logStraggler logs a worker that has not ended when a stop expired. It may be called while the worker's goroutine is in Run.
func (s *supervisor) logStraggler(stuck StuckWorker) {
	if s.generation.logger == nil {
		return
	}

	apart(func() {
		event := s.event(zerolog.WarnLevel, s.execution.Id(), s.traceIDs()).
			Stringer("status", stuck.Status).
			Str("told", stuck.Told.String())
		if stuck.Stack != "" {
			event.Str("stack", stuck.Stack)
		}
		event.Msg("worker has not stopped in time")
	})
}

// traceIDs returns the ids for a record that another goroutine than the worker's writes.
func (s *supervisor) traceIDs() *traceIDs {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.trace
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
