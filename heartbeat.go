package worker

import (
	"context"
	"sync/atomic"
	"time"
)

// heartbeatChecks is how often an attempt is checked within its heartbeat's timeout. A beat is then one atomic store, without a
// look at the clock, and silence is noticed at most one check late.
const heartbeatChecks = 10

// heartbeat is what a watch knows of an attempt's beats.
type heartbeat struct {
	beaten atomic.Bool  // since the last check
	last   atomic.Int64 // when a check last found a beat, in nanoseconds since 1970; 0 for never

	timer *time.Timer // guarded by the watch's turn, as the fields below are
	quiet int         // checks since the last beat
	stuck bool
}

// lastBeat returns when a check last found a beat, or when there was none.
func (h *heartbeat) lastBeat(none time.Time) time.Time {
	if last := h.last.Load(); last != 0 {
		return time.Unix(0, last)
	}

	return none
}

// Heartbeat tells that a worker with [WithHeartbeat] is alive: the worker whose context ctx derives from, and, in a nested pool,
// those of the pools around it too. For other workers, and outside of a worker, it does nothing. It is safe for concurrent use and
// costs at most one atomic store for each: call it as often as there is progress to tell of.
func Heartbeat(ctx context.Context) {
	for a := attemptOf(ctx); a != nil; a = a.supervisor.generation.outer {
		// Load first: a store would take the cache line from the other cores each time.
		if w := a.watch; w != nil && !w.heartbeat.beaten.Load() {
			w.heartbeat.beaten.Store(true)
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

	if h.beaten.Swap(false) {
		h.quiet = 0
		h.last.Store(time.Now().UnixNano())
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
	if s.counts != (counts{}) && w.healthy(time.Now()) {
		w.endRow()
	}
}
