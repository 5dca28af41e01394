package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

// source is where a worker has its consumer from.
type source interface {
	problem() error
	consumer(ctx context.Context) (jetstream.Consumer, error)
}

// given is a consumer that the user has made.
type given struct{ jetstream.Consumer }

// sourceOf returns nil for a nil consumer.
func sourceOf(consumer jetstream.Consumer) source {
	if consumer == nil {
		return nil
	}

	return given{consumer}
}

func (g given) problem() error { return nil }

func (g given) consumer(context.Context) (jetstream.Consumer, error) { return g.Consumer, nil }

// configured is a consumer that each Run makes, or changes, to be as the user wants it.
type configured struct {
	js     jetstream.JetStream
	stream string
	config jetstream.ConsumerConfig
}

func (c *configured) problem() error {
	switch {
	case c.js == nil:
		return errors.New("nil JetStream")
	case c.stream == "":
		return errors.New("empty stream name")
	case c.config.Durable == "":
		return errors.New("the consumer has no Durable: each replica would have a consumer of its own")
	default:
		return nil
	}
}

func (c *configured) consumer(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()

	consumer, err := c.js.CreateOrUpdateConsumer(ctx, c.stream, c.config)
	if err != nil {
		return nil, fmt.Errorf("consumer %s of stream %s: %w", c.config.Durable, c.stream, err)
	}

	return consumer, nil
}

// NewConsumerWorkerFromConfig is as [NewConsumerWorker], but its consumer need not be there: each Run makes it, or changes the one
// that is there to be as config says. So a restart of the worker by its pool repairs a consumer that was deleted, or went with a
// stream that was made again; a missing stream is an ordinary error of Run. The server compares, and changes nothing that is the
// same. What cannot be changed, such as a DeliverPolicy, is an error of Run.
//
// config must have a Durable, and give replicas that run at once the same values, since the last one to begin wins. Where its
// PriorityPolicy is [jetstream.PriorityPolicyPinned], the worker is a singleton as [NewSingletonWorker] makes one.
//
// js is also what [WithJetStream] would give. It must not be nil.
func NewConsumerWorkerFromConfig(
	name string,
	js jetstream.JetStream,
	stream string,
	config jetstream.ConsumerConfig,
	handle func(ctx context.Context, msg jetstream.Msg) error,
	options ...Option,
) worker.Worker {
	settings := newSettings(append([]Option{WithJetStream(js)}, options...))
	w := newWorker(name, &configured{js, stream, config}, handle, settings)
	if config.PriorityPolicy == jetstream.PriorityPolicyPinned {
		w.singleton = true
		if len(config.PriorityGroups) > 0 {
			w.settings.group = config.PriorityGroups[0]
		}
	}

	return w
}
