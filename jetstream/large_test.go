package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gauge returns the value of a gauge without further labels than the worker's.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()

	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			metric := family.GetMetric()[0]
			return metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}

	return 0
}

// TestLargeMessagesAreBoundByBytes has messages grow from nothing to 200 KiB, and looks at what is held all the while.
func TestLargeMessagesAreBoundByBytes(t *testing.T) {
	const small, large, size, bound = 2000, 100, 200 << 10, 2 << 20

	for _, concurrency := range []int{1, 16} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			metrics := workerjetstream.NewMetrics("", "")
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(metrics)
			publish(t, js, "jobs", make([]string, small)...)
			body := strings.Repeat("x", size)
			for range large {
				publish(t, js, "jobs", body)
			}
			var handled atomic.Int32
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				if len(msg.Data()) == size {
					<-time.After(10 * time.Millisecond)
				}
				handled.Add(1)
				return nil
			}, workerjetstream.WithConcurrency(concurrency), workerjetstream.WithMaxBytes(bound), workerjetstream.WithMetrics(metrics)))

			most := 0.0
			for deadline := time.Now().Add(patience); handled.Load() < small+large && time.Now().Before(deadline); {
				most = max(most, gauge(t, registry, "worker_messages_in_flight_bytes"))
			}
			settled(t, consumer)
			assert.EqualValues(t, small+large, handled.Load())
			t.Logf("%.0f KiB held at most", most/1024)
			assert.LessOrEqual(t, most, float64(bound))
			info, err := consumer.Info(t.Context())
			require.NoError(t, err)
			// A pull that has brought too much is closed, and the server counts what was on its way.
			assert.LessOrEqual(t, info.Delivered.Consumer, uint64(small+large+large/2))
		})
	}
}

// TestMessageLargerThanTheBoundIsHandled has one come after small ones and before some.
func TestMessageLargerThanTheBoundIsHandled(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	handled := make(chan int, 500)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		handled <- len(msg.Data())
		return nil
	}, workerjetstream.WithConcurrency(8), workerjetstream.WithMaxBytes(64<<10)))
	publish(t, js, "jobs", make([]string, 200)...)
	publish(t, js, "jobs", strings.Repeat("x", 200<<10))
	publish(t, js, "jobs", make([]string, 200)...)

	assert.Contains(t, collect(t, handled, 401), 200<<10)
	settled(t, consumer)
}

// TestMessageLargerThanAPullsLimitIsHandled has one come alone, while the only pull has a limit that is less: the server ends the pull,
// and the client asks in the same way again and again.
func TestMessageLargerThanAPullsLimitIsHandled(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	limits := pullLimits(t, conn)
	handled := make(chan int, 10)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		handled <- len(msg.Data())
		return nil
	}, workerjetstream.WithConcurrency(8), workerjetstream.WithMaxBytes(64<<10),
		workerjetstream.WithOrderBy(func(jetstream.Msg) string { return "" }))) // for a single pull
	publish(t, js, "jobs", "a", "b", "c")
	collect(t, handled, 3)
	for limit := 0; limit == 0; {
		limit = receive(t, limits)
		require.Less(t, limit, 200<<10)
	}

	published := time.Now()
	publish(t, js, "jobs", strings.Repeat("x", 200<<10))
	assert.Equal(t, 200<<10, receive(t, handled))
	t.Logf("handled after %s, %d pulls", time.Since(published), len(limits))
	settled(t, consumer)
}

// pullLimits tells of each pull how many bytes it is for, 0 for no limit.
func pullLimits(t *testing.T, conn *nats.Conn) <-chan int {
	t.Helper()

	limits := make(chan int, 1<<20) // more than a client asks for in a test
	_, err := conn.Subscribe("$JS.API.CONSUMER.MSG.NEXT.JOBS.c", func(msg *nats.Msg) {
		var request struct {
			MaxBytes int `json:"max_bytes"`
		}
		if json.Unmarshal(msg.Data, &request) == nil {
			limits <- request.MaxBytes
		}
	})
	require.NoError(t, err)
	require.NoError(t, conn.Flush())

	return limits
}

