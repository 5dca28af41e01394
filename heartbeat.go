package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// heartbeatChecks is how often an attempt is checked within its heartbeat's timeout. A beat is then one atomic store, without a
// look at the clock, and silence is noticed at most one check late.
const heartbeatChecks = 10

// heartbeat watches one attempt.
type heartbeat struct {
	s      *supervisor
	beaten atomic.Bool // since the last check

	timer *time.Timer
	turn  chan struct{} // a lock that may be held while user code runs: it guards the fields below, and record
	quiet int           // checks since the last beat
	stuck bool
	ended bool
}

// Heartbeat tells that the worker whose context ctx derives from is alive, for a worker that was registered with
// [WithHeartbeat]; for any other it does nothing. It is safe for concurrent use and costs at most one atomic store: call it as often as
// there is progress to tell of.
func Heartbeat(ctx context.Context) {
	attempt, ok := ctx.(*attemptContext)
	if !ok {
		attempt, ok = ctx.Value(attemptKey{}).(*attemptContext)
	}

	// Load first: a store would take the cache line from the other cores each time.
	if ok && attempt.heartbeat != nil && !attempt.heartbeat.beaten.Load() {
		attempt.heartbeat.beaten.Store(true)
	}
}

// newHeartbeat begins to watch the attempt that s is about to run.
func newHeartbeat(s *supervisor) *heartbeat {
	h := &heartbeat{s: s, turn: make(chan struct{}, 1)}
	h.turn <- struct{}{}
	h.timer = time.AfterFunc(h.interval(), h.check)
	<-h.turn

	return h
}

func (h *heartbeat) interval() time.Duration {
	return max(h.s.options.Heartbeat/heartbeatChecks, 1)
}

// check runs on a goroutine of its own whenever the timer fires.
func (h *heartbeat) check() {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()

	// Once the worker was told to stop, the timeout of the stop is what counts.
	if h.ended || h.s.stopping() {
		return
	}
	defer h.timer.Reset(h.interval())

	if h.beaten.Swap(false) {
		h.resume()
	} else if h.quiet++; h.quiet == heartbeatChecks {
		h.miss()
	}
}

func (h *heartbeat) miss() {
	h.stuck = true
	stack := h.s.generation.stacks.of(h.s.name)
	h.s.cancel(ErrHeartbeatMissed)
	h.s.record(heartbeatMissed, &detail{text: h.s.options.Heartbeat.String(), err: ErrHeartbeatMissed, stack: stack})
}

func (h *heartbeat) resume() {
	h.quiet = 0
	if h.stuck {
		h.stuck = false
		h.s.record(heartbeatResumed, &detail{})
	}
}

func (h *heartbeat) isStuck() bool {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()

	return h.stuck
}

// end ends the watch, after a check that is going on, and returns whether the attempt is stuck.
func (h *heartbeat) end() bool {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	h.timer.Stop()
	h.ended = true

	return h.stuck
}

// missedHeartbeat reports whether an attempt in ctx was cancelled because it missed its heartbeat, and not stopped meanwhile.
func (s *supervisor) missedHeartbeat(ctx context.Context) bool {
	return context.Cause(ctx) == ErrHeartbeatMissed && !s.stopping()
}

// endHeartbeat ends the watch, and makes a failure of an attempt that missed its heartbeat: of its error always, of its success if it
// was stuck to the end.
func (s *supervisor) endHeartbeat(h *heartbeat) {
	stuck := h.end()
	if !s.missedHeartbeat(s.ctx) {
		return
	}

	switch o := &s.outcome; {
	case o.kind == failed && o.err != ErrHeartbeatMissed:
		o.err = missedWith(o.err)
		o.text = ErrHeartbeatMissed.Error() + ": " + o.text
	case o.kind == succeeded && stuck:
		*o = outcome{kind: failed, detail: detail{err: ErrHeartbeatMissed, text: ErrHeartbeatMissed.Error()}}
	}
}

// missedWith returns the error of an attempt that missed its heartbeat and returned err.
func missedWith(err error) error {
	if err == ErrHeartbeatMissed { // the context's cause, returned as it is
		return err
	}

	return fmt.Errorf("%w: %w", ErrHeartbeatMissed, err)
}
