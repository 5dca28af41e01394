package workerslog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerslog"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// setting sets one of zerolog's variables until the test has ended.
func setting[T any](t *testing.T, variable *T, value T) {
	t.Helper()
	old := *variable
	*variable = value
	t.Cleanup(func() { *variable = old })
}

// logged returns what the JSON handler makes of one event, without the braces.
func logged(t *testing.T, log func(logger *zerolog.Logger)) string {
	t.Helper()
	var out lines
	log(zerolog.Ctx(workerslog.NewContext(t.Context(), newJSON(&out))))
	require.Len(t, out.all(), 1)

	return strings.TrimSuffix(strings.TrimPrefix(out.all()[0], "{"), "}")
}

func TestPoolAndWorkersLogThroughTheHandler(t *testing.T) {
	var out lines
	handler := workerslog.NewHandler(newJSON(&out))
	attempts := 0
	pool := newPool(worker.WithWorker(
		worker.NewFuncWorker("mailer", func(ctx context.Context) error {
			worker.CtxLogger(ctx).Info().Int("mails", 3).Msg("by zerolog")
			slog.New(handler).InfoContext(ctx, "by slog", "mails", 3)
			if attempts++; attempts == 1 {
				return errNoConnection
			}
			panic("no more")
		}),
		worker.WithMaxExecutionsAttempts(2),
	))
	require.Error(t, pool.Run(workerslog.NewContext(t.Context(), handler)))

	got := out.all()
	require.Len(t, got, 10)
	const own = `"worker":"mailer","workerExecutionID":"id"`
	stack := got[8]
	got[8], _, _ = strings.Cut(stack, `,"stack":"`)
	assert.Equal(t, []string{
		`{"level":"INFO","msg":"starting execution attempt 1/2",` + own + `}`,
		`{"level":"INFO","msg":"by zerolog",` + own + `,"mails":3}`,
		`{"level":"INFO","msg":"by slog",` + own + `,"mails":3}`,
		`{"level":"ERROR","msg":"stopping execution attempt 1/2 with error: no connection",` + own + `,"error":"no connection"}`,
		`{"level":"INFO","msg":"restarting after error",` + own + `}`,
		`{"level":"INFO","msg":"starting execution attempt 2/2",` + own + `}`,
		`{"level":"INFO","msg":"by zerolog",` + own + `,"mails":3}`,
		`{"level":"INFO","msg":"by slog",` + own + `,"mails":3}`,
		`{"level":"ERROR","msg":"stopping execution attempt 2/2 with recovered panic: no more",` + own,
		`{"level":"INFO","msg":"max execution attempts reached",` + own + `}`,
	}, got)

	var panicked struct{ Stack string }
	require.NoError(t, json.Unmarshal([]byte(stack), &panicked))
	assert.Contains(t, panicked.Stack, "workerslog_test.TestPoolAndWorkersLogThroughTheHandler")
	assert.Contains(t, panicked.Stack, "\n\t", "lines stay lines")
}

func TestTraceIsToldOnce(t *testing.T) {
	provider := sdktrace.NewTracerProvider()
	var out lines
	ctx := workerslog.NewContext(t.Context(), workerslog.NewHandler(newJSON(&out)))
	attempt(t, ctx, func(ctx context.Context) {
		ctx, span := provider.Tracer("").Start(ctx, "span")
		defer span.End()
		logger := worker.CtxLogger(ctx)
		worker.CtxLogger(logger.WithContext(ctx)).Info().Msg("m") // zerolog writes traceID and spanID twice
		assert.Contains(t, out.all()[1], fmt.Sprintf(`"workerExecutionID":"id","spanID":"%s","traceID":"%s"}`,
			span.SpanContext().SpanID(), span.SpanContext().TraceID()))
	})
}

