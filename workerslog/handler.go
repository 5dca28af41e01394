package workerslog

import (
	"context"
	"log/slog"
	"slices"

	"github.com/ankorstore/yokai/worker"
)

// NewHandler returns a handler that adds to a record which attempt it is of. If the record's context is that of an attempt, or
// derives from it, the record gets the attributes "worker" ([worker.LogRecordFieldWorkerName]) and "workerExecutionID"
// ([worker.LogRecordFieldWorkerExecutionId]), and goes to next. They come before the record's own attributes, at the top, whatever
// group is open. So [slog.InfoContext] in a worker needs nothing but the worker's context. It panics if next is nil, as [slog.New]
// does.
//
// An attribute is not added where its name is taken at the top already: by the record, by a logger's With, or by a group. Records
// of other contexts go to next as they are. Attributes that a logger has added after a group was opened reach next as part of the
// record, and not by its WithAttrs; to a handler that keeps the rules of [slog.Handler] that is the same.
func NewHandler(next slog.Handler) slog.Handler {
	mustNotBeNil(next)

	return &handler{next: next}
}

// handler never changes once made.
type handler struct {
	next  slog.Handler // with all attributes and groups
	top   slog.Handler // as next was before the first group, nil while there is none
	since []scope      // what came then, in order
	taken []string     // keys of its attributes before the first group, those that matter here
}

// scope is one call of WithGroup or WithAttrs.
type scope struct {
	group string
	attrs []slog.Attr // without a group
}

// Enabled reports whether the next handler is.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle passes a record on, with what it lacks.
func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	own := fields(ctx, h.taken)
	if len(own) == 0 {
		return h.next.Handle(ctx, record)
	}

	attrs := make([]slog.Attr, 0, record.NumAttrs())
	record.Attrs(func(attr slog.Attr) bool {
		attrs = append(attrs, attr)
		return true
	})

	next := h.top
	if next == nil {
		next = h.next
	}

	// Groups that are open around the attributes become attributes themselves.
	for _, scope := range slices.Backward(h.since) {
		if scope.group != "" {
			attrs = []slog.Attr{{Key: scope.group, Value: slog.GroupValue(attrs...)}}
		} else {
			attrs = slices.Concat(scope.attrs, attrs)
		}
	}

	taken := appendTaken(nil, attrs)
	own = slices.DeleteFunc(own, func(field slog.Attr) bool { return slices.Contains(taken, field.Key) })

	with := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	with.AddAttrs(append(own, attrs...)...)

	return next.Handle(ctx, with)
}

// WithAttrs returns a handler with more attributes.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}

	with := *h
	if h.top == nil {
		with.taken = appendTaken(h.taken, attrs)
	} else {
		with.since = append(slices.Clip(h.since), scope{attrs: slices.Clone(attrs)})
	}
	with.next = h.next.WithAttrs(attrs) // which may change them

	return &with
}

// WithGroup returns a handler with one more group.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}

	with := *h
	if h.top == nil {
		with.top = h.next
	}
	with.since = append(slices.Clip(h.since), scope{group: name})
	with.next = h.next.WithGroup(name)

	return &with
}

// fields returns what ctx tells of its attempt, but for what is taken.
func fields(ctx context.Context, taken []string) []slog.Attr {
	var own []slog.Attr
	for _, field := range [...]slog.Attr{
		slog.String(worker.LogRecordFieldWorkerName, worker.CtxWorkerName(ctx)),
		slog.String(worker.LogRecordFieldWorkerExecutionId, worker.CtxWorkerExecutionId(ctx)),
	} {
		if field.Value.String() != "" && !slices.Contains(taken, field.Key) {
			own = append(own, field)
		}
	}

	return own
}

// appendTaken adds the keys of attributes that matter here, those within groups that are inlined too. Groups that handlers leave out do
// not count.
func appendTaken(taken []string, attrs []slog.Attr) []string {
	taken = slices.Clip(taken)
	for _, attr := range attrs {
		switch attr.Key {
		case worker.LogRecordFieldWorkerName, worker.LogRecordFieldWorkerExecutionId:
			if !isEmpty(attr) {
				taken = append(taken, attr.Key)
			}
		case "":
			if value := attr.Value.Resolve(); value.Kind() == slog.KindGroup {
				taken = appendTaken(taken, value.Group())
			}
		}
	}

	return taken
}

// isEmpty reports whether handlers leave an attribute out: one that is zero, or a group of nothing else.
func isEmpty(attr slog.Attr) bool {
	value := attr.Value.Resolve()
	switch value.Kind() {
	case slog.KindGroup:
		return !slices.ContainsFunc(value.Group(), func(member slog.Attr) bool { return !isEmpty(member) })
	case slog.KindAny:
		return attr.Key == "" && value.Any() == nil
	default:
		return false
	}
}
