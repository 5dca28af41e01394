package workerslog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerslog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// within is a handler that is called in one context, whatever the logger's.
type within struct {
	slog.Handler
	ctx context.Context
}

func (h within) Handle(_ context.Context, record slog.Record) error {
	return h.Handler.Handle(h.ctx, record)
}

func (h within) WithAttrs(attrs []slog.Attr) slog.Handler {
	return within{h.Handler.WithAttrs(attrs), h.ctx}
}

func (h within) WithGroup(name string) slog.Handler {
	return within{h.Handler.WithGroup(name), h.ctx}
}

// attemptContext returns a context as an attempt has it.
func attemptContext() context.Context {
	ctx := context.WithValue(context.Background(), worker.CtxWorkerNameKey{}, "mailer")

	return context.WithValue(ctx, worker.CtxWorkerExecutionIdKey{}, "id")
}

func TestHandlerKeepsTheRulesOfHandlers(t *testing.T) {
	for name, wrap := range map[string]func(slog.Handler) slog.Handler{
		"outside of a worker": workerslog.NewHandler,
		"in a worker":         func(next slog.Handler) slog.Handler { return within{workerslog.NewHandler(next), attemptContext()} },
		"twice in a worker": func(next slog.Handler) slog.Handler {
			return within{workerslog.NewHandler(workerslog.NewHandler(next)), attemptContext()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			slogtest.Run(t, func(*testing.T) slog.Handler {
				out.Reset()
				return wrap(slog.NewJSONHandler(&out, nil))
			}, func(t *testing.T) map[string]any {
				var got map[string]any
				require.NoError(t, json.Unmarshal(out.Bytes(), &got))
				if name != "outside of a worker" {
					assert.Equal(t, []any{"mailer", "id"}, []any{got["worker"], got["workerExecutionID"]})
				}

				return got
			})
		})
	}
}

// late is a value that is known only when it is asked for.
type late slog.Value

func (l late) LogValue() slog.Value { return slog.Value(l) }

