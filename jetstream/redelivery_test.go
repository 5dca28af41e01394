package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRedeliveryOfAHeldMessageIsNotHandled has the server redeliver a message while its handler runs, as it does after a restart.
func TestRedeliveryOfAHeldMessageIsNotHandled(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	metrics := workerjetstream.NewMetrics("", "")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics)
	began, finish := make(chan jetstream.Msg, 2), make(chan struct{})
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		began <- msg
		<-finish
		return nil
	}, workerjetstream.WithConcurrency(2), workerjetstream.WithMetrics(metrics)))
	publish(t, js, "jobs", "a")

	redeliver(t, conn, consumer, receive(t, began))
	require.Eventually(t, func() bool { return gauge(t, registry, "worker_messages_suppressed_total") == 1 }, patience, 10*time.Millisecond)
	close(finish)
	settled(t, consumer)
	assert.Empty(t, began, "the free handler has not got it")
}

// redeliver has the server deliver a message that is out once more, and waits until the worker has it.
func redeliver(t *testing.T, conn *nats.Conn, consumer jetstream.Consumer, msg jetstream.Msg) {
	t.Helper()

	require.NoError(t, conn.Publish(msg.Reply(), []byte("-NAK")))
	waitForDeliveries(t, consumer, 2)
	require.NoError(t, conn.Flush())
}

// waitForDeliveries waits until the consumer has delivered n times.
func waitForDeliveries(t *testing.T, consumer jetstream.Consumer, n uint64) {
	t.Helper()

	require.Eventually(t, func() bool {
		info, err := consumer.Info(context.Background())
		return err == nil && info.Delivered.Consumer == n
	}, patience, 10*time.Millisecond)
}

// TestRedeliveryOfAHeldMessageCountsAsItsDelivery has a message redelivered for the last time while it is held: the server will say
// nothing of it any more, so the failure has to terminate it.
func TestRedeliveryOfAHeldMessageCountsAsItsDelivery(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	terms := advisories(t, conn, "MSG_TERMINATED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 2})
	began, finish := make(chan jetstream.Msg, 2), make(chan struct{})
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		began <- msg
		<-finish
		return errors.New("boom")
	}, workerjetstream.WithConcurrency(2)))
	publish(t, js, "jobs", "a")

	redeliver(t, conn, consumer, receive(t, began))
	close(finish)
	assert.Equal(t, "delivery 2 of 2 failed: boom", receive(t, terms).Reason)
	settled(t, consumer)
	assert.Empty(t, began)
}

// TestRedeliveryThatCrossesTheAckIsNotHandled has the server redeliver a message just when its handler has returned.
func TestRedeliveryThatCrossesTheAckIsNotHandled(t *testing.T) {
	for name, options := range map[string][]workerjetstream.Option{"ack": nil, "double ack": {workerjetstream.WithDoubleAck()}} {
		t.Run(name, func(t *testing.T) {
			conn, js := connect(t, startServer(t).ClientURL())
			consumer := losing{newStream(t, js, jetstream.ConsumerConfig{}), conn, &atomic.Int32{}}
			var calls atomic.Int32
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
				calls.Add(1)
				return nil
			}, options...))
			publish(t, js, "jobs", "a")

			waitForDeliveries(t, consumer, 2)
			settled(t, consumer)
			assert.EqualValues(t, 1, calls.Load())
		})
	}
}

// losing is a consumer whose first ack is lost, and has the server redeliver the message in its place.
type losing struct {
	jetstream.Consumer
	conn *nats.Conn
	acks *atomic.Int32
}

func (l losing) Consume(handle jetstream.MessageHandler, options ...jetstream.PullConsumeOpt) (jetstream.ConsumeContext, error) {
	return l.Consumer.Consume(func(msg jetstream.Msg) { handle(losingMsg{msg, l}) }, options...)
}

type losingMsg struct {
	jetstream.Msg
	losing
}

func (m losingMsg) Ack() error {
	if m.acks.Add(1) == 1 {
		return m.conn.Publish(m.Reply(), []byte("-NAK"))
	}

	return m.Msg.Ack()
}

