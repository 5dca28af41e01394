package jetstream

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// receive is called by the client for each message. It never blocks, so that the client sees to its pulls at all times.
func (s *session) receive(p *pull, msg jetstream.Msg) {
	d := newDelivery(msg)
	s.identifyLane(d)
	if s.series != nil {
		d.arrived = s.inbox.now()
	}
	d.old = d.id.stored < s.oldBefore.Load()
	d.dubious = d.old
	s.trust.heard.Store(s.beaten.Load())
	if s.worker.singleton {
		s.rememberPin(msg)
	}

	r := s.inbox.receive(p, d, s.terms().isLast(d))
	switch {
	case r.taken:
		s.series.received(d)
	case r.handled:
		s.series.suppressed()
		_ = d.msg.Ack() // the first ack may be lost; so may this one, but then the message comes again
	case r.covered:
		s.series.suppressed()
	default:
		s.handBack(d)
	}
	if r.taken && d.old && s.worker.singleton {
		guard(func() { _ = d.msg.InProgress() })
	}
	if r.start {
		go s.work(d)
	}
	if r.exceeds && p.replace() {
		s.help(func() { s.replace(p) })
	}
	if r.complete {
		s.open(s.inbox.plan())
	}
}

// ageRecords finds out which deliveries' records would look expired to a new leader, or to the server after a restart: a record has
// the time at which the message was stored, until an in-progress signal puts it right. A singleton gives that before anything else,
// since nothing of it may run twice at once; others give it with the next beat, which spares fast handlers the signal.
func (s *session) ageRecords() {
	s.oldBefore.Store(uint64(max(time.Now().Add(-s.terms().ackWait/3).UnixNano(), 0)))
}

// identifyLane asks the user's function for the key. A function that panics has none.
func (s *session) identifyLane(d *delivery) {
	if key := s.worker.settings.key; key != nil {
		guard(func() {
			d.key = key(d.msg)
			d.keyed = true
		})
	}
}
