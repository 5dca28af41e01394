package worker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker"
)

// What scripted workers do in their attempts, and what they note of it themselves: how an attempt shall end is said by the worker before
// it returns, so that the check need not ask the pool. endings has all ways.

// maxModelAttempts is how often a scripted worker goes through its script before it settles down and waits for its end, so that
// one that is restarted at once, and for ever, lets time pass.
const maxModelAttempts = 25

// modelWorker does what its script says, one entry for each attempt.
type modelWorker struct {
	world *world
	spec  *workerSpec

	mu       sync.Mutex // guards the fields below
	named    int
	attempts int
}

// Name has its name only once: whoever asks again is lied to, and found out.
func (w *modelWorker) Name() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.named++; w.named > 1 {
		w.world.violated("the name of %s was read %d times", w.spec.name, w.named)
		return "another"
	}

	return w.spec.name
}

func (w *modelWorker) Run(ctx context.Context) error {
	a := w.world.enter(ctx, w.spec)
	defer w.world.leave(a)

	spec, ok := w.next()
	if !ok && (w.spec.timeout() > 0 || w.spec.within() > 0) {
		return a.fails(worker.Permanent(a.newError())) // since it would not settle down
	}
	if !ok {
		a.ends(byContext, "")
		a.beat(w.spec.heartbeat, block)
		return ctx.Err()
	}

	if spec.says {
		a.says()
	}
	a.silent = !spec.beats && len(spec.calls) == 0 && w.spec.heartbeat > 0
	heldUp := spec.nested && w.world.plan.pool.writer.kind != behaves // the pool inside, before it beats
	a.lively = spec.beats && len(spec.calls) == 0 && !heldUp
	for range spec.children {
		go func() {
			<-ctx.Done()
			time.Sleep(time.Millisecond)
		}()
	}
	for _, call := range spec.calls {
		w.world.perform(call)
	}
	if w.world.plan.pool.writer.kind == behaves {
		worker.CtxLogger(ctx).Info().Msg("at work")
	}
	switch {
	case spec.nested:
		a.nest(w.spec.heartbeat, spec)
	case spec.beats:
		a.beat(w.spec.heartbeat, spec.doWork)
	default:
		_ = spec.doWork(ctx)
	}
	if spec.saysLate {
		a.says()
	}

	return endings[spec.ending](a)
}

func (w *modelWorker) next() (attemptSpec, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts++

	return w.spec.script[(w.attempts-1)%len(w.spec.script)], w.attempts <= maxModelAttempts
}

func (s attemptSpec) doWork(ctx context.Context) error {
	if !s.heeds {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-time.After(s.work):
	case <-ctx.Done():
	}

	return nil
}

// attempt is one run of a worker, as seen from inside.
type attempt struct {
	world       *world
	ctx         context.Context
	spec        *workerSpec
	execution   *worker.WorkerExecution
	id          string
	run         any // which Start it belongs to
	started     time.Time
	toldAt      time.Time // when it was told to stop
	failedAt    time.Time // when it was cancelled because it was silent, not ready or running for too long
	spoiled     bool      // by a middleware, so that Run was not called
	said        bool      // that it is ready, while it was not cancelled
	endedAt     time.Time
	workedUntil time.Time // when it stopped beating
	silent      bool      // never beats although it should
	lively      bool      // beats all the time
	ending      ending
}

// quietFor is how long a lively attempt has not beaten before its end.
func (a *attempt) quietFor() time.Duration { return a.endedAt.Sub(a.workedUntil) }

// ending is how an attempt has ended, as its worker or a middleware knows it.
type ending struct {
	kind    string // of the transition, or byContext, or foreign
	text    string // of the error or panic
	attempt *attempt
}

const (
	byContext = "by its context" // returned its context's error or cause
	foreign   = "foreign"        // returned a context error while its own context was alive
)

// ends notes how the attempt is about to end.
func (a *attempt) ends(kind, text string) {
	a.ending = ending{kind, text, a}
}

// says says that the worker is ready.
func (a *attempt) says() {
	a.said = a.said || a.ctx.Err() == nil
	worker.Ready(a.ctx)
}

// nest lets a pool inside do the work, and beat from there if it beats at all.
func (a *attempt) nest(timeout time.Duration, spec attemptSpec) {
	inner := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("inner", func(ctx context.Context) error {
		if !spec.beats {
			return spec.doWork(ctx)
		}
		a.beatFrom(ctx, timeout, func(context.Context) error { return spec.doWork(ctx) })

		return nil
	}), worker.WithHeartbeat(time.Hour), worker.WithAttemptTimeout(24*time.Hour)))
	if err := inner.Run(a.ctx); err != nil {
		a.world.violated("the pool in %s: %v", a.spec.name, err)
	}
	if state := inner.State(); state != worker.PoolStopped {
		a.world.violated("the pool in %s is %s", a.spec.name, state)
	}
}

// beat beats while work goes on.
func (a *attempt) beat(timeout time.Duration, work func(context.Context) error) {
	a.beatFrom(a.ctx, timeout, work)
}