func (m losingMsg) DoubleAck(context.Context) error { return m.Ack() }

// TestResetConsumer has the server forget what it has delivered: a message that is held is not handled twice at once, but one that
// was handled is, since that is what a reset is for.
func TestResetConsumer(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	began, finish := make(chan attempt, 3), make(chan struct{})
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		began <- attemptOf(msg)
		<-finish
		return nil
	}, workerjetstream.WithConcurrency(2)))
	reset := func() {
		_, err := js.ResetConsumerToSequence(t.Context(), "JOBS", "c", 1)
		require.NoError(t, err)
		waitForDeliveries(t, consumer, 1) // it counts anew
		require.NoError(t, conn.Flush())
	}
	publish(t, js, "jobs", "a")

	receive(t, began)
	reset()
	close(finish)
	settled(t, consumer)
	assert.Empty(t, began)
	reset()
	assert.EqualValues(t, 1, receive(t, began).number)
	settled(t, consumer)
}

// TestRestartHasNothingHandledTwice restarts the server under load. It redelivers at once all that is out and was published longer
// ago than AckWait, and the acks are on their way by then: so some redeliveries cross them.
func TestRestartHasNothingHandledTwice(t *testing.T) {
	const restarts, perRestart = 3, 1000

	dir := t.TempDir()
	server := runServer(t, dir, -1)
	defer func() { stopServer(server) }()
	port := portOf(t, server.ClientURL())
	conn, _ := connect(t, server.ClientURL())
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(500*time.Millisecond)) // that of a receipt, too
	require.NoError(t, err)
	consumer := newStream(t, js, jetstream.ConsumerConfig{AckWait: time.Second})
	var mu sync.Mutex // guards calls
	calls := map[string]int{}
	messages := make([]string, restarts*perRestart)
	for i := range messages {
		messages[i] = fmt.Sprint(i)
	}
	publish(t, js, "jobs", messages...)
	<-time.After(time.Second) // AckWait
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		<-time.After(jobWork)
		mu.Lock()
		defer mu.Unlock()
		calls[string(msg.Data())]++
		return nil
	}, workerjetstream.WithConcurrency(concurrency), workerjetstream.WithDoubleAck()))

	for i := range restarts {
		waitForAcks(t, consumer, uint64(i*perRestart+perRestart/2))
		stopServer(server)
		server = runServer(t, dir, port)
	}
	waitForAcks(t, consumer, uint64(len(messages)))
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	assert.Greater(t, info.Delivered.Consumer, uint64(len(messages)), "the server has redelivered some")
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, calls, len(messages))
	for data, n := range calls {
		assert.Equal(t, 1, n, "message %s", data)
	}
}

// TestDoubleAckIsRepeatedUntilTheServerKnows has the server refuse the first receipts, as one does that is about to stop.
func TestDoubleAckIsRepeatedUntilTheServerKnows(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := refusing{newStream(t, js, jetstream.ConsumerConfig{}), &atomic.Int32{}}
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, nothing, workerjetstream.WithDoubleAck()))
	publish(t, js, "jobs", "a")

	settled(t, consumer)
	assert.EqualValues(t, 3, consumer.acks.Load())
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, info.Delivered.Consumer)
}

// refusing is a consumer whose first two double acks get no receipt.
type refusing struct {
	jetstream.Consumer
	acks *atomic.Int32
}

func (r refusing) Consume(handle jetstream.MessageHandler, options ...jetstream.PullConsumeOpt) (jetstream.ConsumeContext, error) {
	return r.Consumer.Consume(func(msg jetstream.Msg) { handle(refusingMsg{msg, r.acks}) }, options...)
}

type refusingMsg struct {
	jetstream.Msg
	acks *atomic.Int32
}

func (m refusingMsg) DoubleAck(ctx context.Context) error {
	if m.acks.Add(1) <= 2 {
		return nats.ErrNoResponders
	}

	return m.Msg.DoubleAck(ctx)
}
