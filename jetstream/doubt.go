package jetstream

import (
	"errors"
	"fmt"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A pull that is refused maxRefusals times within refusalTime, with no message in between, ends the session. One refusal may be a
// message: the client takes a message without a body but with a header Status for a word of the server.
const (
	maxRefusals = 10
	refusalTime = 10 * time.Second
	refusalWait = 100 * time.Millisecond // before a refused pull is replaced
)

// pullFailed is told by the client what is wrong with a pull.
func (s *session) pullFailed(p *pull, err error) {
	switch {
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrConnectionClosed):
		s.fail(err)
	case errors.Is(err, jetstream.ErrServerShutdown),
		errors.Is(err, jetstream.ErrConsumerLeadershipChanged),
		errors.Is(err, jetstream.ErrPinIDMismatch):
		// The client asks again, elsewhere or without the lost pin.
	case errors.Is(err, nats.ErrNoResponders):
		s.doubt() // the client asks again
	case errors.Is(err, jetstream.ErrNoHeartbeat):
		if p.replace() {
			s.help(func() { s.afterSilence(p) })
		}
	default:
		if p.replace() {
			s.help(func() { s.reconsider(p, err) })
		}
	}
}

// afterSilence looks whether the consumer is still there, and replaces the pull. The client has asked again by itself; if the server
// still knew of the first time, it brings more than the pull was for, and the client would throw that away.
func (s *session) afterSilence(p *pull) {
	s.resolve()
	s.replace(p)
}

// reconsider looks what is behind a word of the server about a pull, and replaces the pull unless the consumer is gone.
func (s *session) reconsider(p *pull, cause error) {
	pause := time.NewTimer(refusalWait)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-s.ended:
		return
	}

	err := s.renew(0)
	switch {
	case gone(err):
		s.fail(cause)
	case s.refused():
		s.fail(cause)
	default:
		if err == nil {
			guard(func() {
				worker.CtxLogger(s.ctx).Warn().Err(cause).Msg("a pull was refused, or a message has a header Status and no body")
			})
		}
		s.replace(p)
	}
}

// gone returns whether an error says that there is no consumer any more.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// refused counts a refusal, and returns whether it was one too many.
func (s *session) refused() bool {
	s.refusals.Lock()
	defer s.refusals.Unlock()

	now := s.inbox.now()
	received := s.inbox.newestSequence()
	if received != s.refusals.newest || now-s.refusals.since > refusalTime {
		s.refusals.count, s.refusals.since, s.refusals.newest = 0, now, received
	}
	s.refusals.count++

	return s.refusals.count >= maxRefusals
}

// doubt has somebody look whether the consumer is still there.
func (s *session) doubt() {
	select {
	case s.doubts <- struct{}{}:
	default:
	}
}

// resolveDoubts fails the session if the consumer turns out to be gone. Anything else is left to the client, which asks again.
func (s *session) resolveDoubts() {
	for {
		select {
		case <-s.ended:
			return
		case <-s.doubts:
		}

		s.resolve()
	}
}

func (s *session) resolve() {
	switch err := s.renew(0); {
	case err == nil || s.ctx.Err() != nil || s.life.Err() != nil:
	case gone(err):
		s.fail(err)
	default:
		guard(func() { worker.CtxLogger(s.ctx).Warn().Err(err).Msg("the server does not answer for the consumer") })
	}
}

// fail ends the session with an error.
func (s *session) fail(err error) {
	s.end(fmt.Errorf("consumer %s of stream %s: %w", s.consumer, s.stream, err))
}

// end ends the session with an error, as it is.
func (s *session) end(err error) {
	s.lost.Store(true)
	select {
	case s.failed <- err:
	default:
	}
	if gone(err) || errors.Is(err, jetstream.ErrConsumerDeleted) {
		s.lose()
	}
}
