package jetstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Headers of the copies that [WithRescheduling] and [WithDeadLetters] publish, beside the message's own ones but those of the server
// (Nats-...), and those whose names the client does not write, such as ones with a space.
const (
	HeaderAttempts = "Worker-Attempts" // of a message scheduled anew: the attempts so far

	HeaderError    = "Worker-Error"    // of a dead letter: the reason of its termination
	HeaderSubject  = "Worker-Subject"  // ... its subject
	HeaderStream   = "Worker-Stream"   // ... its stream
	HeaderConsumer = "Worker-Consumer" // ... the consumer that it failed at
	HeaderSequence = "Worker-Sequence" // ... its sequence in the stream
	HeaderWorker   = "Worker-Name"     // ... the worker that it failed at
)

// publishTimeout bounds the wait for the server's receipt of a copy, in which its handler's place is taken.
const publishTimeout = 5 * time.Second

// WithDeadLetters publishes each message to a subject before it is terminated, with the headers that begin with Worker-. A stream
// must have that subject: a copy counts only once a stream has stored it. While there is none, the message is not terminated but
// retried, as its deliveries allow, and after its last one it stays where it is, which the log and the metric unsettled tell. The same
// is true of a message that is too large for the server's max_payload with the headers of its copy, 2 KiB at most beside names. The
// default, also for an empty subject, is to have none. A copy that is sent twice, because a receipt was lost, has the same
// Nats-Msg-Id, so the stream drops the second one within its duplicate window.
//
// A message whose replicas die in all of its deliveries is terminated by nobody and comes to no dead letters; the server tells of it in
// its advisory MAX_DELIVERIES. It needs [WithJetStream] or [NewConsumerWorkerFromConfig]; without, it is an error of Run.
func WithDeadLetters(subject string) Option {
	return func(s *settings) { s.deadLetters = subject }
}

// WithRescheduling publishes a message that is retried after a delay as a scheduled message, which the server keeps until then, and
// acks the original. So its place in MaxAckPending is free for healthy ones; a message that is nak'ed keeps its place until it
// succeeds or is terminated. It is published to prefix.CONSUMER.SEQUENCE.ATTEMPT, and from there by the server to its own subject.
// It comes to a later place in the stream then, with a new sequence and the header [HeaderAttempts]; MaxDeliver bounds all attempts
// together. The default, also for an empty prefix, is to nak.
//
// The stream must have AllowMsgSchedules (server 2.12 and later) and the subjects prefix.>, and the consumer must not: it needs a filter
// without them. Another consumer of the same subject gets the copy, too, so the stream should be for this one; and one with interest
// retention would drop it. Delays are kept to
// about a second. Where the server refuses the copy, the message is nak'ed, which the log tells. It needs [WithJetStream] or
// [NewConsumerWorkerFromConfig]; without, it is an error of Run.
func WithRescheduling(prefix string) Option {
	return func(s *settings) { s.scheduled = prefix }
}

// WithJetStream gives a worker the client beside its consumer, for [WithDeadLetters], [WithRescheduling], acks of messages that were
// handed back already, and the unpinning of a singleton that stops. The default, also for nil, is that the worker does without.
func WithJetStream(js jetstream.JetStream) Option {
	return func(s *settings) { s.js = js }
}

// bury publishes a copy among the dead letters, and terminates the message.
func (s *session) bury(d *delivery, v *verdict) (result, error) {
	letter := s.copyOf(d, s.worker.settings.deadLetters)
	letter.Header.Set(HeaderError, oneLine(reason(v.text)))
	letter.Header.Set(HeaderSubject, d.msg.Subject())
	letter.Header.Set(HeaderStream, s.stream)
	letter.Header.Set(HeaderConsumer, s.consumer)
	letter.Header.Set(HeaderSequence, strconv.FormatUint(d.id.sequence, 10))
	letter.Header.Set(HeaderWorker, oneLine(s.worker.name))

	err := s.publish(letter, fmt.Sprintf("dead.%s.%s.%d.%d", s.stream, s.consumer, d.id.sequence, d.id.stored))
	if err == nil {
		return buried, d.msg.TermWithReason(reason(v.text))
	}
	err = fmt.Errorf("publishing the dead letter: %w", err)
	if !s.terms().isLast(d) {
		return told, errors.Join(err, s.nak(d, s.delay(d, err)))
	}

	return told, err
}

// reschedule publishes a copy that comes after the delay, and acks the message.
func (s *session) reschedule(d *delivery, v *verdict) (result, error) {
	attempts := d.tries()
	if v.snooze {
		attempts--
	}
	subject := fmt.Sprintf("%s.%s.%d.%d", s.worker.settings.scheduled, s.consumer, d.id.sequence, d.tries())
	again := s.copyOf(d, subject)
	again.Header.Set(HeaderAttempts, strconv.FormatUint(attempts, 10))
	again.Header.Set("Nats-Schedule", "@at "+time.Now().Add(v.delay).UTC().Format(time.RFC3339Nano))
	again.Header.Set("Nats-Schedule-Target", d.msg.Subject())

	err := s.publish(again, fmt.Sprintf("retry.%s.%d.%d.%d", s.consumer, d.id.sequence, d.id.stored, d.tries()))
	switch {
	case err == nil:
		return scheduled, d.msg.Ack()
	case s.terms().isLast(d):
		return told, fmt.Errorf("scheduling the message: %w", err)
	default:
		guard(func() {
			s.logMessage(s.handling, zerolog.WarnLevel, d).Err(err).Msg("message could not be scheduled, it is nak'ed")
		})
		return told, s.nak(d, v.delay)
	}
}

// isNoHeader returns whether a character is none of a header's name: the client reads such names of other clients, but writes none.
func isNoHeader(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// copyOf returns a copy of a message for another subject, without what the server has to do with its headers.
func (s *session) copyOf(d *delivery, subject string) *nats.Msg {
	header := maps.Clone(nats.Header(d.msg.Headers()))
	if header == nil {
		header = nats.Header{}
	}
	maps.DeleteFunc(header, func(name string, _ []string) bool {
		return name == "" || strings.HasPrefix(name, "Nats-") || strings.ContainsFunc(name, isNoHeader)
	})
	delete(header, HeaderAttempts)

	return &nats.Msg{Subject: subject, Header: header, Data: d.msg.Data()}
}

var errDeaf = errors.New("the server does not answer")

// publish waits for the receipt of a stream. Once the handlers are interrupted one copy that waits in vain is enough: many messages may
// still be in their last delivery.
func (s *session) publish(msg *nats.Msg, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), publishTimeout)
	defer cancel()

	if s.deaf.Load() {
		return errDeaf
	}
	_, err := s.worker.settings.js.PublishMsg(ctx, msg, jetstream.WithMsgID(id))

	if s.handling.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		s.deaf.Store(true)
	}

	return err
}

// priorAttempts reads how often a message was tried before it was scheduled anew.
func priorAttempts(headers nats.Header) uint64 {
	if len(headers) == 0 {
		return 0
	}
	attempts, _ := strconv.ParseUint(headers.Get(HeaderAttempts), 10, 32)

	return attempts
}

// oneLine makes a text fit for a header.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