func TestRefusedRegistrationArrives(t *testing.T) {
	var out lines
	block := worker.NewWorkerRegistration(worker.NewFuncWorker("mailer", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	pool := newPool().Register(block)
	require.NoError(t, pool.Start(workerslog.NewContext(t.Context(), workerslog.NewHandler(newJSON(&out)))))
	pool.Register(block)
	require.NoError(t, pool.Stop())
	assert.Contains(t, out.all(), `{"level":"ERROR","msg":"worker registration refused","error":"worker mailer is still running"}`)
}

func TestLateReturnArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		pool := newPool(
			worker.WithGlobalStopTimeout(time.Second),
			worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error {
				time.Sleep(time.Minute)
				return nil
			})),
		)
		require.NoError(t, pool.Start(workerslog.NewContext(t.Context(), workerslog.NewHandler(newJSON(&out)))))
		synctest.Wait()
		require.Error(t, pool.Stop())
		time.Sleep(time.Hour)
		assert.Contains(t, out.all(),
			`{"level":"WARN","msg":"returned 59s after its stop had timed out","worker":"mailer","workerExecutionID":"id"}`)
	})
}

func TestListenerPanicArrives(t *testing.T) {
	var out lines
	pool := newPool(
		worker.WithGlobalListener(func(worker.Transition) { panic("no listener") }),
		worker.WithWorker(worker.NewFuncWorker("mailer", func(context.Context) error { return nil })),
	)
	require.NoError(t, pool.Run(workerslog.NewContext(t.Context(), workerslog.NewHandler(newJSON(&out)))))
	require.Len(t, out.all(), 4)
	assert.Contains(t, out.all()[1],
		`{"level":"ERROR","msg":"worker pool listener panicked: no listener","worker":"mailer","workerExecutionID":"id","stack":"goroutine `)
}

func TestInnerPoolNamesItsOwnWorkers(t *testing.T) {
	var out lines
	handler := workerslog.NewHandler(newJSON(&out))
	inner := newPool(worker.WithWorker(worker.NewFuncWorker("inner", func(context.Context) error { return nil })))
	attempt(t, t.Context(), func(ctx context.Context) { assert.NoError(t, inner.Run(workerslog.NewContext(ctx, handler))) })
	assert.Equal(t, []string{
		`{"level":"INFO","msg":"starting execution attempt 1/1","worker":"inner","workerExecutionID":"id"}`,
		`{"level":"INFO","msg":"stopping execution attempt 1/1 with success","worker":"inner","workerExecutionID":"id"}`,
	}, out.all())
}

func TestLevels(t *testing.T) {
	for level, want := range map[zerolog.Level]slog.Level{
		zerolog.TraceLevel: -8, zerolog.DebugLevel: slog.LevelDebug, zerolog.InfoLevel: slog.LevelInfo, zerolog.WarnLevel: slog.LevelWarn,
		zerolog.ErrorLevel: slog.LevelError, zerolog.FatalLevel: 12, zerolog.PanicLevel: 16, zerolog.NoLevel: slog.LevelInfo,
	} {
		assert.Equal(t, fmt.Sprintf(`"level":"%s","msg":"m"`, want),
			logged(t, func(l *zerolog.Logger) { l.WithLevel(level).Msg("m") }), level)
	}
}

func TestPanicLevelPanicsAfterItsRecord(t *testing.T) {
	assert.Equal(t, `"level":"ERROR+8","msg":"m"`, logged(t, func(l *zerolog.Logger) {
		assert.PanicsWithValue(t, "m", func() { l.Panic().Msg("m") })
	}))
}

type object struct{}

func (object) MarshalZerologObject(e *zerolog.Event) { e.Int("code", 7).Str("why", "so") }
func (object) Error() string                         { return "object" }

