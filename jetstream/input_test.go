package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// informant is a consumer that only tells about itself.
type informant struct {
	jetstream.Consumer
	info *jetstream.ConsumerInfo
	err  error
}

func (i informant) Info(context.Context) (*jetstream.ConsumerInfo, error) { return i.info, i.err }

func about(change func(*jetstream.ConsumerConfig)) jetstream.Consumer {
	config := jetstream.ConsumerConfig{
		AckWait: time.Second, MaxAckPending: 1,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"g"}, PinnedTTL: 2 * time.Second,
	}
	change(&config)

	return informant{info: &jetstream.ConsumerInfo{Stream: "S", Name: "c", Config: config}}
}

func plain(change func(*jetstream.ConsumerConfig)) jetstream.Consumer {
	return about(func(c *jetstream.ConsumerConfig) {
		*c = jetstream.ConsumerConfig{AckWait: time.Second}
		change(c)
	})
}

func nothing(context.Context, jetstream.Msg) error { return nil }

func TestBadInputIsAPermanentError(t *testing.T) {
	good := plain(func(*jetstream.ConsumerConfig) {})
	for name, test := range map[string]struct {
		consumer jetstream.Consumer
		handle   handler
		options  []workerjetstream.Option
		message  string
	}{
		"nil consumer":   {nil, nothing, nil, "nil consumer"},
		"nil handler":    {good, nil, nil, "nil handler"},
		"concurrency 0":  {good, nothing, []workerjetstream.Option{workerjetstream.WithConcurrency(0)}, "concurrency must be at least 1, got 0"},
		"concurrency -3": {good, nothing, []workerjetstream.Option{workerjetstream.WithConcurrency(-3)}, "concurrency must be at least 1, got -3"},
		"drain time -1s": {good, nothing, []workerjetstream.Option{workerjetstream.WithDrainTimeout(-time.Second)}, "drain timeout must not be negative, got -1s"},
		"max bytes 0":    {good, nothing, []workerjetstream.Option{workerjetstream.WithMaxBytes(0)}, "max bytes must be at least 1, got 0"},
		"max bytes -1":   {good, nothing, []workerjetstream.Option{workerjetstream.WithMaxBytes(-1)}, "max bytes must be at least 1, got -1"},
		"middleware panics": {good, nothing, []workerjetstream.Option{workerjetstream.WithMessageMiddleware(
			func(workerjetstream.Handler) workerjetstream.Handler { panic("ouch") },
		)}, "a message middleware: recovered panic: ouch"},
		"message time -1s":   {good, nothing, []workerjetstream.Option{workerjetstream.WithMessageTimeout(-time.Second)}, "message timeout must not be negative, got -1s"},
		"dead without js":    {good, nothing, []workerjetstream.Option{workerjetstream.WithDeadLetters("dead")}, "dead letters need WithJetStream"},
		"retries without js": {good, nothing, []workerjetstream.Option{workerjetstream.WithRescheduling("retry")}, "rescheduling needs WithJetStream"},
		"no information":     {informant{}, nothing, nil, "AckWait is unknown: the consumer has no information"},
		"AckWait unknown":    {plain(func(c *jetstream.ConsumerConfig) { c.AckWait = 0 }), nothing, nil, "consumer c of stream S: its AckWait is unknown"},
		"BackOff of 0":       {plain(func(c *jetstream.ConsumerConfig) { c.BackOff = []time.Duration{0} }), nothing, nil, "consumer c of stream S: its AckWait is unknown"},
		"no acks":            {plain(func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckNonePolicy }), nothing, nil, "consumer c of stream S: its AckPolicy is not AckExplicitPolicy"},
		"short pulls":        {plain(func(c *jetstream.ConsumerConfig) { c.MaxRequestExpires = time.Millisecond }), nothing, nil, "consumer c of stream S: its MaxRequestExpires is less than 1s"},
		"priority groups":    {about(func(*jetstream.ConsumerConfig) {}), nothing, nil, "consumer c of stream S: it has priority groups, for which there is NewSingletonWorker"},
		"ordered, not begun": {informant{err: jetstream.ErrOrderedConsumerNotCreated}, nothing, nil, "an ordered consumer does not acknowledge messages"},
	} {
		t.Run(name, func(t *testing.T) {
			err := workerjetstream.NewConsumerWorker("w", test.consumer, test.handle, test.options...).Run(t.Context())
			requirePermanent(t, err, test.message)
		})
	}
}

func TestBadInputOfASingletonIsAPermanentError(t *testing.T) {
	for name, test := range map[string]struct {
		group   string
		change  func(*jetstream.ConsumerConfig)
		options []workerjetstream.Option
		message string
	}{
		"no group":        {"", func(*jetstream.ConsumerConfig) {}, nil, "empty priority group"},
		"concurrency 2":   {"g", func(*jetstream.ConsumerConfig) {}, []workerjetstream.Option{workerjetstream.WithConcurrency(2)}, "concurrency of a singleton must be 1, got 2"},
		"no policy":       {"g", func(c *jetstream.ConsumerConfig) { c.PriorityPolicy = jetstream.PriorityPolicyNone }, nil, "consumer c of stream S: its PriorityPolicy is not PriorityPolicyPinned"},
		"overflow":        {"g", func(c *jetstream.ConsumerConfig) { c.PriorityPolicy = jetstream.PriorityPolicyOverflow }, nil, "consumer c of stream S: its PriorityPolicy is not PriorityPolicyPinned"},
		"another group":   {"h", func(*jetstream.ConsumerConfig) {}, nil, `consumer c of stream S: its PriorityGroups are not exactly "h"`},
		"two groups":      {"g", func(c *jetstream.ConsumerConfig) { c.PriorityGroups = []string{"g", "h"} }, nil, `consumer c of stream S: its PriorityGroups are not exactly "g"`},
		"several at once": {"g", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1000 }, nil, "consumer c of stream S: its MaxAckPending is 1000, not 1"},
		"short TTL":       {"g", func(c *jetstream.ConsumerConfig) { c.PinnedTTL = time.Second }, nil, "consumer c of stream S: its PinnedTTL is less than 2s"},
	} {
		t.Run(name, func(t *testing.T) {
			err := workerjetstream.NewSingletonWorker("w", about(test.change), test.group, nothing, test.options...).Run(t.Context())
			requirePermanent(t, err, test.message)
		})
	}
}

func requirePermanent(t *testing.T, err error, message string) {
	t.Helper()

	require.EqualError(t, err, message)
	var permanent interface{ Permanent() bool }
	require.True(t, errors.As(err, &permanent) && permanent.Permanent())
}

func TestUnknownConsumerIsNotPermanent(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	require.NoError(t, js.DeleteConsumer(t.Context(), "JOBS", "c"))

	err := workerjetstream.NewConsumerWorker("w", consumer, nothing).Run(t.Context())

	require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
	var permanent interface{ Permanent() bool }
	assert.False(t, errors.As(err, &permanent), "it may be made again")
}

func TestRunWithADoneContextReturnsNil(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	assert.NoError(t, workerjetstream.NewConsumerWorker("w", informant{err: ctx.Err()}, nothing).Run(ctx))
}

func TestName(t *testing.T) {
	assert.Equal(t, "shipping", workerjetstream.NewConsumerWorker("shipping", nil, nil).Name())
}