func (a *attempt) beatFrom(ctx context.Context, timeout time.Duration, work func(context.Context) error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = work(a.ctx)
	}()

	defer func() { a.workedUntil = time.Now() }()
	worker.Heartbeat(ctx)
	if timeout <= 0 {
		<-done
		return
	}
	ticker := time.NewTicker(timeout / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			worker.Heartbeat(ctx)
		case <-done:
			return
		}
	}
}

// endings are all the ways in which an attempt may end.
var endings = []func(a *attempt) error{
	func(a *attempt) error { a.ends("succeeded", ""); return nil },
	func(a *attempt) error { return a.fails(a.newError()) },
	func(a *attempt) error { return a.fails(a.newError()) },
	func(a *attempt) error { return a.fails(worker.Permanent(a.newError())) },
	func(a *attempt) error {
		a.ends(byContext, "")
		<-a.ctx.Done()
		return fmt.Errorf("read: %w", a.ctx.Err())
	},
	func(a *attempt) error {
		a.ends(byContext, "")
		<-a.ctx.Done()
		return context.Cause(a.ctx)
	},
	func(a *attempt) error {
		<-a.ctx.Done()
		return a.fails(a.newError())
	},
	func(a *attempt) error {
		if a.ctx.Err() != nil {
			a.ends(byContext, "")
			return a.ctx.Err()
		}
		a.ends(foreign, context.Canceled.Error())
		return context.Canceled
	},
	func(a *attempt) error { return a.panics(a.newError().Error()) },
	func(a *attempt) error { return a.panics(a.newError()) },
	func(a *attempt) error { return a.panics(worker.Permanent(a.newError())) },
	func(a *attempt) error { a.ends("panicked", fmt.Sprint(new(runtime.PanicNilError))); panic(nil) },
	func(a *attempt) error {
		a.ends("panicked", "assignment to entry in nil map")
		return assignToNilMap(a.ctx)
	},
	func(a *attempt) error { a.ends("goexited", ""); return goexits(a.ctx) },
	func(a *attempt) error { a.ends("failed", "<nil>"); return (*panickyError)(nil) },
	func(a *attempt) error { a.ends("failed", "%!v(PANIC=Error method: in Error)"); return &panickyError{} },
	func(a *attempt) error { a.ends("goexited", ""); return goexitError{} },
	func(a *attempt) error { a.ends("goexited", ""); panic(goexitError{}) },
	func(a *attempt) error {
		return a.fails(fmt.Errorf("%w: %s", a.newError(), strings.Repeat("é", 4096)))
	},
}

// newError is an error of a text that no other one has.
func (a *attempt) newError() error {
	return fmt.Errorf("boom %d", a.world.serial.Add(1))
}

func (a *attempt) fails(err error) error {
	a.ends("failed", err.Error())

	return err
}

func (a *attempt) panics(value any) error {
	a.ends("panicked", fmt.Sprint(value))
	panic(value)
}

func isPermanent(err error) bool {
	var permanent interface{ Permanent() bool }

	return errors.As(err, &permanent)
}

// matches returns whether the pool told of the ending what it was. What the attempt's context was done for decides in some cases; where
// that came in the moment in which the attempt ended, either is right.
func (e ending) matches(s step) error {
	a := e.attempt
	ran := a.failedAt.IsZero() || !a.failedAt.Before(a.endedAt) // until its end
	told := !a.toldAt.IsZero() && a.toldAt.Before(a.endedAt)    // before it
	detail := ""
	if len(s.values) == 3 {
		detail = s.values[2]
	}
	maybeTold := a.world.maybeTold(a)
	cause := context.Cause(a.ctx)
	failed := isFailure(cause) && detail == cause.Error() || isFailure(cause) && e.kind != "succeeded" && strings.HasPrefix(detail, cause.Error()+": ")

	ok := false
	switch s.rule.kind {
	case "goexited":
		ok = e.kind == s.rule.kind
	case "succeeded":
		ok = e.kind == s.rule.kind && (ran || maybeTold)
	case "panicked":
		ok = e.kind == s.rule.kind && e.text == detail
	case "cancelled":
		ok = e.kind == byContext || e.kind == foreign || e.isStop()
	case "failed":
		switch e.kind {
		case "succeeded", byContext:
			ok = failed
		default:
			ok = detail == e.text && (ran || maybeTold) && !(told && e.isStop()) || failed && (detail == cause.Error() || detail == cause.Error()+": "+e.text)
		}
	}
	if !ok {
		return fmt.Errorf("an attempt of %s ended as %s %q (%v, told %v), but %q was told of it", s.Worker, e.kind, e.text, cause, told, s.Message)
	}

	return nil
}

// isStop returns whether the worker's options say that its error is a stop.
func (e ending) isStop() bool {
	return e.attempt.spec.stopErrors == boomIsStop && e.kind == "failed" && strings.HasPrefix(e.text, "boom")
}

// isFailure returns whether an attempt that ends with this cause has failed because of it.
func isFailure(cause error) bool {
	return cause == worker.ErrHeartbeatMissed || cause == worker.ErrNotReady || cause == worker.ErrAttemptTimeout
}
