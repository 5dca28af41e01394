package jetstream

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// maxReason bounds the reason of a termination, in bytes, well below what a server takes as one message.
const maxReason = 1024

// A double ack is repeated for ackPatience, with ackPause between two where the server says that it is not ready.
const (
	ackPatience = 30 * time.Second
	ackPause    = 100 * time.Millisecond
)

// result is what has come of telling the server.
type result int

const (
	told      result = iota // it was sent what the verdict says
	own                     // the handler has acknowledged by itself, and so decided
	failed                  // it could not be sent
	tooLate                 // somebody has answered for the message before
	buried                  // terminated, with a copy among the dead letters
	scheduled               // acked, with a copy that comes after the delay
)

// text says what becomes of a message.
func (r result) text(v *verdict) string {
	what := "message failed"
	switch {
	case v == nil:
		what = "message succeeded"
	case v.snooze:
		what = "message snoozed"
	}

	switch {
	case r == failed:
		return what + ", but the server could not be told"
	case r == tooLate && v == nil:
		return what + " after it was handed back, it may be handled again"
	case r == tooLate:
		return what + " after it was handed back"
	case r == buried:
		return what + ", it is among the dead letters"
	case v.action == terminate:
		return what + ", it was terminated"
	default:
		return what + ", it will be delivered again"
	}
}

// settle tells the server.
func (s *session) settle(ctx context.Context, d *delivery, v *verdict) result {
	r, err := s.tell(d, v)

	// A handler that has acknowledged the message by itself has decided.
	if errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return own
	}
	d.handled.Store(err == nil && (v == nil || r == scheduled))
	if err != nil {
		s.series.unsettled()
		s.logMessage(ctx, zerolog.WarnLevel, d).Err(err).Msg("message could not be settled, it may be delivered again")
		return failed
	}

	return r
}

func (s *session) tell(d *delivery, v *verdict) (result, error) {
	switch {
	case v == nil && s.worker.settings.doubleAck:
		return told, s.doubleAck(d)
	case v == nil:
		return told, d.msg.Ack()
	case v.action == terminate && s.worker.settings.deadLetters != "":
		return s.bury(d, v)
	case v.action == terminate:
		return told, d.msg.TermWithReason(reason(v.text))
	case (v.delay > 0 || v.snooze) && s.worker.settings.scheduled != "":
		return s.reschedule(d, v)
	default:
		return told, s.nak(d, v.delay)
	}
}

func (s *session) nak(d *delivery, delay time.Duration) error {
	return d.msg.NakWithDelay(s.terms().nakDelay(d, delay))
}

// doubleAck acks until the server says that it knows. A receipt may be lost with the connection, and a server that is about to
// stop or has just started gives none; the message is kept meanwhile. Where the consumer is gone, nobody ever will. After the drain
// time of a stop it is sent without a receipt: the stop itself waits until the server has got it.
func (s *session) doubleAck(d *delivery) error {
	for started := time.Now(); ; {
		if s.handling.Err() != nil {
			return d.msg.Ack()
		}
		err := d.msg.DoubleAck(s.handling)
		if err != nil && s.handling.Err() != nil {
			continue
		}
		again := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders)
		if !again || s.lost.Load() || time.Since(started) > ackPatience {
			return err
		}

		s.doubt()
		pause := time.NewTimer(ackPause)
		select {
		case <-pause.C:
		case <-s.handling.Done():
			pause.Stop()
		}
	}
}

// ackLate acks a message that was handed back while its handler was still at work: the server takes that for as long as no other
// replica has settled the message. The client's own message takes no second answer, so this needs the connection.
func (s *session) ackLate(d *delivery) result {
	js := s.worker.settings.js
	if js == nil || d.msg.Reply() == "" {
		return tooLate
	}
	if err := js.Conn().Publish(d.msg.Reply(), []byte("+ACK")); err != nil {
		return tooLate
	}
	d.handled.Store(true)

	return told
}

// reason makes a text fit for a termination, and for a span.
func reason(text string) string {
	if len(text) > maxReason {
		text = text[:maxReason]
	}

	return strings.ToValidUTF8(text, "\uFFFD")
}

// handBack gives an untouched or unfinished message to other replicas, if nobody else has settled it.
func (s *session) handBack(d *delivery) {
	if d.claim(answered) {
		if err := s.nak(d, 0); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			s.series.unsettled()
			guard(func() {
				s.logMessage(s.handling, zerolog.WarnLevel, d).Err(err).Msg("message could not be handed back, it is delivered again after AckWait")
			})
		}
	}
}

// logMessage begins a log line about a message.
func (s *session) logMessage(ctx context.Context, level zerolog.Level, d *delivery) *zerolog.Event {
	return worker.CtxLogger(ctx).WithLevel(level).
		Str("stream", s.stream).
		Str("consumer", s.consumer).
		Uint64("sequence", d.id.sequence).
		Uint64("delivery", d.tries())
}
