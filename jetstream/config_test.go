package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMaxDeliverThatIsChangedHoldsAtOnce raises and lowers it while a message is being handled.
func TestMaxDeliverThatIsChangedHoldsAtOnce(t *testing.T) {
	for name, test := range map[string]struct{ before, after int }{"raised": {2, 4}, "lowered": {4, 2}} {
		t.Run(name, func(t *testing.T) {
			conn, js := connect(t, startServer(t).ClientURL())
			terms := advisories(t, conn, "MSG_TERMINATED")
			config := jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxDeliver: test.before}
			consumer := newStream(t, js, config)
			began, finish := make(chan struct{}, 9), make(chan struct{})
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
				began <- struct{}{}
				<-finish
				return errors.New("boom")
			}, workerjetstream.WithBackoff(worker.ConstantBackoff(0))))
			publish(t, js, "jobs", "a")
			receive(t, began)
			config.MaxDeliver = test.after
			_, err := js.UpdateConsumer(t.Context(), "JOBS", config)
			require.NoError(t, err)
			<-time.After(time.Second) // what was known is older than that

			close(finish)
			assert.Equal(t, fmt.Sprintf("delivery %d of %d failed: boom", test.after, test.after), receive(t, terms).Reason)
			settled(t, consumer)
		})
	}
}

// TestAckWaitThatIsLoweredIsKept has it lowered far below the time of a handler.
func TestAckWaitThatIsLoweredIsKept(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	config := jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute}
	consumer := newStream(t, js, config)
	began, finish := make(chan attempt, 9), make(chan struct{})
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		began <- attemptOf(msg)
		<-finish
		return nil
	}))
	publish(t, js, "jobs", "a")
	receive(t, began)
	config.AckWait = 7 * time.Second
	_, err := js.UpdateConsumer(t.Context(), "JOBS", config)
	require.NoError(t, err)

	<-time.After(11 * time.Second)
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, info.Delivered.Consumer, "it was not redelivered")
	close(finish)
	settled(t, consumer)
}

// TestConsumerFromConfigIsMadeChangedAndRepaired has the worker see to its consumer.
func TestConsumerFromConfigIsMadeChangedAndRepaired(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	stream := jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"jobs"}}
	_, err := js.CreateStream(t.Context(), stream)
	require.NoError(t, err)
	_, err = js.CreateConsumer(t.Context(), "JOBS", jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 9})
	require.NoError(t, err)
	handled := make(chan string, 9)
	config := jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 7 * time.Second, MaxDeliver: 3}
	run(t, nil, workerjetstream.NewConsumerWorkerFromConfig("w", js, "JOBS", config, func(_ context.Context, msg jetstream.Msg) error {
		handled <- string(msg.Data())
		return nil
	}), worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts))
	publish(t, js, "jobs", "a")
	assert.Equal(t, "a", receive(t, handled))
	consumer, err := js.Consumer(t.Context(), "JOBS", "c")
	require.NoError(t, err)
	assert.Equal(t, 7*time.Second, consumer.CachedInfo().Config.AckWait)
	assert.Equal(t, 3, consumer.CachedInfo().Config.MaxDeliver)
	settled(t, consumer)

	require.NoError(t, js.DeleteStream(t.Context(), "JOBS"))
	require.Eventually(t, func() bool { // the server may refuse while it still clears away the old stream's files
		_, err = js.CreateStream(t.Context(), stream)
		return err == nil
	}, patience, 10*time.Millisecond)
	publish(t, js, "jobs", "b")
	assert.Equal(t, "b", receive(t, handled))
}

func TestBadConfigIsAPermanentError(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	for message, w := range map[string]worker.Worker{
		"nil JetStream":     workerjetstream.NewConsumerWorkerFromConfig("w", nil, "S", jetstream.ConsumerConfig{Durable: "c"}, nothing),
		"empty stream name": workerjetstream.NewConsumerWorkerFromConfig("w", js, "", jetstream.ConsumerConfig{Durable: "c"}, nothing),
		"the consumer has no Durable: each replica would have a consumer of its own": workerjetstream.NewConsumerWorkerFromConfig("w", js, "S", jetstream.ConsumerConfig{}, nothing),
		`dead letter subject "a.*" is not one to publish to`: workerjetstream.NewConsumerWorkerFromConfig("w", js, "S",
			jetstream.ConsumerConfig{Durable: "c"}, nothing, workerjetstream.WithDeadLetters("a.*")),
		`rescheduling prefix "a..b" is not one to publish to`: workerjetstream.NewConsumerWorkerFromConfig("w", js, "S",
			jetstream.ConsumerConfig{Durable: "c"}, nothing, workerjetstream.WithRescheduling("a..b")),
		"nil handler": workerjetstream.NewConsumerWorkerFromConfig("w", js, "S", jetstream.ConsumerConfig{Durable: "c"}, nil),
		"empty priority group": workerjetstream.NewConsumerWorkerFromConfig("w", js, "S",
			jetstream.ConsumerConfig{Durable: "c", PriorityPolicy: jetstream.PriorityPolicyPinned}, nothing),
	} {
		requirePermanent(t, w.Run(t.Context()), message)
	}
	err := workerjetstream.NewConsumerWorkerFromConfig("w", js, "S", jetstream.ConsumerConfig{Durable: "c"}, nothing).Run(t.Context())
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}

// TestUnpinOnAnOrderlyStop has the pinned replica of two stop: the other one need not wait for PinnedTTL.
func TestUnpinOnAnOrderlyStop(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"jobs"}})
	require.NoError(t, err)
	config := jetstream.ConsumerConfig{
		Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: 1,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"main"}, PinnedTTL: time.Minute,
	}
	handled := make(chan int, 9)
	var stops []func()
	for i := range 2 {
		_, own := connect(t, js.Conn().ConnectedUrl())
		_, stop := run(t, nil, workerjetstream.NewConsumerWorkerFromConfig("w", own, "JOBS", config, func(context.Context, jetstream.Msg) error {
			handled <- i
			return nil
		}))
		stops = append(stops, stop)
	}
	publish(t, js, "jobs", "a")
	first := receive(t, handled)
	stops[first]()

	stopped := time.Now()
	publish(t, js, "jobs", "b")
	assert.Equal(t, 1-first, receive(t, handled))
	t.Logf("taken over after %s", time.Since(stopped))
	assert.Less(t, time.Since(stopped), 5*time.Second)
}
