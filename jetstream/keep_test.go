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

// TestLongHandlersKeepTheirMessages has a handler take three times AckWait, with others waiting behind it.
func TestLongHandlersKeepTheirMessages(t *testing.T) {
	for name, config := range map[string]jetstream.ConsumerConfig{
		"AckWait": {AckWait: time.Second},
		"BackOff": {AckWait: time.Minute, BackOff: []time.Duration{time.Second, time.Minute}, MaxDeliver: 5},
	} {
		t.Run(name, func(t *testing.T) {
			conn, js := connect(t, startServer(t).ClientURL())
			naks := advisories(t, conn, "MSG_NAKED")
			consumer := newStream(t, js, config)
			var calls, deliveries atomic.Int64
			finished := make(chan struct{}, 400)
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, msg jetstream.Msg) error {
				deliveries.Add(int64(attemptOf(msg).number))
				if calls.Add(1) == 100 { // what is behind it has been prefetched
					select {
					case <-time.After(3 * time.Second):
					case <-ctx.Done():
						assert.NoError(t, context.Cause(ctx), "the server answers")
					}
				}
				finished <- struct{}{}
				return nil
			}))
			for i := range 200 {
				publish(t, js, "jobs", fmt.Sprint(i))
			}

			collect(t, finished, 200)
			settled(t, consumer)
			assert.Empty(t, finished, "nothing was handled twice")
			assert.EqualValues(t, 200+len(naks), deliveries.Load(), "nothing was redelivered but the surplus, which was handed back")
		})
	}
}

func TestIdleWorkerBeats(t *testing.T) {
	const timeout = 500 * time.Millisecond

	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	handled := make(chan struct{}, 1)
	pool, stop := run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		handled <- struct{}{}
		return nil
	}), worker.WithHeartbeat(timeout))

	<-time.After(3 * timeout)
	publish(t, js, "jobs", "a")
	receive(t, handled)
	stop()
	execution, err := pool.Execution("w")
	require.NoError(t, err)
	assert.False(t, execution.HasEvent("heartbeat missed for 500ms"), "%v", execution.Events())
}

// TestBlockedWorkerIsStuckAndItsMessageGoesOn has a handler block for ever: the pool notices, and another replica gets the message.
func TestBlockedWorkerIsStuckAndItsMessageGoesOn(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	release := make(chan struct{})
	began := make(chan struct{}, 2)
	pool, stop := run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		began <- struct{}{}
		<-release
		return nil
	}, workerjetstream.WithDrainTimeout(0)), worker.WithHeartbeat(300*time.Millisecond))
	publish(t, js, "jobs", "a")
	receive(t, began)

	require.Eventually(t, func() bool {
		execution, err := pool.Execution("w")
		return err == nil && execution.Status() == worker.Stuck
	}, patience, 10*time.Millisecond)
	handled := make(chan struct{}, 2)
	run(t, nil, workerjetstream.NewConsumerWorker("other", consumer, func(context.Context, jetstream.Msg) error {
		handled <- struct{}{}
		return nil
	}))
	receive(t, handled)
	close(release)
	stop()
}

// TestHandlersBeat has a handler that is busy for longer than the heartbeat's timeout tell of its progress.
func TestHandlersBeat(t *testing.T) {
	const timeout = 500 * time.Millisecond

	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	handled := make(chan struct{}, 1)
	pool, stop := run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, _ jetstream.Msg) error {
		for range 15 {
			<-time.After(timeout / 5)
			worker.Heartbeat(ctx)
		}
		handled <- struct{}{}
		return nil
	}), worker.WithHeartbeat(timeout))
	publish(t, js, "jobs", "a")

	receive(t, handled)
	stop()
	execution, err := pool.Execution("w")
	require.NoError(t, err)
	assert.False(t, execution.HasEvent("heartbeat missed for 500ms"))
}

func TestConcurrencyBoundsWhatIsInFlight(t *testing.T) {
	for _, n := range []int{1, 3, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			began, finish := make(chan struct{}, 200), make(chan struct{})
			_, stop := run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
				began <- struct{}{}
				<-finish
				return nil
			}, workerjetstream.WithConcurrency(n)))
			for i := range 200 {
				publish(t, js, "jobs", fmt.Sprint(i))
			}

			collect(t, began, n)
			info, err := consumer.Info(t.Context())
			require.NoError(t, err)
			assert.Equal(t, n, info.NumAckPending, "slow handlers leave all other messages to other replicas")
			assert.EqualValues(t, n, info.Delivered.Consumer)
			assert.Empty(t, began)
			close(finish)
			collect(t, began, 200-n)
			settled(t, consumer)
			stop()
		})
	}
}

func TestPullsKeepToTheConsumersLimits(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxRequestBatch: 7, MaxRequestExpires: 2 * time.Second})
	handled := make(chan struct{}, 500)
	var logs logBuffer
	pool, stop := run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		handled <- struct{}{}
		return nil
	}, workerjetstream.WithConcurrency(64)))
	for i := range 500 {
		publish(t, js, "jobs", fmt.Sprint(i))
	}

	collect(t, handled, 500)
	settled(t, consumer)
	stop()
	execution, err := pool.Execution("w")
	require.NoError(t, err)
	assert.Equal(t, worker.Success, execution.Status(), logs.String())
}
