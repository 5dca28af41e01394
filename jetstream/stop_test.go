package jetstream_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start runs a worker on a goroutine of its own, and returns what ends it and what Run returned.
func start(tb testing.TB, ctx context.Context, w worker.Worker) (stop context.CancelFunc, result <-chan error) {
	tb.Helper()

	ctx, stop = context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	tb.Cleanup(stop)

	return stop, done
}

// startAndHandle starts a worker, and has it handle a message.
func startAndHandle(tb testing.TB, js jetstream.JetStream, consumer jetstream.Consumer) (stop context.CancelFunc, result <-chan error) {
	tb.Helper()

	handled := make(chan struct{}, 1)
	stop, result = start(tb, tb.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		handled <- struct{}{}
		return nil
	}))
	publish(tb, js, "jobs", "a")
	receive(tb, handled)

	return stop, result
}

func TestStopLetsHandlersFinishAndHandsBackTheRest(t *testing.T) {
	const total, concurrency = 300, 4

	conn, js := connect(t, startServer(t).ClientURL())
	naks := advisories(t, conn, "MSG_NAKED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var calls atomic.Int32
	began, finish := make(chan string, total), make(chan struct{})
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, msg jetstream.Msg) error {
		// The first messages are fast, so that others are prefetched when the later ones are slow.
		if calls.Add(1) > 100 {
			began <- string(msg.Data())
			<-finish
			assert.NoError(t, ctx.Err(), "a stop does not cancel handlers")
		}
		return nil
	}, workerjetstream.WithConcurrency(concurrency)))
	for i := range total {
		publish(t, js, "jobs", fmt.Sprint(i))
	}
	mine := collect(t, began, concurrency)
	held := waitForPrefetch(t, consumer, concurrency)

	stop()
	assert.Len(t, collect(t, naks, held-concurrency), held-concurrency, "what no handler has begun is handed back at once")
	assert.Empty(t, result, "the handlers are waited for")
	close(finish)
	require.NoError(t, receive(t, result))
	assert.Empty(t, began, "no other message was begun")
	waitForAckPending(t, consumer, held-concurrency) // the handled ones are acked

	// Another replica gets the rest without waiting for AckWait, and nothing of what was handled.
	seen := make(chan string, total)
	run(t, nil, workerjetstream.NewConsumerWorker("w2", consumer, func(_ context.Context, msg jetstream.Msg) error {
		seen <- string(msg.Data())
		return nil
	}))
	rest := collect(t, seen, total-100-concurrency)
	settled(t, consumer)
	assert.Empty(t, seen)
	for _, data := range mine {
		assert.NotContains(t, rest, data)
	}
}

// waitForAckPending waits until n messages are out. The server has got all acks when Run returns, and goes through them by and by.
func waitForAckPending(t *testing.T, consumer jetstream.Consumer, n int) {
	t.Helper()

	require.EventuallyWithT(t, func(c *assert.CollectT) {
		info, err := consumer.Info(context.Background())
		require.NoError(c, err)
		assert.Equal(c, n, info.NumAckPending)
	}, patience, 10*time.Millisecond)
}

// waitForPrefetch returns how many messages a worker holds once it holds more than it handles.
func waitForPrefetch(t *testing.T, consumer jetstream.Consumer, handling int) int {
	t.Helper()

	held, last := 0, -1
	require.Eventually(t, func() bool {
		info, err := consumer.Info(context.Background())
		require.NoError(t, err)
		held, last = info.NumAckPending, held
		return held > handling && held == last
	}, patience, 100*time.Millisecond)

	return held
}

func TestDrainTimeoutCancelsHandlersAndHandsBackTheirMessages(t *testing.T) {
	withDeadline, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()

	for name, test := range map[string]struct {
		ctx   context.Context
		drain time.Duration
	}{
		"after the drain time": {context.Background(), 200 * time.Millisecond},
		"at once":              {context.Background(), 0},
		"within a deadline":    {withDeadline, 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			conn, js := connect(t, startServer(t).ClientURL())
			naks := advisories(t, conn, "MSG_NAKED")
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			began, causes := make(chan struct{}), make(chan error, 1)
			leave := make(chan struct{})
			stop, result := start(t, test.ctx, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
				close(began)
				<-ctx.Done()
				causes <- context.Cause(ctx)
				<-leave
				return nil
			}, workerjetstream.WithDrainTimeout(test.drain)))
			publish(t, js, "jobs", "a")
			receive(t, began)

			stopped := time.Now()
			stop()
			require.ErrorIs(t, receive(t, causes), workerjetstream.ErrDrainTimeout)
			assert.GreaterOrEqual(t, time.Since(stopped), test.drain)
			assert.Equal(t, advisory{Deliveries: 1}, receive(t, naks), "another replica gets it while the handler still runs")
			assert.Empty(t, result, "Run does not leave a handler behind")
			close(leave)
			assert.NoError(t, receive(t, result))
		})
	}
}

func TestDeadlineOfTheContextEndsTheDrain(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	deadline, _ := ctx.Deadline()
	began := make(chan struct{})
	stop, result := start(t, ctx, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}, workerjetstream.WithDrainTimeout(time.Hour)))
	publish(t, js, "jobs", "a")
	receive(t, began)

	stop()
	require.NoError(t, receive(t, result))
	assert.WithinRange(t, time.Now(), deadline, deadline.Add(5*time.Second))
}