func TestHandlerTellsOfTheAttemptAtTheTop(t *testing.T) {
	const own = `"worker":"mailer","workerExecutionID":"id"`
	inlined := slog.Group("", slog.String("worker", "of the program"))

	for _, c := range []struct {
		name string
		log  func(ctx context.Context, logger *slog.Logger)
		want string // after level and message
	}{
		{"no attributes", func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m") }, own},
		{"before the record's", func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "a", 1, "b", 2, "c", 3, "d", 4) },
			own + `,"a":1,"b":2,"c":3,"d":4`},
		{"after With's", func(ctx context.Context, l *slog.Logger) { l.With("w", 0).InfoContext(ctx, "m", "a", 1) }, `"w":0,` + own + `,"a":1`},
		{"outside of groups",
			func(ctx context.Context, l *slog.Logger) {
				l.With("w", 0).WithGroup("g").With("x", 1).WithGroup("h").With("y", 2).InfoContext(ctx, "m", "z", 3)
			},
			`"w":0,` + own + `,"g":{"x":1,"h":{"y":2,"z":3}}`},
		{"empty groups are left out", func(ctx context.Context, l *slog.Logger) { l.WithGroup("g").WithGroup("h").InfoContext(ctx, "m") }, own},
		{"the name in a group is another one",
			func(ctx context.Context, l *slog.Logger) {
				l.WithGroup("g").With("worker", "w").InfoContext(ctx, "m", "workerExecutionID", "i")
			},
			own + `,"g":{"worker":"w","workerExecutionID":"i"}`},
		{"none where the record has one", func(ctx context.Context, l *slog.Logger) {
			l.InfoContext(ctx, "m", "worker", "w", "workerExecutionID", "i")
		},
			`"worker":"w","workerExecutionID":"i"`},
		{"none where With has one", func(ctx context.Context, l *slog.Logger) {
			l.With("worker", "w").WithGroup("g").InfoContext(ctx, "m", "a", 1)
		},
			`"worker":"w","workerExecutionID":"id","g":{"a":1}`},
		{"none where a group has the name", func(ctx context.Context, l *slog.Logger) { l.WithGroup("worker").InfoContext(ctx, "m", "a", 1) },
			`"workerExecutionID":"id","worker":{"a":1}`},
		{"none where an inlined group has one", func(ctx context.Context, l *slog.Logger) { l.With(inlined).InfoContext(ctx, "m", inlined) },
			`"worker":"of the program","workerExecutionID":"id","worker":"of the program"`},
		{"none where a value resolves to such a group",
			func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "m", "", late(inlined.Value)) },
			`"workerExecutionID":"id","worker":"of the program"`},
		{"but where such a group is left out, being empty", func(ctx context.Context, l *slog.Logger) {
			nothing := slog.Group("workerExecutionID", slog.Group("none"), slog.Attr{})
			l.With(slog.Group("worker"), nothing).WithGroup("worker").InfoContext(ctx, "m", nothing)
		},
			own},
		{"nor where the group's own group is", func(ctx context.Context, l *slog.Logger) {
			l.WithGroup("worker").WithGroup("g").InfoContext(ctx, "m", slog.Group("h"))
		},
			own},
		{"no context", func(_ context.Context, l *slog.Logger) { l.WithGroup("g").Info("m", "a", 1) }, `"g":{"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out lines
			logger := slog.New(workerslog.NewHandler(newJSON(&out)))
			attempt(t, t.Context(), func(ctx context.Context) { c.log(ctx, logger) })
			assert.Equal(t, []string{`{"level":"INFO","msg":"m",` + c.want + `}`}, out.all())
		})
	}
}

func TestHandlersThatDeriveFromOneDoNotMeet(t *testing.T) {
	var out lines
	handler := workerslog.NewHandler(newJSON(&out))
	assert.Same(t, handler, handler.WithGroup(""))
	assert.Same(t, handler, handler.WithAttrs(nil))

	// The parent's slices have room for more, which none of its children may use.
	parent := slog.New(handler).WithGroup("g").With("a", 1).With("b", 2)
	children := []*slog.Logger{
		parent.With("left", 1), parent.With("right", 2), parent.WithGroup("left"), parent.WithGroup("right"), parent,
	}
	for _, logger := range children {
		logger.InfoContext(attemptContext(), "m", "z", 4)
	}
	var ends []string
	for _, line := range out.all() {
		end, ok := strings.CutPrefix(line, `{"level":"INFO","msg":"m","worker":"mailer","workerExecutionID":"id","g":{"a":1,"b":2,`)
		require.True(t, ok, line)
		ends = append(ends, end)
	}
	assert.Equal(t, []string{`"left":1,"z":4}}`, `"right":2,"z":4}}`, `"left":{"z":4}}}`, `"right":{"z":4}}}`, `"z":4}}`}, ends)
}

// greedy is a handler that uses the attributes it was given for something else, as it may.
type greedy struct{ slog.Handler }

func (h greedy) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := h.Handler.WithAttrs(attrs)
	attrs[0] = slog.String("another", "one")

	return greedy{next}
}

func (h greedy) WithGroup(name string) slog.Handler { return greedy{h.Handler.WithGroup(name)} }

func TestHandlerLeavesItsAttributesToTheNext(t *testing.T) {
	var out lines
	logger := slog.New(workerslog.NewHandler(greedy{newJSON(&out)})).With("worker", "w").WithGroup("g").With("a", 1)
	logger.InfoContext(attemptContext(), "m", "b", 2)
	assert.Equal(t, []string{`{"level":"INFO","msg":"m","worker":"w","workerExecutionID":"id","g":{"a":1,"b":2}}`}, out.all())
}

func TestHandlerKeepsTheRecord(t *testing.T) {
	next := &recording{}
	logger := slog.New(workerslog.NewHandler(next))
	logger.ErrorContext(attemptContext(), "m")
	require.Len(t, next.records, 1)
	got := next.records[0]
	assert.NotZero(t, got.Time)
	assert.Equal(t, slog.LevelError, got.Level)
	assert.Contains(t, got.Source().Function, "TestHandlerKeepsTheRecord")
}

func TestHandlerAsksTheNextOneWhetherItIsEnabled(t *testing.T) {
	logger := slog.New(workerslog.NewHandler(slog.NewJSONHandler(&lines{}, &slog.HandlerOptions{Level: slog.LevelWarn})))
	assert.False(t, logger.Enabled(t.Context(), slog.LevelInfo))
	assert.True(t, logger.WithGroup("g").Enabled(t.Context(), slog.LevelWarn))
}

func TestNilHandlerPanicsAtOnce(t *testing.T) {
	const message = "workerslog: nil slog.Handler"
	assert.PanicsWithValue(t, message, func() { workerslog.NewHandler(nil) })
	assert.PanicsWithValue(t, message, func() { workerslog.NewContext(t.Context(), nil) })
}
