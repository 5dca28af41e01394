package jetstream

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

// What a worker has without options.
const (
	// DefaultConcurrency is the number of messages handled at once, without [WithConcurrency].
	DefaultConcurrency = 1

	// DefaultMaxBytes is how many bytes of messages a worker holds and asks for at most, without [WithMaxBytes].
	DefaultMaxBytes = 16 << 20

	// DefaultDrainTimeout is the time that handlers have to finish on a stop, without [WithDrainTimeout]. It leaves room
	// within the 30 seconds that Kubernetes grants by default.
	DefaultDrainTimeout = 20 * time.Second

	// DefaultMinBackoff and DefaultMaxBackoff are the bounds of the exponential backoff between the deliveries of a message
	// that fails, without [WithBackoff].
	DefaultMinBackoff = 100 * time.Millisecond
	DefaultMaxBackoff = 30 * time.Second
)

// ErrDrainTimeout is the cause ([context.Cause]) of a handler's context that was cancelled, since the handler had not finished
// within the drain time of a stop.
var ErrDrainTimeout = errors.New("drain timeout")

// Option configures a worker. Of two for the same thing the later one wins.
type Option func(*settings)

type settings struct {
	concurrency    int
	prefetch       int
	maxBytes       int
	drainTimeout   time.Duration
	messageTimeout time.Duration
	backoff        worker.BackoffFunc
	doubleAck      bool
	group          string
	metrics        *Metrics
	invalid        error // what a middleware did
	js             jetstream.JetStream
	deadLetters    string // a subject
	scheduled      string // the prefix of subjects
	middlewares    []func(Handler) Handler
	key            func(jetstream.Msg) string
}

func newSettings(options []Option) settings {
	s := settings{
		concurrency: DefaultConcurrency, drainTimeout: DefaultDrainTimeout, prefetch: maxPrefetch, maxBytes: DefaultMaxBytes,
	}
	for _, option := range options {
		if option != nil {
			option(&s)
		}
	}
	if s.backoff == nil {
		s.backoff = defaultBackoff
	}

	return s
}

var defaultBackoff = worker.ExponentialBackoff(DefaultMinBackoff, DefaultMaxBackoff)

// problem returns what is wrong with the settings, nil where nothing is.
func (s *settings) problem() error {
	switch {
	case s.concurrency < 1:
		return fmt.Errorf("concurrency must be at least 1, got %d", s.concurrency)
	case s.drainTimeout < 0:
		return fmt.Errorf("drain timeout must not be negative, got %s", s.drainTimeout)
	case s.invalid != nil:
		return s.invalid
	case s.maxBytes < 1:
		return fmt.Errorf("max bytes must be at least 1, got %d", s.maxBytes)
	case s.messageTimeout < 0:
		return fmt.Errorf("message timeout must not be negative, got %s", s.messageTimeout)
	case s.js == nil && s.deadLetters != "":
		return errors.New("dead letters need WithJetStream")
	case s.js == nil && s.scheduled != "":
		return errors.New("rescheduling needs WithJetStream")
	case s.deadLetters != "" && !isSubject(s.deadLetters):
		return fmt.Errorf("dead letter subject %q is not one to publish to", s.deadLetters)
	case s.scheduled != "" && !isSubject(s.scheduled):
		return fmt.Errorf("rescheduling prefix %q is not one to publish to", s.scheduled)
	default:
		return nil
	}
}

// isSubject returns whether a message can be published to a subject.
func isSubject(subject string) bool {
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" || strings.ContainsAny(token, " \t\r\n*>") {
			return false
		}
	}

	return true
}

// WithConcurrency sets how many messages a worker handles at once. The default is [DefaultConcurrency]; less than 1 is an error of
// Run.
//
// It also bounds what is prefetched: a worker holds at most n messages where its handlers are slow, so that the others are there
// for other replicas. While they are fast, it prefetches what they get through in about 50 milliseconds, at most 500 messages more,
// and no more than [WithMaxBytes]. If they become slow then, what has waited for half a second is handed back, which costs each of
// those messages a delivery; those in their last one stay.
func WithConcurrency(n int) Option {
	return func(s *settings) { s.concurrency = n }
}

// WithDrainTimeout sets the time that handlers have to finish once the worker is told to stop, or has to end by itself. The default
// is [DefaultDrainTimeout]; 0 cancels them at once, less is an error of Run. Where the worker's context has a deadline that is
// nearer, that counts.
//
// It must be less than the pool's stop timeout, and that less than the time the platform grants before it kills.
func WithDrainTimeout(d time.Duration) Option {
	return func(s *settings) { s.drainTimeout = d }
}

// WithBackoff sets the delay before the next delivery of a message whose handling failed, by the number of attempts at it so far
// and the error. The delay is kept by the server, so it holds whichever replica is next. The message takes a place in MaxAckPending
// meanwhile, unless there is [WithRescheduling]. 0 or less redelivers at once. An error of [RetryAfter] brings its own delay. The
// default, also for nil and in place of a backoff that panics, is [worker.ExponentialBackoff] from [DefaultMinBackoff] to
// [DefaultMaxBackoff].
func WithBackoff(backoff worker.BackoffFunc) Option {
	return func(s *settings) { s.backoff = backoff }
}

// WithDoubleAck makes a worker wait for the server's receipt of each ack, before the handler's place is free for the next message.
// Without it an ack is sent and no more, which is faster, but a connection that breaks right then leaves a message that is handled
// again. An ack without a receipt is repeated for half a minute, each time after the client's [jetstream.WithDefaultTimeout], while
// the message is kept: so nothing is handled again after a restart of the server, as long as each message comes back to the replica
// that holds it. No receipt is waited for after the drain time of a stop.
func WithDoubleAck() Option {
	return func(s *settings) { s.doubleAck = true }
}

// WithMetrics makes a worker count into the given metrics. The default, also for nil, is to count nothing.
func WithMetrics(metrics *Metrics) Option {
	return func(s *settings) { s.metrics = metrics }
}
