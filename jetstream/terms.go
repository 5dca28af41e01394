package jetstream

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	infoTimeout = 5 * time.Second // how long the server may take to tell about a consumer

	maxPullExpiry    = 30 * time.Second // an idle worker asks anew that often
	minPullExpiry    = time.Second      // the client's own minimum
	maxPullHeartbeat = time.Second      // after twice this time without a sign of the server the client asks again

	// A new leader takes 4 to 9 seconds to be elected, and whatever is out and not heard of meanwhile may be redelivered.
	clusterAckWait = 15 * time.Second
)

// terms is what a consumer's configuration means for a worker. It is not changed once it is made.
type terms struct {
	ackWait    time.Duration   // a message is redelivered after this time without a sign
	steps      []time.Duration // of the consumer's BackOff, each less AckWait; none without one
	maxDeliver uint64          // 0 for no bound
	maxBatch   int             // of one pull, 0 for no bound
	maxBytes   int             // likewise
	pullExpiry time.Duration
}

// objection returns what is wrong with the consumer's configuration.
func (w *consumerWorker) objection(config *jetstream.ConsumerConfig) error {
	switch {
	case config.AckPolicy != jetstream.AckExplicitPolicy:
		return errors.New("its AckPolicy is not AckExplicitPolicy")
	case config.AckWait <= 0 || slices.ContainsFunc(config.BackOff, func(d time.Duration) bool { return d <= 0 }):
		return errors.New("its AckWait is unknown")
	case config.MaxRequestExpires > 0 && config.MaxRequestExpires < minPullExpiry:
		return fmt.Errorf("its MaxRequestExpires is less than %s", minPullExpiry)
	case w.singleton:
		return singletonObjection(config, w.settings.group)
	case len(config.PriorityGroups) > 0:
		return errors.New("it has priority groups, for which there is NewSingletonWorker")
	default:
		return nil
	}
}

func (w *consumerWorker) termsOf(config *jetstream.ConsumerConfig) *terms {
	t := &terms{
		ackWait:    slices.Min(append([]time.Duration{config.AckWait}, config.BackOff...)),
		maxDeliver: uint64(max(config.MaxDeliver, 0)),
		maxBatch:   config.MaxRequestBatch,
		maxBytes:   config.MaxRequestMaxBytes,
		pullExpiry: maxPullExpiry,
	}
	for _, step := range config.BackOff {
		t.steps = append(t.steps, step-config.AckWait)
	}
	if config.MaxRequestExpires > 0 {
		t.pullExpiry = min(t.pullExpiry, config.MaxRequestExpires)
	}
	if w.singleton {
		t.pullExpiry = min(t.pullExpiry, config.PinnedTTL/2)
	}

	return t
}

// isLast returns whether the server will not deliver the message again.
func (t *terms) isLast(d *delivery) bool {
	return t.maxDeliver > 0 && d.number.Load() >= t.maxDeliver
}

// isExhausted returns whether the message has had all of its attempts, those before it was scheduled anew included.
func (t *terms) isExhausted(d *delivery) bool {
	return t.isLast(d) || t.maxDeliver > 0 && d.tries() >= t.maxDeliver
}

// nakDelay is the delay to ask the server for. It sets a nak'ed message's clock to AckWait minus that, and redelivers by BackOff's
// step, if there is one. A delay of 0 is a request to redeliver at once, whatever the step.
func (t *terms) nakDelay(d *delivery, delay time.Duration) time.Duration {
	if len(t.steps) == 0 || delay <= 0 {
		return delay
	}

	return max(delay-t.steps[min(d.number.Load(), uint64(len(t.steps)))-1], 1)
}
