package worker

import (
	"context"
	"sync/atomic"
	"time"
)

// heartbeatChecks is how often an attempt is checked within its heartbeat's timeout. A beat is then one atomic store at most, with a
// look at the clock for the first one since the last check, and silence is noticed at most one check late.
const heartbeatChecks = 10

// heartbeat is what a watch knows of an attempt's beats.
type heartbeat struct {
	// In nanoseconds after the attempt's start and one more, 0 for never.
	beaten atomic.Int64 // when the first beat since the last look was
	last   atomic.Int64 // of those that looks have found, the last

	// The watch's turn guards the fields below.
	timer *time.Timer
	found bool // a beat since the last check
	quiet int  // checks since the last beat
	stuck bool
}

// look looks for a beat since the last look.
func (h *heartbeat) look() {
	if at := h.beaten.Load(); at != 0 {
		h.last.Store(at) // before it is forgotten: others ask for it meanwhile
		h.beaten.Store(0)
		h.found = true
	}
}

// lastBeat returns how long after the attempt's start the last beat was of which the time is known, negative if there was none.
func (h *heartbeat) lastBeat() time.Duration {
	return time.Duration(max(h.last.Load(), h.beaten.Load())) - 1
}

// Heartbeat tells that a worker with [WithHeartbeat] is alive: the worker whose context ctx derives from, and, in a nested pool,
// those of the pools around it too. For other workers, and outside of a worker, it does nothing. It is safe for concurrent use and
// costs one atomic load for each, and ten times within a timeout a look at the clock and a store: call it as often as there is progress
// to tell of.
func Heartbeat(ctx context.Context) {
	for a := attemptOf(ctx); a != nil; a = a.supervisor.generation.outer {
		// Load first: a store would take the cache line from the other cores each time.
		if w := a.watch; w != nil && w.heartbeat.beaten.Load() == 0 {
			w.heartbeat.beaten.Store(int64(time.Since(w.startedAt)) + 1)
		}
	}
}

func (w *watch) heartbeatInterval() time.Duration {
	return max(w.a.supervisor.plan.options.Heartbeat/heartbeatChecks, 1)
}

// checkHeartbeat runs whenever the heartbeat's timer fires, during stops too.
func (w *watch) checkHeartbeat() {
	h := &w.heartbeat
	defer func() { h.timer.Reset(w.heartbeatInterval()) }()

	if h.look(); h.found {
		h.found, h.quiet = false, 0
		w.a.supervisor.execution.beat(time.Now())
		w.resume()
	} else if h.quiet++; h.quiet == heartbeatChecks {
		w.miss()
	}
}

// miss cancels the attempt before it looks for the stacks, which may take a while.
func (w *watch) miss() {
	s := w.a.supervisor
	w.heartbeat.stuck = true
	w.a.cancel(ErrHeartbeatMissed)
	stack := s.generation.stacks.of([]string{s.plan.name}, w.startedAt, stackPatience)[s.plan.name]
	s.record(TransitionHeartbeatMissed, &detail{text: s.plan.options.Heartbeat.String(), err: ErrHeartbeatMissed, errText: ErrHeartbeatMissed.Error(), stack: stack})
}

func (w *watch) resume() {
	s := w.a.supervisor
	if w.heartbeat.stuck {
		w.heartbeat.stuck = false
		s.record(TransitionHeartbeatResumed, plain)
	}
	w.endRowIfHealthy(time.Now())
}
