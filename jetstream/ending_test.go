package jetstream_test

import (
	"context"
	"errors"
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

// TestSuccessRightAfterTheDrainTimeCounts has a handler succeed in spite of its cancelled context, in a message's last delivery, too.
func TestSuccessRightAfterTheDrainTimeCounts(t *testing.T) {
	for name, test := range map[string]struct {
		maxDeliver int
		js         bool
		double     bool
		late       time.Duration
	}{
		"at once":                                    {late: 0},
		"after a while, handed back":                 {js: true, late: time.Second},
		"after a while, in its last one":             {maxDeliver: 1, late: time.Second},
		"at once, double ack":                        {double: true, late: 0},
		"after a while, in its last one, double ack": {double: true, maxDeliver: 1, late: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: test.maxDeliver})
			options := []workerjetstream.Option{workerjetstream.WithDrainTimeout(50 * time.Millisecond)}
			if test.js {
				options = append(options, workerjetstream.WithJetStream(js))
			}
			if test.double {
				options = append(options, workerjetstream.WithDoubleAck())
			}
			began := make(chan struct{})
			stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
				close(began)
				<-ctx.Done()
				<-time.After(test.late)
				return nil
			}, options...))
			publish(t, js, "jobs", "a")
			receive(t, began)

			stop()
			require.NoError(t, receive(t, result))
			waitForAckPending(t, consumer, 0)
			info, err := consumer.Info(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 1, info.Delivered.Consumer)
			assert.EqualValues(t, 1, info.AckFloor.Stream)
		})
	}
}

// TestSuccessThatCountsForNothingIsTold has nobody to ack by after the message was handed back.
func TestSuccessThatCountsForNothingIsTold(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var logs logBuffer
	began := make(chan struct{})
	_, stop := run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		close(began)
		<-ctx.Done()
		<-time.After(time.Second)
		return nil
	}, workerjetstream.WithDrainTimeout(0)))
	publish(t, js, "jobs", "a")
	receive(t, began)

	stop()
	assert.Contains(t, logs.String(), "message succeeded after it was handed back, it may be handled again")
	waitForAckPending(t, consumer, 1)
}

// TestFailureThatCannotBeToldIsNotTermination has the connection closed before the handler fails.
func TestFailureThatCannotBeToldIsNotTermination(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	metrics := workerjetstream.NewMetrics("", "")
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics)
	var logs logBuffer
	began, finish := make(chan struct{}), make(chan struct{})
	_, stop := run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		close(began)
		<-finish
		return worker.Permanent(errors.New("boom"))
	}, workerjetstream.WithMetrics(metrics)))
	publish(t, js, "jobs", "a")
	receive(t, began)
	closeConn(conn)

	close(finish)
	require.Eventually(t, func() bool { return strings.Contains(logs.String(), "but the server could not be told") }, patience, 10*time.Millisecond)
	stop()
	assert.NotContains(t, logs.String(), "it was terminated")
	assert.EqualValues(t, 1, gauge(t, registry, "worker_messages_unsettled_total"))
	assert.Zero(t, gauge(t, registry, "worker_messages_terminated_total"))
}
