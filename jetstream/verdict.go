package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/codes"
)

// maxReason bounds the reason of a termination, in bytes, well below what a server takes as one message.
const maxReason = 1024

// A double ack is repeated for ackPatience, with ackPause between two where the server says that it is not ready.
const (
	ackPatience = 30 * time.Second
	ackPause    = 100 * time.Millisecond
)

type action int

const (
	retry action = iota
	terminate
)

// verdict is why the handling of a message failed, and what becomes of the message. A success has none.
type verdict struct {
	action
	err   error         // what the handler returned, a [*worker.PanicError] or [worker.ErrGoexit]
	text  string        // of the error: the reason of a termination
	stack string        // of a panic or a Goexit
	delay time.Duration // before the next delivery
}

// judge decides on a message whose handler has returned.
func (s *session) judge(d *delivery, err error) *verdict {
	if err == nil {
		return nil
	}

	text := err.Error()
	if permanent := *new(interface{ Permanent() bool }); errors.As(err, &permanent) && permanent.Permanent() {
		return &verdict{action: terminate, err: err, text: text}
	}

	return s.again(d, err, text)
}

// again decides on a message whose handling failed, and might succeed another time.
func (s *session) again(d *delivery, err error, text string) *verdict {
	if s.isLast(d) {
		text = fmt.Sprintf("delivery %d of %d failed: %s", d.number.Load(), s.maxDeliver, text)
		return &verdict{action: terminate, err: err, text: text}
	}

	return &verdict{action: retry, err: err, text: text, delay: s.delay(d, err)}
}

// delay asks the user's backoff, and falls back to the default one if that panics.
func (s *session) delay(d *delivery, err error) (delay time.Duration) {
	defer func() {
		if recover() != nil {
			delay = defaultBackoff(d.attempts(), err)
		}
	}()

	return s.worker.settings.backoff(d.attempts(), err)
}

// settle tells the server.
func (s *session) settle(ctx context.Context, d *delivery, v *verdict) {
	var err error
	switch {
	case v == nil && s.worker.settings.doubleAck:
		err = s.doubleAck(d)
	case v == nil:
		err = d.msg.Ack()
	case v.action == terminate:
		err = d.msg.TermWithReason(reason(v.text))
	default:
		err = d.msg.NakWithDelay(s.nakDelay(d, v.delay))
	}

	// A handler that has acknowledged the message by itself has decided.
	own := !errors.Is(err, jetstream.ErrMsgAlreadyAckd)
	d.handled = v == nil && own
	if err != nil && own {
		s.logMessage(ctx, zerolog.WarnLevel, d).Err(err).Msg("message could not be settled, it may be delivered again")
	}
}

// doubleAck acks until the server says that it knows. A receipt may be lost with the connection, and a server that is about to
// stop or has just started gives none; the message is kept meanwhile. Where the consumer is gone, nobody ever will.
func (s *session) doubleAck(d *delivery) error {
	for started := time.Now(); ; {
		err := d.msg.DoubleAck(s.handling)
		again := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders)
		if !again || s.lost.Load() || s.handling.Err() != nil || time.Since(started) > ackPatience {
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

// reason makes a text fit for a termination.
func reason(text string) string {
	if len(text) > maxReason {
		text = text[:maxReason]
	}

	return strings.ToValidUTF8(text, "\uFFFD")
}

// handBack gives an untouched or unfinished message to other replicas, if nobody else has settled it.
func (s *session) handBack(d *delivery) {
	if d.claim(answered) {
		s.settle(s.handling, d, &verdict{action: retry})
	}
}

var messages = map[action]string{
	retry:     "message failed, it will be delivered again",
	terminate: "message failed, it was terminated",
}

// report tells logs, metrics and the span how the handling ended.
func (h *handling) report() {
	v := h.verdict
	h.series.handled(v, h.took)

	if v != nil {
		event := h.logMessage(h.ctx, zerolog.ErrorLevel, h.delivery).Str(zerolog.ErrorFieldName, v.text)
		if v.stack != "" {
			event = event.Str(zerolog.ErrorStackFieldName, v.stack)
		}
		if v.action == retry {
			event = event.Dur("delay", v.delay)
		}
		event.Msg(messages[v.action])
		h.span.SetStatus(codes.Error, v.text)
	}
	h.span.End()
}

// logMessage begins a log line about a message.
func (s *session) logMessage(ctx context.Context, level zerolog.Level, d *delivery) *zerolog.Event {
	return worker.CtxLogger(ctx).WithLevel(level).
		Str("stream", s.stream).
		Str("consumer", s.consumer).
		Uint64("sequence", d.id.sequence).
		Uint64("delivery", d.number.Load())
}
