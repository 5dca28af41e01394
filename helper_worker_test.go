package worker_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
)

// What workers and middlewares of the tests do, and values that misbehave.

// funcWorker is a worker of a name and a function.
type funcWorker struct {
	name string
	run  func(ctx context.Context) error
}

func (w *funcWorker) Name() string                  { return w.name }
func (w *funcWorker) Run(ctx context.Context) error { return w.run(ctx) }

// do makes a worker.
func do(name string, run func(ctx context.Context) error) worker.Worker {
	return &funcWorker{name, run}
}

// namedWorker has a name of its own making.
type namedWorker struct{ name func() string }

func (w *namedWorker) Name() string              { return w.name() }
func (w *namedWorker) Run(context.Context) error { return nil }

// run is what a worker does.
type run = func(ctx context.Context) error

func succeed(context.Context) error { return nil }
func fail(context.Context) error    { return errors.New("boom") }
func panics(context.Context) error  { panic("ouch") }
func goexits(context.Context) error { runtime.Goexit(); return nil }

// block runs until it is cancelled.
func block(ctx context.Context) error {
	<-ctx.Done()

	return ctx.Err()
}

// failLate ignores the cancellation of its context, and then fails with an error of its own.
func failLate(ctx context.Context) error {
	<-ctx.Done()

	return errors.New("boom")
}

// untilTold ends well once it is told to stop.
func untilTold(ctx context.Context) error { <-ctx.Done(); return nil }

// drain takes d to end once it was told to.
func drain(d time.Duration) run {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)

		return ctx.Err()
	}
}

// takes works for d, and returns err.
func takes(d time.Duration, err error) run {
	return func(context.Context) error { time.Sleep(d); return err }
}

// inOrder makes a worker whose attempts run one function each; the last one stands for all that follow.
func inOrder(name string, runs ...func(ctx context.Context) error) worker.Worker {
	attempt := 0

	return do(name, func(ctx context.Context) error {
		run := runs[min(attempt, len(runs)-1)]
		attempt++

		return run(ctx)
	})
}

// deaf ignores its context until release is closed.
func deaf(release <-chan struct{}) run {
	return func(context.Context) error {
		waitForRelease(release)

		return nil
	}
}

// waitForRelease is where a deaf worker is found.
func waitForRelease(release <-chan struct{}) { <-release }

type testMiddleware struct {
	name   string
	handle worker.MiddlewareFunc
}

func (m *testMiddleware) Name() string                  { return m.name }
func (m *testMiddleware) Handle() worker.MiddlewareFunc { return m.handle }

// middleware makes one; a nil function passes on.
func middleware(name string, handle func(ctx context.Context, next worker.HandlerFunc) error) worker.Middleware {
	if handle == nil {
		handle = func(ctx context.Context, next worker.HandlerFunc) error { return next(ctx) }
	}

	return &testMiddleware{name, func(next worker.HandlerFunc) worker.HandlerFunc {
		return func(ctx context.Context) error { return handle(ctx, next) }
	}}
}

// timeoutMiddleware is the one of yokai's documentation: it does not wait for a Run that takes too long.
func timeoutMiddleware(d time.Duration) worker.Middleware {
	return middleware("timeout", func(ctx context.Context, next worker.HandlerFunc) error {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- next(ctx) }()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return errors.New("took too long")
		}
	})
}

// nextFunc is a schedule made of a function.
type nextFunc func(after time.Time) time.Time

func (f nextFunc) Next(after time.Time) time.Time { return f(after) }

// generatorFunc is an id generator made of a function.
type generatorFunc func() string

func (f generatorFunc) Generate() string { return f() }

// writerFunc is a log writer made of a function.
type writerFunc func(line []byte) (int, error)

func (f writerFunc) Write(line []byte) (int, error) { return f(line) }

// logging is a context whose logger writes to a function.
func logging(t *testing.T, write func(string)) context.Context {
	t.Helper()

	return zerolog.New(writerFunc(func(line []byte) (int, error) {
		write(string(line))

		return len(line), nil
	})).WithContext(t.Context())
}

// errorFunc is an error whose text is made of a function.
type errorFunc func() string

func (f errorFunc) Error() string { return f() }

type panickyError struct{}

func (*panickyError) Error() string { panic("in Error") }

type goexitError struct{}

func (goexitError) Error() string { runtime.Goexit(); return "" }

// uncomparableErrors is an error that may not be compared, not even with itself.
type uncomparableErrors []error

func (uncomparableErrors) Error() string     { return "errors" }
func (e uncomparableErrors) Unwrap() []error { return e }

// assignToNilMap panics with a runtime.Error.
func assignToNilMap(context.Context) error {
	registrations := worker.PoolOptions{}.Registrations
	registrations["x"] = nil

	return nil
}
