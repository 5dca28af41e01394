package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	infoTimeout = 5 * time.Second // how long the server may take to tell about a consumer

	maxPullExpiry    = 30 * time.Second // an idle worker asks anew that often
	minPullExpiry    = time.Second      // the client's own minimum
	maxPullHeartbeat = 5 * time.Second  // twice this time without a sign of the server is suspicious
)

// terms is what a consumer's configuration means for a worker.
type terms struct {
	stream, consumer string
	ackWait          time.Duration   // a message is redelivered after this time without a sign
	steps            []time.Duration // of the consumer's BackOff, each less AckWait; none without one
	maxDeliver       uint64          // 0 for no bound
	maxBatch         int             // of one pull, 0 for no bound
	pullExpiry       time.Duration
}

// agree asks the server for the terms, and checks all input on the way.
func (w *consumerWorker) agree(ctx context.Context) (terms, error) {
	if err := w.problem(); err != nil {
		return terms{}, worker.Permanent(err)
	}

	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()

	info, err := w.consumer.Info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrOrderedConsumerNotCreated):
		return terms{}, worker.Permanent(errors.New("an ordered consumer does not acknowledge messages"))
	case err != nil:
		return terms{}, fmt.Errorf("asking for the consumer: %w", err)
	case info == nil:
		return terms{}, worker.Permanent(errors.New("AckWait is unknown: the consumer has no information"))
	}

	if err := w.objection(&info.Config); err != nil {
		return terms{}, worker.Permanent(fmt.Errorf("consumer %s of stream %s: %w", info.Name, info.Stream, err))
	}

	return w.termsOf(info), nil
}

// problem returns what is wrong with the worker's own input.
func (w *consumerWorker) problem() error {
	switch {
	case w.consumer == nil:
		return errors.New("nil consumer")
	case w.handle == nil:
		return errors.New("nil handler")
	case w.singleton:
		return errors.Join(w.settings.problem(), w.settings.singletonProblem())
	default:
		return w.settings.problem()
	}
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

func (w *consumerWorker) termsOf(info *jetstream.ConsumerInfo) terms {
	config := &info.Config
	t := terms{
		stream:     info.Stream,
		consumer:   info.Name,
		ackWait:    slices.Min(append([]time.Duration{config.AckWait}, config.BackOff...)),
		maxDeliver: uint64(max(config.MaxDeliver, 0)),
		maxBatch:   config.MaxRequestBatch,
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

// nakDelay is the delay to ask the server for. It sets a nak'ed message's clock to AckWait minus that, and redelivers by BackOff's
// step, if there is one. A delay of 0 is a request to redeliver at once, whatever the step.
func (t *terms) nakDelay(d *delivery, delay time.Duration) time.Duration {
	if len(t.steps) == 0 || delay <= 0 {
		return delay
	}

	return max(delay-t.steps[min(d.number.Load(), uint64(len(t.steps)))-1], 1)
}