// TestMessageInItsLastDeliveryIsNotHandedBack shows that a stop does not use up the last attempt of a message: no other replica
// would get it.
func TestMessageInItsLastDeliveryIsNotHandedBack(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 1})
	var calls atomic.Int32
	began, finish := make(chan struct{}, 200), make(chan struct{})
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		if calls.Add(1) > 100 {
			began <- struct{}{}
			<-finish
		}
		return nil
	}))
	for i := range 200 {
		publish(t, js, "jobs", fmt.Sprint(i))
	}
	receive(t, began)
	held := waitForPrefetch(t, consumer, 1)

	stop()
	close(finish)
	require.NoError(t, receive(t, result))
	assert.EqualValues(t, 100+held, calls.Load())
	waitForAckPending(t, consumer, 0)
}

// slowAfterAHundred is a handler that returns at once for so long that much is prefetched. Then it waits for the end of its context, and
// tells why that came.
func slowAfterAHundred(began chan struct{}, causes chan error) (calls *atomic.Int32, handle workerjetstream.Handler) {
	calls = new(atomic.Int32)

	return calls, func(ctx context.Context, _ jetstream.Msg) error {
		switch n := calls.Add(1); {
		case n <= 100:
			return nil
		case n == 101:
			close(began)
		}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	}
}

// TestDrainTimeoutLeavesNoLastDeliveryUntold has the drain time pass while messages wait that no other replica would get: a handler
// still tells of each.
func TestDrainTimeoutLeavesNoLastDeliveryUntold(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	terms := advisories(t, conn, "MSG_TERMINATED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 1})
	began, causes := make(chan struct{}), make(chan error, 200)
	_, handle := slowAfterAHundred(began, causes)
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, handle, workerjetstream.WithDrainTimeout(100*time.Millisecond)))
	for i := range 200 {
		publish(t, js, "jobs", fmt.Sprint(i))
	}
	receive(t, began)
	held := waitForPrefetch(t, consumer, 1)

	stop()
	for _, cause := range collect(t, causes, held) {
		assert.ErrorIs(t, cause, workerjetstream.ErrDrainTimeout)
	}
	collect(t, terms, held)
	require.NoError(t, receive(t, result))
}

// TestStopWhileDisconnected has nobody to hand anything back to.
func TestStopWhileDisconnected(t *testing.T) {
	server := runServer(t, t.TempDir(), -1)
	_, js := connect(t, server.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	began, finish := make(chan struct{}, 4), make(chan struct{})
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		began <- struct{}{}
		<-finish
		return nil
	}, workerjetstream.WithConcurrency(2)))
	publish(t, js, "jobs", "a", "b", "c", "d")
	collect(t, began, 2)
	stopServer(server)

	stopped := time.Now()
	stop()
	close(finish)
	require.NoError(t, receive(t, result))
	assert.Less(t, time.Since(stopped), 6*time.Second, "the server is waited for twice, for 2 s each")
	assert.Empty(t, began)
}

// TestStopWhileDisconnectedWaitsForNoTerms has handlers fail while the server was asked for the consumer already, several times.
func TestStopWhileDisconnectedWaitsForNoTerms(t *testing.T) {
	server := runServer(t, t.TempDir(), -1)
	_, js := connect(t, server.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 5})
	began := make(chan struct{}, 4)
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		began <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, workerjetstream.WithConcurrency(4), workerjetstream.WithDrainTimeout(100*time.Millisecond)))
	publish(t, js, "jobs", "a", "b")
	collect(t, began, 2)
	stopServer(server)
	<-time.After(3 * time.Second) // more than two heartbeats

	stopped := time.Now()
	stop()
	require.NoError(t, receive(t, result))
	assert.Less(t, time.Since(stopped), 8*time.Second, "the server is waited for three times, for 2 s each")
}

// TestStopWhileDisconnectedTriesOnceToTell has many messages in their last delivery fail, with nobody to take their dead letters.
func TestStopWhileDisconnectedTriesOnceToTell(t *testing.T) {
	server := runServer(t, t.TempDir(), -1)
	_, js := connect(t, server.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 1})
	began := make(chan struct{})
	calls, handle := slowAfterAHundred(began, make(chan error, 200))
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, handle,
		workerjetstream.WithDrainTimeout(0), workerjetstream.WithJetStream(js), workerjetstream.WithDeadLetters("dead")))
	for i := range 200 {
		publish(t, js, "jobs", fmt.Sprint(i))
	}
	receive(t, began)
	held := waitForPrefetch(t, consumer, 1)
	stopServer(server)

	stopped := time.Now()
	stop()
	require.NoError(t, receive(t, result))
	assert.Less(t, time.Since(stopped), 20*time.Second, "the server is waited for three times, for 2, 5 and 2 s")
	assert.EqualValues(t, 100+held, calls.Load())
}

func TestStopOfAnIdleWorkerIsImmediate(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	stop, result := startAndHandle(t, js, consumer)

	stopped := time.Now()
	stop()
	require.NoError(t, receive(t, result))
	assert.Less(t, time.Since(stopped), 2*time.Second, "no pull is waited out")
}
