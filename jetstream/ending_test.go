package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// TestSuccessRightAfterTheDrainTimeCounts has a handler succeed in spite of its cancelled context, in a message's last delivery, too.
func TestSuccessRightAfterTheDrainTimeCounts(t *testing.T) {
	for name, test := range map[string]struct {
		maxDeliver int
		js         bool
		late       time.Duration
	}{
		"at once":                        {late: 0},
		"after a while, handed back":     {js: true, late: time.Second},
		"after a while, in its last one": {maxDeliver: 1, late: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: test.maxDeliver})
			options := []workerjetstream.Option{workerjetstream.WithDrainTimeout(50 * time.Millisecond)}
			if test.js {
				options = append(options, workerjetstream.WithJetStream(js))
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
	_, err = js.CreateStream(t.Context(), stream)
	require.NoError(t, err)
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

// order is what a test's messages carry.
type order struct{ Number int }

func TestMiddlewareAndDecode(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	terms := advisories(t, conn, "MSG_TERMINATED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	seen := make(chan string, 9)
	tell := func(name string) func(workerjetstream.Handler) workerjetstream.Handler {
		return func(next workerjetstream.Handler) workerjetstream.Handler {
			return func(ctx context.Context, msg jetstream.Msg) error {
				seen <- name
				return next(ctx, msg)
			}
		}
	}
	none := func(workerjetstream.Handler) workerjetstream.Handler { return nil }
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer,
		workerjetstream.Decode(json.Unmarshal, func(_ context.Context, _ jetstream.Msg, o order) error {
			seen <- fmt.Sprint(o.Number)
			return nil
		}), workerjetstream.WithMessageMiddleware(tell("outer"), nil, none), workerjetstream.WithMessageMiddleware(tell("inner"))))
	publish(t, js, "jobs", `{"number": 7}`, `nonsense`)

	assert.Equal(t, []string{"outer", "inner", "7", "outer", "inner"}, collect(t, seen, 5))
	assert.Contains(t, receive(t, terms).Reason, "invalid character")
	settled(t, consumer)
}

// TestOrderByKeepsTheMessagesOfAKeyInOrder has many handlers, some of them slow.
func TestOrderByKeepsTheMessagesOfAKeyInOrder(t *testing.T) {
	const keys, perKey = 7, 60

	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var mu sync.Mutex // guards handled
	handled := map[string][]int{}
	var running [keys]atomic.Int32
	var atOnce, most atomic.Int32
	metadata := func(msg jetstream.Msg) (key, n int) {
		_, err := fmt.Sscan(string(msg.Data()), &key, &n)
		assert.NoError(t, err)
		return key, n
	}
	done := make(chan struct{}, keys*perKey)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		key, n := metadata(msg)
		assert.EqualValues(t, 1, running[key].Add(1), "one of a key at a time")
		most.Store(max(most.Load(), atOnce.Add(1)))
		<-time.After(time.Duration(n%3) * time.Millisecond)
		mu.Lock()
		handled[fmt.Sprint(key)] = append(handled[fmt.Sprint(key)], n)
		mu.Unlock()
		atOnce.Add(-1)
		running[key].Add(-1)
		done <- struct{}{}
		return nil
	}, workerjetstream.WithConcurrency(16), workerjetstream.WithOrderBy(func(msg jetstream.Msg) string {
		key, _, _ := strings.Cut(string(msg.Data()), " ")
		return key
	})))
	for n := range perKey {
		for key := range keys {
			publish(t, js, "jobs", fmt.Sprint(key, n))
		}
	}

	collect(t, done, keys*perKey)
	settled(t, consumer)
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, handled, keys)
	for key, numbers := range handled {
		for n := range perKey {
			assert.Equal(t, n, numbers[n], "key %s", key)
		}
	}
	assert.Greater(t, most.Load(), int32(1), "keys do not wait for each other")
}
