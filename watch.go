package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// watch is what happens to an attempt while its goroutine is in Run: it misses its heartbeat, becomes ready or does not in time, runs
// for too long, counts as healthy.
type watch struct {
	a         *attempt
	startedAt time.Time
	heartbeat heartbeat

	runAt      atomic.Int64 // when the Run that goes on began, in nanoseconds after startedAt and one more; 0 if none does
	wasHealthy atomic.Bool  // whether a Run that has returned was

	turn   chan struct{} // a lock that may be held while user code runs: it guards the fields below, and record
	timers []*time.Timer
	health *time.Timer // until Run has lasted for WithHealthyAfter, nil before it is asked for
	ended  bool

	onDone func() bool   // ends the watch on the attempt's deadline, nil if it has none
	told   chan struct{} // closed once it was told of that, where it was not ended before
	late   bool          // whether the attempt has run into its deadline, set before told is closed
	judged sync.Once     // the question whether it is late
}

// watched reports whether attempts need a watch.
func (o *ExecutionOptions) watched() bool {
	return o.Heartbeat > 0 || o.Readiness || o.AttemptTimeout > 0 || o.HealthyAfter > 0
}

func newWatch(a *attempt) *watch {
	w := &watch{a: a, startedAt: time.Now(), turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	defer func() { <-w.turn }()

	options := a.supervisor.plan.options
	if options.Heartbeat > 0 {
		w.heartbeat.timer = w.afterLocked(w.heartbeatInterval(), w.checkHeartbeat)
	}
	if options.Readiness && options.ReadyWithin > 0 {
		w.afterLocked(options.ReadyWithin, w.missReadiness)
	}
	if options.AttemptTimeout > 0 {
		w.told = make(chan struct{})
		w.onDone = context.AfterFunc(a.context(), func() {
			defer close(w.told)
			w.do(w.timeOut)
		})
	}
	if len(options.Middlewares) == 0 {
		w.beginRunLocked(w.startedAt)
	}

	return w
}

// afterLocked does something once the attempt has lasted for d.
func (w *watch) afterLocked(d time.Duration, f func()) *time.Timer {
	timer := time.AfterFunc(d, func() { w.do(f) })
	w.timers = append(w.timers, timer)

	return timer
}

// do does something with the attempt, unless it has ended.
func (w *watch) do(f func()) {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()

	if !w.ended {
		f()
	}
}

// end ends the watch, after what is going on.
func (w *watch) end() {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()

	w.ended = true
	for _, timer := range w.timers {
		timer.Stop()
	}
	if w.onDone != nil {
		w.onDone()
	}
}

// timeOut tells that the attempt's context has run into its deadline, if that is why it is done, and not a stop, which may be because
// an attempt of an outer pool has timed out.
func (w *watch) timeOut() {
	w.late = same(context.Cause(w.a), ErrAttemptTimeout) && !same(context.Cause(w.a.untimed), ErrAttemptTimeout)
	if s := w.a.supervisor; w.late {
		s.record(TransitionTimedOut, &detail{text: s.plan.options.AttemptTimeout.String(), err: ErrAttemptTimeout, errText: ErrAttemptTimeout.Error()})
	}
}

// overran reports whether the attempt has run into its deadline by now. While its context lasts it has not, and still may.
func (w *watch) overran() bool {
	return w != nil && w.onDone != nil && w.a.Err() != nil && w.settle()
}

// settle reports whether the attempt has run into its deadline, for good. That was told before it returns, and is not told any more once
// it has returned false: so an attempt that returns just then has either timed out or has not. It is for the end of an attempt.
func (w *watch) settle() bool {
	if w == nil || w.onDone == nil {
		return false
	}
	w.judged.Do(func() {
		switch {
		case !w.onDone():
			<-w.told
		case w.a.Err() != nil: // a context is done before it says so to others
			apart(func() { w.do(w.timeOut) })
		}
	})

	return w.late
}

// noteRun notes that Run begins, from when on it may become healthy.
func (a *attempt) noteRun(at time.Time) {
	if w := a.watch; w != nil && a.supervisor.plan.options.HealthyAfter > 0 {
		w.do(func() { w.beginRunLocked(at) })
	}
}

func (w *watch) beginRunLocked(at time.Time) {
	w.runAt.Store(int64(at.Sub(w.startedAt)) + 1)

	d := w.a.supervisor.plan.options.HealthyAfter
	switch {
	case d <= 0 || w.a.supervisor.counts == (counts{}):
	case w.health != nil:
		w.health.Reset(d)
	default:
		w.health = w.afterLocked(d, w.checkHealth)
	}
}

// noteRunEnd notes that Run has returned within its middlewares: what they do afterwards does not make it healthy. It does not wait for
// its turn, in which user code may run.
func (a *attempt) noteRunEnd(at time.Time) {
	if w := a.watch; w != nil {
		w.wasHealthy.Store(w.healthy(at))
		w.runAt.Store(0)
	}
}

// checkHealth is called once Run has lasted for WithHealthyAfter. With a heartbeat it takes another beat to tell.
func (w *watch) checkHealth() {
	if w.a.supervisor.plan.options.Heartbeat > 0 {
		w.heartbeat.look()
	}
	w.endRowIfHealthy(time.Now())
}

// endRowIfHealthy ends the row of failures, if there is one.
func (w *watch) endRowIfHealthy(now time.Time) {
	if s := w.a.supervisor; s.counts != (counts{}) && w.healthy(now) {
		s.counts = counts{}
		s.execution.endRow()
	}
}

// healthy reports whether the attempt is healthy: the Run that goes on has lasted for WithHealthyAfter, up to its last beat where it has
// a heartbeat, or one before it had.
func (w *watch) healthy(now time.Time) bool {
	options, began := w.a.supervisor.plan.options, w.runAt.Load()
	if options.HealthyAfter <= 0 || began == 0 {
		return w.wasHealthy.Load()
	}
	lasted := now.Sub(w.startedAt)
	if options.Heartbeat > 0 {
		lasted = w.heartbeat.lastBeat()
	}

	return w.wasHealthy.Load() || lasted-time.Duration(began-1) >= options.HealthyAfter
}
