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
func (s *session) keep(ended <-chan struct{}) {
	extend := time.NewTicker(max(s.ackWait/4, 1))
	defer extend.Stop()

	beat := time.NewTicker(beatInterval)
	defer beat.Stop()

	for {
		select {
		case <-ended:
			return
		case <-beat.C:
			s.untraced.Store(false)
			if s.inbox.hasRoom() {
				worker.Heartbeat(s.ctx)
			}
		case <-extend.C:
			for _, d := range s.inbox.stale(s.ackWait / 3) {
				// A failure shows itself when the message is settled.
				guard(func() { _ = d.msg.InProgress() })
			}
		}
	}
}