func TestFields(t *testing.T) {
	for _, c := range []struct {
		name string
		log  func(e *zerolog.Event) *zerolog.Event
		want string
	}{
		{"in their order", func(e *zerolog.Event) *zerolog.Event { return e.Str("b", "1").Bool("a", true).Str("c", "") }, `"b":"1","a":true,"c":""`},
		{"text", func(e *zerolog.Event) *zerolog.Event { return e.Str("text", "\"\\\n\x00é\u2028😀\xff<&>") },
			`"text":"\"\\\n\u0000é\u2028😀�<&>"`},
		{"large integers", func(e *zerolog.Event) *zerolog.Event {
			return e.Int64("min", math.MinInt64).Int64("max", math.MaxInt64).Uint64("unsigned", math.MaxUint64).Int64("odd", 1<<53+1)
		}, `"min":-9223372036854775808,"max":9223372036854775807,"unsigned":18446744073709551615,"odd":9007199254740993`},
		{"larger numbers", func(e *zerolog.Event) *zerolog.Event {
			return e.RawJSON("n", []byte(`[123456789012345678901,1e999,0.1000000000000000000001,-1.50,1e3]`))
		}, `"n":[123456789012345678901,1e999,0.1000000000000000000001,-1.5,1000]`},
		{"floats", func(e *zerolog.Event) *zerolog.Event {
			return e.Float64("pi", math.Pi).Float32("tenth", 0.1).Float64("large", 1e300).Float64("small", 5e-324).Float64("nan", math.NaN())
		}, `"pi":3.141592653589793,"tenth":0.1,"large":1e+300,"small":5e-324,"nan":"NaN"`},
		{"null", func(e *zerolog.Event) *zerolog.Event { return e.Interface("null", nil) }, `"null":null`},
		{"an object", func(e *zerolog.Event) *zerolog.Event {
			return e.Dict("d", zerolog.Dict().Str("z", "1").Dict("in", zerolog.Dict().Int("y", 2)).Int("x", 3))
		}, `"d":{"z":"1","in":{"y":2},"x":3}`},
		{"empty ones", func(e *zerolog.Event) *zerolog.Event { return e.Dict("object", zerolog.Dict()).Strs("array", nil) }, `"object":{},"array":[]`},
		{"an array", func(e *zerolog.Event) *zerolog.Event {
			return e.Interface("a", []any{1, "two", nil, true, []int{3}, map[string]any{"k": map[string]any{"l": 1 << 60}}})
		}, `"a":[1,"two",null,true,[3],{"k":{"l":1152921504606846976}}]`},
		{"an error", func(e *zerolog.Event) *zerolog.Event { return e.Err(errNoConnection) }, `"error":"no connection"`},
		{"an error that is an object", func(e *zerolog.Event) *zerolog.Event { return e.Err(object{}) }, `"error":{"code":7,"why":"so"}`},
		{"of one name", func(e *zerolog.Event) *zerolog.Event {
			return e.Int("a", 1).Int("b", 2).Int("a", 3).Dict("d", zerolog.Dict().Int("a", 1).Int("a", 2))
		}, `"a":3,"b":2,"d":{"a":2}`},
		{"of names that zerolog uses", func(e *zerolog.Event) *zerolog.Event { return e.Str("message", "of the program") }, `"message":"of the program"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, `"level":"INFO","msg":"m",`+c.want, logged(t, func(l *zerolog.Logger) { c.log(l.Info()).Msg("m") }))
		})
	}
}

func TestFieldsHaveTypes(t *testing.T) {
	handler := &recording{}
	zerolog.Ctx(workerslog.NewContext(t.Context(), handler)).Info().
		Int("int64", -1).Uint64("uint64", math.MaxUint64).Float64("float64", 0.5).Str("string", "s").Bool("bool", true).Interface("nil", nil).
		RawJSON("number", []byte("123456789012345678901")).
		Interface("array", []any{1, 0.5, "s", []any{}, map[string]any{"a": 1}}).
		Interface("group", map[string]any{"a": 1, "b": map[string]any{"c": "d"}}).
		Msg("m")

	want := []slog.Attr{
		slog.Int64("int64", -1), slog.Uint64("uint64", math.MaxUint64), slog.Float64("float64", 0.5), slog.String("string", "s"), slog.Bool("bool", true),
		slog.Any("nil", nil),
		slog.Any("number", json.Number("123456789012345678901")),
		slog.Any("array", []any{int64(1), 0.5, "s", []any{}, map[string]any{"a": int64(1)}}),
		slog.Group("group", slog.Int64("a", 1), slog.Group("b", slog.String("c", "d"))),
	}
	var got []slog.Attr
	handler.records[0].Attrs(func(attr slog.Attr) bool {
		got = append(got, attr)
		return true
	})
	require.Len(t, got, len(want))
	for i := range want {
		assert.Equal(t, want[i].Key, got[i].Key)
		assert.Equal(t, want[i].Value.Kind(), got[i].Value.Kind(), want[i].Key)
		assert.Equal(t, want[i].Value.Any(), got[i].Value.Any(), want[i].Key)
	}
}

func TestEventsWithoutAMessage(t *testing.T) {
	assert.Equal(t, `"level":"INFO","msg":"","a":1`, logged(t, func(l *zerolog.Logger) { l.Info().Int("a", 1).Send() }))
	assert.Equal(t, `"level":"INFO","msg":""`, logged(t, func(l *zerolog.Logger) { l.Log().Send() }))
	assert.Equal(t, `"level":"INFO","msg":"","message":1`, logged(t, func(l *zerolog.Logger) { l.Log().Int("message", 1).Send() }))
	assert.Equal(t, `"level":"INFO","msg":"","level":"of the program"`,
		logged(t, func(l *zerolog.Logger) { l.Log().Str("level", "of the program").Send() }))
}

func TestNamesOfZerologMayBeChanged(t *testing.T) {
	setting(t, &zerolog.LevelFieldName, "severity")
	setting(t, &zerolog.MessageFieldName, "text")
	setting(t, &zerolog.ErrorFieldName, "err")
	setting(t, &zerolog.LevelFieldMarshalFunc, func(zerolog.Level) string { return "any" })
	assert.Equal(t, `"level":"ERROR","msg":"m","err":"no connection"`, logged(t, func(l *zerolog.Logger) { l.Err(errNoConnection).Msg("m") }))

	setting(t, &zerolog.LevelFieldName, "") // zerolog leaves it out
	assert.Equal(t, `"level":"WARN","msg":"m","severity":1`, logged(t, func(l *zerolog.Logger) { l.Warn().Int("severity", 1).Msg("m") }))
}

func TestTimeOfTheRecord(t *testing.T) {
	now := time.Date(2001, 2, 3, 4, 5, 6, 7_008_009, time.UTC)
	setting(t, &zerolog.TimestampFunc, func() time.Time { return now })
	own := now.Add(-time.Hour)

	for _, c := range []struct {
		format string
		log    func(e *zerolog.Event) *zerolog.Event
		want   time.Time
		attrs  int
	}{
		{time.RFC3339, func(e *zerolog.Event) *zerolog.Event { return e }, now, 0},
		{time.RFC3339, func(e *zerolog.Event) *zerolog.Event { return e.Timestamp() }, now.Truncate(time.Second), 0},
		{time.RFC3339Nano, func(e *zerolog.Event) *zerolog.Event { return e.Time("time", own) }, own, 0},
		{zerolog.TimeFormatUnix, func(e *zerolog.Event) *zerolog.Event { return e.Time("time", own) }, own.Truncate(time.Second), 0},
		{zerolog.TimeFormatUnixMs, func(e *zerolog.Event) *zerolog.Event { return e.Time("time", own) }, own.Truncate(time.Millisecond), 0},
		{zerolog.TimeFormatUnixMicro, func(e *zerolog.Event) *zerolog.Event { return e.Time("time", own) }, own.Truncate(time.Microsecond), 0},
		{zerolog.TimeFormatUnixNano, func(e *zerolog.Event) *zerolog.Event { return e.Time("time", own) }, own, 0},
		{time.RFC3339, func(e *zerolog.Event) *zerolog.Event { return e.Str("time", "noon") }, now, 1},
		{time.RFC3339, func(e *zerolog.Event) *zerolog.Event { return e.Int("time", 12) }, now, 1},
		{zerolog.TimeFormatUnix, func(e *zerolog.Event) *zerolog.Event { return e.Str("time", "") }, now, 1},
	} {
		setting(t, &zerolog.TimeFieldFormat, c.format)
		handler := &recording{}
		c.log(zerolog.Ctx(workerslog.NewContext(t.Context(), handler)).Info()).Msg("m")
		assert.WithinDuration(t, c.want, handler.records[0].Time, 0, c.format)
		assert.Equal(t, c.attrs, handler.records[0].NumAttrs(), c.format)
	}
}

func TestEventThatIsNotJSONIsTheMessage(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, raw := range []string{"{]", `1,"b"`, deep} {
		var got slog.Record
		handler := &recording{}
		zerolog.Ctx(workerslog.NewContext(t.Context(), handler)).Warn().RawJSON("a", []byte(raw)).Msg("m")
		got = handler.records[0]
		assert.Equal(t, slog.LevelWarn, got.Level)
		assert.Equal(t, `{"level":"warn","a":`+raw+`,"message":"m"}`, got.Message)
		assert.NotZero(t, got.Time)
	}
}

func TestDisabledEventsAreNotMade(t *testing.T) {
	var level slog.LevelVar
	var out lines
	logger := zerolog.Ctx(workerslog.NewContext(t.Context(), slog.NewTextHandler(&out, &slog.HandlerOptions{Level: &level})))
	assert.False(t, logger.Debug().Enabled())
	assert.True(t, logger.Log().Enabled())

	level.Set(slog.LevelWarn)
	assert.False(t, logger.Info().Enabled())
	assert.False(t, logger.Log().Enabled())
	assert.True(t, logger.Warn().Enabled())

	// Nor do they arrive where the logger has another sampler, or samplers are switched off.
	sampled := logger.Sample(&zerolog.BasicSampler{N: 1})
	sampled.Info().Msg("m")
	zerolog.DisableSampling(true)
	defer zerolog.DisableSampling(false)
	logger.Info().Msg("m")
	assert.Empty(t, out.all())
}

// selfPanicking panics with itself, which package fmt does not recover.
type selfPanicking struct{}

func (v *selfPanicking) String() string { panic(v) }

func TestHandlerThatMisbehavesCostsItsRecord(t *testing.T) {
	var told []string
	setting(t, &zerolog.ErrorHandler, func(err error) { told = append(told, err.Error()) })

	for name, c := range map[string]struct {
		handler misbehaving
		told    string
	}{
		"error":            {misbehaving{handle: func() error { return errors.New("disk full") }}, "disk full"},
		"panic":            {misbehaving{handle: func() error { panic("disk gone") }}, "slog handler workerslog_test.misbehaving: recovered panic: disk gone"},
		"panic in Enabled": {misbehaving{enabled: func() { panic("no level") }}, "slog handler workerslog_test.misbehaving: recovered panic: no level"},
		"panic with itself": {misbehaving{handle: func() error { panic(&selfPanicking{}) }},
			"slog handler workerslog_test.misbehaving: recovered panic: *workerslog_test.selfPanicking (panics when it is printed)"},
	} {
		t.Run(name, func(t *testing.T) {
			told = nil
			attempt(t, workerslog.NewContext(t.Context(), c.handler), func(ctx context.Context) {
				worker.CtxLogger(ctx).Info().Msg("still here")
			})
			assert.Equal(t, []string{c.told, c.told, c.told}, told)
		})
	}
}

func TestHandlerThatExitsItsGoroutine(t *testing.T) {
	handler := misbehaving{handle: func() error {
		runtime.Goexit()
		return nil
	}}
	attempt(t, workerslog.NewContext(t.Context(), handler), func(context.Context) {})
}

func TestHandlerIsCalledWithTheContextLessItsCancellation(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	handler := &recording{}
	logger := zerolog.Ctx(workerslog.NewContext(ctx, handler))
	cancel()
	logger.Info().Msg("m")
	assert.Equal(t, "value", handler.ctx.Value(key{}))
	assert.NoError(t, handler.ctx.Err())
}

func TestContextReplacesItsLogger(t *testing.T) {
	var out lines
	ctx := zerolog.New(io.Discard).With().Str("old", "field").Logger().Level(zerolog.ErrorLevel).WithContext(t.Context())
	zerolog.Ctx(workerslog.NewContext(ctx, newJSON(&out))).Info().Msg("m")
	assert.Equal(t, []string{`{"level":"INFO","msg":"m"}`}, out.all())
}

func TestManyWorkersLogAtOnce(t *testing.T) {
	const workers, each = 20, 50
	handler := &recording{}
	pool := newPool()
	for i := range workers {
		name := fmt.Sprint("worker", i)
		pool.Register(worker.NewWorkerRegistration(worker.NewFuncWorker(name, func(ctx context.Context) error {
			for n := range each {
				worker.CtxLogger(ctx).Info().Str("of", name).Int("n", n).Msg("m")
			}
			return nil
		})))
	}
	require.NoError(t, pool.Run(workerslog.NewContext(t.Context(), workerslog.NewHandler(handler))))

	// The records are kept, while zerolog has used its buffers for others.
	next := map[string]int64{}
	for _, record := range handler.records {
		attrs := map[string]slog.Value{}
		record.Attrs(func(attr slog.Attr) bool {
			attrs[attr.Key] = attr.Value
			return true
		})
		if record.Message == "m" {
			name := attrs["worker"].String()
			assert.Equal(t, name, attrs["of"].String())
			assert.Equal(t, next[name], attrs["n"].Int64())
			next[name]++
		}
	}
	assert.Len(t, handler.records, workers*(each+2))
	assert.Len(t, next, workers)
}