// TestLargeMessageIsNotHeldUpByThoseThatFail has small messages come again and again before it: the server puts them first, so a pull
// with a limit is never without any.
func TestLargeMessageIsNotHeldUpByThoseThatFail(t *testing.T) {
	key := func(msg jetstream.Msg) string { return fmt.Sprint(len(msg.Data())) }
	for name, test := range map[string]struct {
		failing int
		order   []workerjetstream.Option
	}{
		"few":            {2, nil},
		"many":           {300, nil},
		"few, in order":  {2, []workerjetstream.Option{workerjetstream.WithOrderBy(key)}},
		"many, in order": {300, []workerjetstream.Option{workerjetstream.WithOrderBy(key)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			handled := make(chan struct{}, 1)
			var failed atomic.Int32
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				if len(msg.Data()) == 0 {
					failed.Add(1)
					return errors.New("boom")
				}
				handled <- struct{}{}
				return nil
			}, append(test.order, workerjetstream.WithConcurrency(8), workerjetstream.WithMaxBytes(64<<10),
				workerjetstream.WithBackoff(worker.ConstantBackoff(300*time.Millisecond)))...))
			publish(t, js, "jobs", make([]string, test.failing)...)
			require.Eventually(t, func() bool { return failed.Load() > int32(2*test.failing) }, patience, 10*time.Millisecond)

			published := time.Now()
			publish(t, js, "jobs", strings.Repeat("x", 200<<10))
			receive(t, handled)
			t.Logf("handled after %s, with %d failures", time.Since(published), failed.Load())
		})
	}
}

func TestWithoutPrefetchHoldsWhatIsHandled(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var calls atomic.Int32
	began, finish := make(chan struct{}, 200), make(chan struct{})
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		if calls.Add(1) > 100 {
			began <- struct{}{}
			<-finish
		}
		return nil
	}, workerjetstream.WithConcurrency(4), workerjetstream.WithoutPrefetch()))
	publish(t, js, "jobs", make([]string, 200)...)

	collect(t, began, 4)
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	assert.LessOrEqual(t, info.NumAckPending, 4)
	close(finish)
	settled(t, consumer)
}

// TestSurplusGoesToAnotherReplica has handlers become slow, while another replica idles.
func TestSurplusGoesToAnotherReplica(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var calls atomic.Int32
	began, finish := make(chan struct{}, 1000), make(chan struct{})
	run(t, nil, workerjetstream.NewConsumerWorker("slow", consumer, func(context.Context, jetstream.Msg) error {
		if calls.Add(1) > 200 {
			began <- struct{}{}
			<-finish
		}
		return nil
	}))
	publish(t, js, "jobs", make([]string, 600)...)
	receive(t, began)
	held := waitForPrefetch(t, consumer, 1)
	handled := make(chan struct{}, 1000)
	run(t, nil, workerjetstream.NewConsumerWorker("idle", consumer, func(context.Context, jetstream.Msg) error {
		handled <- struct{}{}
		return nil
	}))

	since := time.Now()
	collect(t, handled, 399)
	t.Logf("%d were held by one replica, and the other one had handled all after %s", held, time.Since(since))
	assert.Less(t, time.Since(since), 10*time.Second)
	waitForAckPending(t, consumer, 1)
	close(finish)
	settled(t, consumer)
	assert.Empty(t, handled)
}

// TestPrefetchIsBoundByWhatAcksTake has fast handlers whose acks are slow: what would wait behind them for long is not asked for, so
// that no delivery is spent on handing it back.
func TestPrefetchIsBoundByWhatAcksTake(t *testing.T) {
	const total = 100

	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	publish(t, js, "jobs", make([]string, total)...)
	handled := make(chan uint64, 10*total)
	_, stop := run(t, nil, workerjetstream.NewConsumerWorker("w", slowAcks{consumer}, func(_ context.Context, msg jetstream.Msg) error {
		handled <- attemptOf(msg).number
		return nil
	}, workerjetstream.WithDoubleAck()))

	for _, number := range collect(t, handled, total) {
		require.EqualValues(t, 1, number)
	}
	settled(t, consumer)
	stop()
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, total, info.Delivered.Consumer)
}

// slowAcks is a consumer far away from its server.
type slowAcks struct{ jetstream.Consumer }

func (s slowAcks) Consume(handle jetstream.MessageHandler, options ...jetstream.PullConsumeOpt) (jetstream.ConsumeContext, error) {
	return s.Consumer.Consume(func(msg jetstream.Msg) { handle(slowlyAcked{msg}) }, options...)
}

type slowlyAcked struct{ jetstream.Msg }

func (s slowlyAcked) DoubleAck(ctx context.Context) error {
	<-time.After(20 * time.Millisecond)
	return s.Msg.DoubleAck(ctx)
}
