package jetstream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMessageTimeoutCancelsTheHandler has a handler obey its context: the message is retried, and then terminated.
func TestMessageTimeoutCancelsTheHandler(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	terms := advisories(t, conn, "MSG_TERMINATED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 2})
	causes := make(chan error, 2)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	}, workerjetstream.WithMessageTimeout(100*time.Millisecond), workerjetstream.WithBackoff(worker.ConstantBackoff(0))))
	publish(t, js, "jobs", "a")

	for _, cause := range collect(t, causes, 2) {
		assert.ErrorIs(t, cause, workerjetstream.ErrMessageTimeout)
	}
	assert.Equal(t, "delivery 2 of 2 failed: message timeout after 100ms: context deadline exceeded", receive(t, terms).Reason)
}

// TestHungHandlerIsSeenAndItsMessageGoesOn has one handler of two ignore its context.
func TestHungHandlerIsSeenAndItsMessageGoesOn(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	metrics := workerjetstream.NewMetrics("", "")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics)
	var logs logBuffer
	release := make(chan struct{})
	attempts := make(chan attempt, 10)
	pool, stop := run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		a := attemptOf(msg)
		attempts <- a
		if a.number == 1 {
			<-release
		}
		return nil
	}, workerjetstream.WithConcurrency(2), workerjetstream.WithMetrics(metrics), workerjetstream.WithMessageTimeout(200*time.Millisecond)),
		worker.WithHeartbeat(500*time.Millisecond))
	publish(t, js, "jobs", "a")

	calls := collect(t, attempts, 2)
	assert.EqualValues(t, 2, calls[1].number, "the other handler gets it")
	settled(t, consumer)
	require.Eventually(t, func() bool {
		execution, err := pool.Execution("w")
		return err == nil && execution.Status() == worker.Stuck
	}, patience, 10*time.Millisecond, "one of two hangs")
	assert.Greater(t, gauge(t, registry, "worker_messages_oldest_seconds"), 1.0)
	close(release)
	stop()
	assert.Equal(t, 1, strings.Count(logs.String(), "message failed, it will be delivered again"))
	assert.Contains(t, logs.String(), "message timeout after 200ms: the handler has not returned")
	assert.Zero(t, gauge(t, registry, "worker_messages_oldest_seconds"))
	assert.EqualValues(t, 1, gauge(t, registry, "worker_messages_failed_total"))
}

// TestHandlersAreToldThatTheirMessagesAreLost has the server be away for longer than AckWait.
func TestHandlersAreToldThatTheirMessagesAreLost(t *testing.T) {
	server := runServer(t, t.TempDir(), -1)
	_, js := connect(t, server.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{AckWait: 2 * time.Second})
	began, causes := make(chan struct{}), make(chan error, 1)
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		close(began)
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil
	}))
	publish(t, js, "jobs", "a")
	receive(t, began)
	assert.Empty(t, causes)
	stopServer(server)

	away := time.Now()
	require.ErrorIs(t, receive(t, causes), workerjetstream.ErrMessageLost)
	assert.InDelta(t, 2, time.Since(away).Seconds(), 1.5)
	stop()
	receive(t, result)
}

// TestHandlersOfADeletedConsumerAreTold has the consumer go while a handler runs, and TestLongHandlersKeepTheirMessages shows that nobody
// is told anything while all is well.
func TestHandlersOfADeletedConsumerAreTold(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{AckWait: 3 * time.Second})
	began := make(chan struct{})
	_, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		close(began)
		<-ctx.Done()
		return context.Cause(ctx)
	}))
	publish(t, js, "jobs", "a")
	receive(t, began)

	deleted := time.Now()
	require.NoError(t, js.DeleteConsumer(t.Context(), "JOBS", "c"))
	assert.Error(t, receive(t, result))
	assert.Less(t, time.Since(deleted), 10*time.Second)
}
