package workerslog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var errNoConnection = errors.New("no connection")

// lines keeps what a handler writes.
type lines struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.buffer.Write(p)
}

// all returns the lines until now.
func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buffer.Len() == 0 {
		return nil
	}

	return strings.Split(strings.TrimSuffix(l.buffer.String(), "\n"), "\n")
}

// newJSON returns a handler that writes all but the time.
func newJSON(out io.Writer) slog.Handler {
	return slog.NewJSONHandler(out, &slog.HandlerOptions{
		Level: slog.Level(-100),
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if len(groups) == 0 && attr.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return attr
		},
	})
}

// ids generates the one id "id".
type ids struct{}

func (ids) Generate() string { return "id" }

// newPool makes a pool whose attempts all have the id "id".
func newPool(options ...worker.WorkerPoolOption) *worker.WorkerPool {
	return worker.NewWorkerPool(append(options, worker.WithGenerator(ids{}))...)
}

// attempt calls f in the context of an attempt of the worker "mailer".
func attempt(t *testing.T, ctx context.Context, f func(ctx context.Context)) {
	t.Helper()
	pool := newPool(worker.WithWorker(worker.NewFuncWorker("mailer", func(ctx context.Context) error {
		f(ctx)
		return nil
	})))
	require.NoError(t, pool.Run(ctx))
}

// misbehaving is a handler whose functions a test sets.
type misbehaving struct {
	slog.Handler
	enabled func()
	handle  func() error
}

func (h misbehaving) Enabled(context.Context, slog.Level) bool {
	if h.enabled != nil {
		h.enabled()
	}

	return true
}

func (h misbehaving) Handle(context.Context, slog.Record) error {
	return h.handle()
}

// recording keeps its records.
type recording struct {
	slog.Handler
	mu      sync.Mutex // guards the fields below
	records []slog.Record
	ctx     context.Context
}

func (*recording) Enabled(context.Context, slog.Level) bool { return true }

func (r *recording) Handle(ctx context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records, r.ctx = append(r.records, record), ctx

	return nil
}
