package jetstream

import (
	"errors"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pull asks the server for a number of messages and ends with the last of them. Pulls of a fixed size, instead of one that goes on
// for ever, keep what a worker holds under the inbox's control.
type pull struct {
	// All are guarded by the inbox.
	left    int    // messages still to come
	newest  uint64 // the highest stream sequence received by it, or by any pull before it was planned
	context jetstream.ConsumeContext
}

// open opens a pull that the inbox has planned. A nil one is none.
func (s *session) open(p *pull) {
	if p == nil {
		return
	}

	context, err := s.worker.consumer.Consume(
		func(msg jetstream.Msg) { s.receive(p, msg) },
		append(slices.Clip(s.pulling), jetstream.PullMaxMessages(p.left), jetstream.StopAfter(p.left))...,
	)
	if err != nil {
		s.inbox.forget(p)
		s.fail(err)
		return
	}

	if !s.inbox.opened(p, context) {
		context.Drain() // stopped meanwhile
	}
}

// pullOptions are those that all pulls have in common.
func (s *session) pullOptions() []jetstream.PullConsumeOpt {
	options := []jetstream.PullConsumeOpt{
		jetstream.PullExpiry(s.pullExpiry),
		jetstream.PullHeartbeat(min(s.pullExpiry/2, maxPullHeartbeat)),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { s.pullFailed(err) }),
	}
	if s.worker.singleton {
		options = append(options, jetstream.PullPriorityGroup(s.worker.settings.group))
	}

	return options
}

// receive is called by the client for each message. It never blocks, so that the client sees to its pulls at all times.
func (s *session) receive(p *pull, msg jetstream.Msg) {
	d := newDelivery(msg)

	r := s.inbox.receive(p, d, s.isLast(d))
	switch {
	case r.taken:
		s.series.received(d)
	case r.handled:
		_ = d.msg.Ack() // the first ack may be lost; so may this one, but then the message comes again
	case !r.covered:
		s.handBack(d)
	}
	if r.start {
		go s.work(d)
	}
	if r.complete {
		s.open(s.inbox.plan())
	}
}

// pullFailed is told by the client what is wrong with a pull.
func (s *session) pullFailed(err error) {
	switch {
	case errors.Is(err, jetstream.ErrNoHeartbeat), errors.Is(err, nats.ErrNoResponders):
		s.doubt() // the client asks again
	case errors.Is(err, jetstream.ErrServerShutdown),
		errors.Is(err, jetstream.ErrConsumerLeadershipChanged),
		errors.Is(err, jetstream.ErrPinIDMismatch):
		// The client asks again, elsewhere or without the lost pin.
	default:
		s.fail(err)
	}
}
