package jetstream

import (
	"time"

	"github.com/ankorstore/yokai/worker"
)

// beatInterval is how often a session beats while it waits for messages.
const beatInterval = 100 * time.Millisecond

// keep tells the server that held messages are still being worked on, and the pool that the session is alive.
//
// A message is kept at the latest when 7/12 of AckWait have passed: it is stale after a third, and looked at every quarter.
func (s *session) keep() {
	interval := s.beatInterval()
	beat := time.NewTicker(interval)
	defer beat.Stop()

	for {
		select {
		case <-s.ended:
			return
		case <-beat.C:
			s.beat()
		}
		if changed := s.beatInterval(); changed != interval {
			interval = changed
			beat.Reset(interval)
		}
	}
}

func (s *session) beatInterval() time.Duration {
	return max(min(beatInterval, s.terms().ackWait/4), time.Millisecond)
}

func (s *session) beat() {
	s.beaten.Store(int64(s.inbox.beat()))
	s.ageRecords()
	s.untraced.Store(false)
	for _, d := range s.inbox.stale(s.terms().ackWait / 3) {
		// A failure shows itself when the message is settled.
		guard(func() { _ = d.msg.InProgress() })
	}
	s.mistrust()
	s.giveUpHung()
	s.handBackSurplus()
	s.replaceAll(s.inbox.mute())
	now := s.inbox.now()
	if now-s.agreed.Load().at > refreshAge && now-s.trust.asked > time.Second && s.inbox.isBusy() {
		s.trust.asked = now
		s.doubt() // for the terms
	}
	if !s.hung.Load() && s.inbox.hasRoom() {
		worker.Heartbeat(s.ctx)
	}
}

// handBackSurplus gives what was prefetched for handlers that have become slow to replicas that may be faster.
func (s *session) handBackSurplus() {
	pulls, back := s.inbox.surplus(s.terms().isLast)
	s.replaceAll(pulls)
	s.handBackAll(back)
}
