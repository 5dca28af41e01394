package jetstream

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// pinHeader is the server's, of the messages of a pinned consumer.
const pinHeader = "Nats-Pin-Id"

// rememberPin keeps the pin that a message came with.
func (s *session) rememberPin(msg jetstream.Msg) {
	if id := msg.Headers().Get(pinHeader); id != "" {
		if last := s.pin.Load(); last == nil || *last != id {
			s.pin.Store(&id)
		}
	}
}

// unpin gives up the pin after an orderly end, so that another replica need not wait for PinnedTTL. It asks first who has the pin,
// since whoever may unpin everybody. An error costs no more than that time.
func (s *session) unpin() {
	js, pin := s.worker.settings.js, s.pin.Load()
	if js == nil || pin == nil || s.lost.Load() {
		return
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), flushTimeout)
	defer cancel()

	info, err := s.target.Info(ctx)
	if err != nil || info == nil {
		return
	}
	mine := slices.ContainsFunc(info.PriorityGroups, func(g jetstream.PriorityGroupState) bool {
		return g.Group == s.worker.settings.group && g.PinnedClientID == *pin
	})
	if !mine {
		return
	}
	if stream, err := js.Stream(ctx, s.stream); err == nil {
		_ = stream.UnpinConsumer(ctx, s.consumer, s.worker.settings.group)
	}
}
