package worker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/ankorstore/yokai/worker"
)

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
	if !ok {
		a.ends(byContext, "")
		a.beat(w.spec.heartbeat, block)
		return ctx.Err()
	}

	a.silent = !spec.beats && len(spec.calls) == 0 && w.spec.heartbeat > 0
	a.lively = spec.beats && len(spec.calls) == 0
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
	if spec.beats {
		a.beat(w.spec.heartbeat, spec.doWork)
	} else {
		_ = spec.doWork(ctx)
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
	toldAt      time.Time // when it was told to stop, for another reason than a missed heartbeat
	endedAt     time.Time
	workedUntil time.Time // when it stopped beating
	silent      bool      // never beats although it should
	lively      bool      // beats all the time
	ending      ending
}

// busyFor is how long a silent attempt could have been missed.
func (a *attempt) busyFor() time.Duration {
	until := a.endedAt
	if !a.toldAt.IsZero() {
		until = a.toldAt
	}

	return until.Sub(a.started)
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

// beat beats while work goes on.
func (a *attempt) beat(timeout time.Duration, work func(context.Context) error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = work(a.ctx)
	}()

	defer func() { a.workedUntil = time.Now() }()
	worker.Heartbeat(a.ctx)
	if timeout <= 0 {
		<-done
		return
	}
	ticker := time.NewTicker(timeout / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			worker.Heartbeat(a.ctx)
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

// matches returns whether the pool told of the ending what it was. What the attempt's context was done for decides in two cases.
func (e ending) matches(s step) error {
	missed := context.Cause(e.attempt.ctx) == worker.ErrHeartbeatMissed
	detail := ""
	if len(s.values) == 3 {
		detail = s.values[2]
	}

	ok := false
	switch s.rule.kind {
	case "succeeded", "goexited":
		ok = e.kind == s.rule.kind
	case "panicked":
		ok = e.kind == s.rule.kind && e.text == detail
	case "cancelled":
		ok = e.kind == byContext || e.kind == foreign
	case "failed":
		switch {
		case e.kind == "succeeded":
			ok = missed && detail == worker.ErrHeartbeatMissed.Error()
		case e.kind == byContext:
			ok = missed
		default:
			ok = detail == e.text || missed && detail == worker.ErrHeartbeatMissed.Error()+": "+e.text
		}
	}
	if !ok {
		return fmt.Errorf("an attempt of %s ended as %s %q, but %q was told of it", s.Worker, e.kind, e.text, s.Message)
	}

	return nil
}
