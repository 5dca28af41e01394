package jetstream

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// pull asks the server for a number of messages and ends with the last of them. Pulls of a fixed size, instead of one that goes on
// for ever, keep what a worker holds under the inbox's control.
type pull struct {
	limit    int           // of its bytes, 0 for none; not changed once it is opened
	isOpen   chan struct{} // closed by the inbox once it has its context
	replaced atomic.Bool   // somebody sees to another one in its place

	// All below are guarded by the inbox.
	left     int                      // messages still to come
	reserved int                      // bytes still to come, at most
	received int                      // bytes
	active   time.Duration            // when it brought something last, or was planned
	newest   uint64                   // the highest stream sequence received by it, or by any pull before it was planned
	context  jetstream.ConsumeContext // not changed once isOpen is closed
}

// replace gives the right to replace the pull to its first caller.
func (p *pull) replace() bool {
	return p.replaced.CompareAndSwap(false, true)
}

// open opens a pull that the inbox has planned. A nil one is none.
func (s *session) open(p *pull) {
	if p == nil {
		return
	}

	context, err := s.target.Consume(func(msg jetstream.Msg) { s.receive(p, msg) }, s.pullOptions(p)...)
	if err != nil {
		s.inbox.forget(p)
		s.fail(err)
		return
	}

	if !s.inbox.opened(p, context) {
		context.Drain() // stopped meanwhile
	}
}

func (s *session) pullOptions(p *pull) []jetstream.PullConsumeOpt {
	options := append(slices.Clip(s.pulling.Load().options),
		jetstream.StopAfter(p.left),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { s.pullFailed(p, err) }),
	)
	if p.limit > 0 {
		return append(options, jetstream.PullMaxMessagesWithBytesLimit(p.left, p.limit))
	}

	return append(options, jetstream.PullMaxMessages(p.left))
}

// pulling is what all pulls have in common.
type pulling struct{ options []jetstream.PullConsumeOpt }

func (s *session) pullingOf(t *terms) *pulling {
	options := []jetstream.PullConsumeOpt{
		jetstream.PullExpiry(t.pullExpiry),
		jetstream.PullHeartbeat(min(t.pullExpiry/2, maxPullHeartbeat)),
	}
	if s.worker.singleton {
		options = append(options, jetstream.PullPriorityGroup(s.worker.settings.group))
	}

	return &pulling{options}
}

// replace closes a pull, waits until it brings nothing any more, and opens another one if need be.
func (s *session) replace(p *pull) {
	<-p.isOpen
	p.context.Drain()
	closing := time.NewTimer(flushTimeout)
	defer closing.Stop()

	select {
	case <-p.context.Closed():
	case <-closing.C:
	case <-s.ended:
	}
	s.inbox.forget(p)
	s.open(s.inbox.plan())
}

// replaceAll replaces pulls that the inbox has given the right for.
func (s *session) replaceAll(pulls []*pull) {
	for _, p := range pulls {
		s.help(func() { s.replace(p) })
	}
}
