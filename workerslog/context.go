package workerslog

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
)

// NewContext returns a context with a [zerolog.Logger] that writes to a handler, in place of the logger that ctx carries. The pool
// that is started with that context logs through the handler, and so does [worker.CtxLogger] in its workers. It panics if handler
// is nil, as [slog.New] does.
//
// Each zerolog event becomes one record:
//
//   - Its level is the one of the same name, with trace, fatal and panic 4 beyond the next one: -8, 12 and 16. An event
//     without a level (Log) is at [slog.LevelInfo].
//   - Its time is the current one, by [zerolog.TimestampFunc]; or that of the event's own timestamp, if it has one, in the
//     precision that [zerolog.TimeFieldFormat] leaves.
//   - Its fields become attributes in their order. They went through JSON, so times and durations arrive as what zerolog
//     writes for them, errors as their text. A number is an int64, a uint64 or a float64, whichever holds it exactly, else a
//     [json.Number]; objects are groups, save in arrays, which are []any of such values and map[string]any. Of fields of one
//     name the last one counts, in the place of the first. One that is named as a handler names what is its own, such as "msg",
//     is an attribute of that name, as a [slog.Logger] makes it.
//   - It has no source position. [zerolog.Context.Caller] adds a field with it.
//
// The handler is asked by Enabled before an event is made; [zerolog.SetGlobalLevel] applies too. It is called with ctx, less its
// cancellation: what a handler takes from an attempt's context has to be a field of the event, as the worker, the execution id, and
// in a span the trace, are anyway.
//
// An error or a panic of the handler costs the record, and no more: [zerolog.ErrorHandler] is told of it, or standard error.
// Like the handler the logger is safe for concurrent use. An event that is not valid JSON, for zerolog does not look at what
// [zerolog.Event.RawJSON] is given, is the message as it is. So is every event of a program that was built with zerolog's tag
// binary_log, which is for CBOR in place of JSON: such programs cannot use NewContext.
func NewContext(ctx context.Context, handler slog.Handler) context.Context {
	mustNotBeNil(handler)
	w := &writer{context.WithoutCancel(ctx), handler}

	return zerolog.New(w).Sample(w).WithContext(ctx)
}

func mustNotBeNil(handler slog.Handler) {
	if handler == nil {
		panic("workerslog: nil slog.Handler")
	}
}

// writer makes a record of each event that a logger writes to it. It is the logger's sampler too, which is asked before an event is
// made.
type writer struct {
	ctx     context.Context
	handler slog.Handler
}

// Sample reports whether an event of a level shall be made. If the handler panics it is, so that WriteLevel can tell.
func (w *writer) Sample(level zerolog.Level) (enabled bool) {
	defer func() {
		if recover() != nil {
			enabled = true
		}
	}()

	return w.handler.Enabled(w.ctx, levelOf(level))
}

// WriteLevel handles one event. It asks Enabled once more, since samplers can be replaced and switched off.
func (w *writer) WriteLevel(level zerolog.Level, event []byte) (n int, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("slog handler %T: %w", w.handler, &worker.PanicError{Value: value, Stack: debug.Stack()})
		}
	}()

	if w.handler.Enabled(w.ctx, levelOf(level)) {
		err = w.handler.Handle(w.ctx, newRecord(level, event))
	}

	return len(event), err
}

// Write makes the writer an [io.Writer], as zerolog asks. Loggers call WriteLevel.
func (w *writer) Write(event []byte) (int, error) {
	return w.WriteLevel(zerolog.NoLevel, event)
}

// levelOf returns the level of a record: zerolog's are one apart, slog's are four.
func levelOf(level zerolog.Level) slog.Level {
	if level == zerolog.NoLevel {
		return slog.LevelInfo
	}

	return slog.LevelInfo + 4*slog.Level(level-zerolog.InfoLevel)
}
