package jetstream

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/ankorstore/yokai/worker"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// handling is the handling of one delivery. A handler's goroutine uses one for all of its deliveries, one after the other.
type handling struct {
	*session
	delivery *delivery
	ctx      context.Context
	span     oteltrace.Span
	verdict  *verdict // nil for a success
	took     time.Duration
}

// work is the body of a handler's goroutine: it handles a message, and goes on for as long as some are waiting. If a handler ends
// the goroutine ([runtime.Goexit]), another one goes on in its place.
func (s *session) work(first *delivery) {
	h := handling{session: s, delivery: first}
	returned := false
	defer func() {
		if !returned && h.delivery != nil {
			go s.work(h.delivery)
		}
	}()

	for h.delivery != nil {
		h.process()
	}
	returned = true
}

// process has a message handled and settled, and takes the next one. The delivery is let go whatever a user's code does on the way.
func (h *handling) process() {
	defer h.release(h.inbox.now())
	if h.worker.singleton && h.delivery.old && !h.isStillMine(h.delivery) {
		return
	}
	defer h.conclude()

	h.handle()
}

// handle calls the handler, and makes whatever it does the verdict. The handler's error is asked for its text here too, since that
// may misbehave like the handler itself.
func (h *handling) handle() {
	ctx, cancel := h.timed(h.trust.epoch.Load().ctx)
	defer cancel()
	h.ctx, h.span, h.verdict = ctx, noSpan, nil
	returned := false
	started := h.inbox.now()
	h.series.began(h.delivery, started)
	defer func() {
		h.took = h.inbox.now() - started
		if returned {
			return
		}
		// Neither returned nor panicked: the goroutine ends in Goexit, and its stack still shows who called it.
		err, stack := worker.ErrGoexit, debug.Stack()
		if value := recover(); value != nil {
			err = &worker.PanicError{Value: value, Stack: stack}
		}
		h.verdict = h.again(h.delivery, err, err.Error())
		h.verdict.stack = string(stack)
	}()

	h.ctx, h.span = h.startSpan(ctx, h.delivery)
	h.verdict = h.judge(h.delivery, h.late(ctx, h.worker.handle(h.ctx, h.delivery.msg)))
	returned = true
}

// conclude does what the verdict says, unless somebody has answered for the message meanwhile.
func (h *handling) conclude() {
	if !h.hung.Load() {
		worker.Heartbeat(h.session.ctx)
	}

	answer := answered
	if h.verdict == nil {
		answer = acking
	}
	result := tooLate
	if h.delivery.claim(answer) {
		guard(func() { result = h.settle(h.ctx, h.delivery, h.verdict) })
	} else if h.verdict == nil {
		guard(func() { result = h.ackLate(h.delivery) })
	}
	guard(func() { h.report(result) })
}

// release lets the delivery go, and makes the next one of the queue the handler's own. What counts for the pace is all that has kept the
// handler from that: a double ack, a dead letter and a copy that is rescheduled wait for the server.
func (h *handling) release(started time.Duration) {
	next, plan := h.inbox.release(h.delivery, h.inbox.now()-started)
	h.delivery = next
	h.open(plan)
}
