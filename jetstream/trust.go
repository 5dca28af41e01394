package jetstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrMessageLost is the cause ([context.Cause]) of a handler's context that was cancelled, since another replica may have the message
// by now: the server was not heard of for AckWait, or the consumer is gone.
var ErrMessageLost = errors.New("message lost")

// trust is whether the server still knows that the session holds its messages.
type trust struct {
	heard atomic.Int64 // when the server was heard of last, by the inbox's clock
	epoch atomic.Pointer[epoch]
	asked time.Duration // when there was a doubt last: the beat's own
}

// epoch is the time between two losses: all handlers that begin in it share a context.
type epoch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (s *session) beginEpoch() *epoch {
	ctx, cancel := context.WithCancelCause(s.handling)

	return s.trust.epoch.Swap(&epoch{ctx, cancel})
}

// lose cancels the handlers that have begun.
func (s *session) lose() {
	if lost := s.beginEpoch(); lost != nil {
		lost.cancel(ErrMessageLost)
	}
}

// mistrust asks the server for a sign where there was none for a while, and takes what is held for lost after AckWait. An answer to
// any question is a sign, since the questions are the consumer's.
func (s *session) mistrust() {
	now, ackWait := s.inbox.now(), s.terms().ackWait
	quiet := now - time.Duration(s.trust.heard.Load())
	if s.inbox.inFlight() == 0 {
		return
	}

	if quiet > min(ackWait/3, refreshAge) && now-s.trust.asked > min(ackWait/3, time.Second) {
		s.trust.asked = now
		s.doubt()
	}
	if quiet > ackWait {
		s.lose()
		s.trust.heard.Store(int64(now))
	}
}
