package jetstream

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/codes"
)

type action int

const (
	retry action = iota
	terminate
)

// verdict is why the handling of a message did not succeed, and what becomes of the message. A success has none.
type verdict struct {
	action
	err    error         // what the handler returned, a [*worker.PanicError] or [worker.ErrGoexit]
	text   string        // of the error: the reason of a termination
	stack  string        // of a panic or a Goexit
	delay  time.Duration // before the next delivery
	snooze bool          // it is no failure
}

// judge decides on a message whose handler has returned.
func (s *session) judge(d *delivery, err error) *verdict {
	if err == nil {
		return nil
	}

	text := err.Error()
	if marked, ok := find[interface{ Permanent() bool }](err); ok && marked.Permanent() {
		return &verdict{action: terminate, err: err, text: text}
	}

	return s.again(d, err, text)
}

// again decides on a message whose handling might succeed another time.
func (s *session) again(d *delivery, err error, text string) *verdict {
	if s.terms().maxDeliver > 0 || s.worker.settings.scheduled != "" {
		_ = s.renew(judgedAge) // with an older answer where there is none
	}

	asked, _ := find[*retryAfter](err)
	snooze := asked != nil && asked.snooze
	switch t := s.terms(); {
	case snooze && (s.worker.settings.scheduled != "" || !t.isLast(d)):
		return &verdict{action: retry, err: err, text: text, delay: asked.delay, snooze: true}
	case t.isExhausted(d):
		text = fmt.Sprintf("delivery %d of %d failed: %s", d.tries(), t.maxDeliver, text)
		return &verdict{action: terminate, err: err, text: text}
	case asked != nil:
		return &verdict{action: retry, err: err, text: text, delay: asked.delay}
	default:
		return &verdict{action: retry, err: err, text: text, delay: s.delay(d, err)}
	}
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

// report tells logs, metrics and the span how the handling ended, and what the server did.
func (h *handling) report(r result) {
	v := h.verdict
	h.series.handled(v, r, h.took)

	level := zerolog.ErrorLevel
	switch {
	case v == nil && r == tooLate:
		level = zerolog.WarnLevel
	case v == nil:
		h.span.End()
		return
	case v.snooze:
		level = zerolog.InfoLevel
	}
	event := h.logMessage(h.ctx, level, h.delivery)
	if v != nil {
		event = event.Str(zerolog.ErrorFieldName, v.text)
		if v.stack != "" {
			event = event.Str(zerolog.ErrorStackFieldName, v.stack)
		}
		if v.action == retry {
			event = event.Dur("delay", v.delay)
		}
		if !v.snooze {
			h.span.SetStatus(codes.Error, reason(v.text)) // an exporter drops a whole batch for a text that is not UTF-8
		}
	}
	event.Msg(r.text(v))
	h.span.End()
}
