package jetstream

import (
	"context"
	"time"
)

// flushTimeout bounds each wait for the server in a stop: for the end of the pulls, for the consumer's terms once the handlers are
// interrupted, and for the last acks to arrive.
const flushTimeout = 2 * time.Second

// drainGrace is how long a handler whose context was cancelled may take to return before its message is handed back without it.
const drainGrace = 500 * time.Millisecond

// drain ends the session in order: it stops pulling, hands back what no handler has begun, and waits for the handlers.
func (s *session) drain() {
	timeout := time.NewTimer(s.drainTime())
	defer timeout.Stop()

	s.closePulls()

	select {
	case <-s.inbox.whenIdle():
	case <-timeout.C:
		s.interrupt()
	}

	s.inbox.end()
	s.flush()
	if s.worker.singleton {
		s.unpin()
	}
}

// drainTime is how long handlers may go on.
func (s *session) drainTime() time.Duration {
	d := s.worker.settings.drainTimeout
	if deadline, ok := s.ctx.Deadline(); ok {
		d = min(d, time.Until(deadline))
	}

	return d
}

// closePulls hands back what is queued and what still arrives, but for messages in their last delivery, which nobody else would
// get. They are handled here.
func (s *session) closePulls() {
	open, back := s.inbox.stop(s.terms().isLast)
	for _, pull := range open {
		pull.Drain()
	}
	s.handBackAll(back)

	timeout := time.NewTimer(flushTimeout)
	defer timeout.Stop()

	for _, pull := range open {
		select {
		case <-pull.Closed():
		case <-timeout.C:
			return
		}
	}
}

// interrupt cancels the handlers, hands back what they have not begun, and a moment later what they have not finished, and waits for
// them. What no other replica would get is not handed back: whatever its handler returns in the end counts, also where that begins only
// now.
func (s *session) interrupt() {
	s.abort(ErrDrainTimeout)
	defer time.AfterFunc(flushTimeout, s.die).Stop() // handlers that fail are judged by what is known

	_, back := s.inbox.stop(s.terms().isLast)
	s.handBackAll(back)
	idle := s.inbox.whenIdle()
	grace := time.NewTimer(drainGrace)
	defer grace.Stop()
	select {
	case <-idle:
		return
	case <-grace.C:
	}
	for _, d := range s.inbox.all() {
		if !s.terms().isLast(d) {
			s.handBack(d)
		}
	}

	<-idle
}

func (s *session) handBackAll(deliveries []*delivery) {
	for _, d := range deliveries {
		s.handBack(d)
	}
}

// flush waits until the server has got all that was sent to it: the program may end right after Run, and with it the connection,
// without sending what waits in the client.
func (s *session) flush() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), flushTimeout)
	defer cancel()

	_, _ = s.target.Info(ctx)
}
