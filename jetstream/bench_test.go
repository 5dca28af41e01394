package jetstream_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// benchPatience bounds a round, which takes a second.
const benchPatience = time.Minute

const (
	benchHeartbeat = time.Second // twice this time without a message or a heartbeat means that the client has lost its way
	benchTries     = 10          // for one round
)

// BenchmarkConsume compares a worker with the bare client's Consume, both with the same handler and with acks, in turns within one
// run: worker/bare is the median of the rounds' ratios of messages per second.
func BenchmarkConsume(b *testing.B) {
	for _, concurrency := range []int{1, 64} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) {
			const messages, rounds = 100_000, 5

			js := fill(b, messages)
			var bare, own, ratios []float64
			for b.Loop() {
				for range rounds {
					x := consumeBare(b, js, messages, concurrency)
					y := consumeWorker(b, js, messages, concurrency)
					bare, own, ratios = append(bare, x), append(own, y), append(ratios, y/x)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(bare), "bare-msgs/s")
			b.ReportMetric(median(own), "worker-msgs/s")
			b.ReportMetric(median(ratios), "worker/bare")
		})
	}
}

// BenchmarkReplicas tells how much more two replicas handle than one, with a handler that waits for a millisecond: each replica
// has a connection of its own. They share a process and its cores with the server.
func BenchmarkReplicas(b *testing.B) {
	const messages, rounds = 40_000, 5

	server := startServer(b)
	first := fillServer(b, server, messages)
	_, second := connect(b, server.ClientURL())
	var one, two, ratios []float64
	for b.Loop() {
		for range rounds {
			x := consumeReplicas(b, messages, first)
			y := consumeReplicas(b, messages, first, second)
			one, two, ratios = append(one, x), append(two, y), append(ratios, y/x)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(one), "one-msgs/s")
	b.ReportMetric(median(two), "two-msgs/s")
	b.ReportMetric(median(ratios), "two/one")
}

func consumeReplicas(b *testing.B, messages int, clients ...jetstream.JetStream) float64 {
	b.Helper()

	count := newCountdown(messages)
	name := benchConsumer(b, clients[0]).CachedInfo().Name
	var workers []worker.Worker
	for _, js := range clients {
		consumer, err := js.Consumer(b.Context(), "BENCH", name)
		require.NoError(b, err)
		workers = append(workers, workerjetstream.NewConsumerWorker("bench", consumer, func(ctx context.Context, msg jetstream.Msg) error {
			<-time.After(time.Millisecond)
			return count.handle(ctx, msg)
		}, workerjetstream.WithConcurrency(16)))
	}

	return rate(b, messages, count, workers...)
}

func fill(b *testing.B, messages int) jetstream.JetStream {
	b.Helper()

	return fillServer(b, startServer(b), messages)
}

func fillServer(b *testing.B, server *server.Server, messages int) jetstream.JetStream {
	b.Helper()

	_, js := connect(b, server.ClientURL())
	_, err := js.CreateStream(b.Context(), jetstream.StreamConfig{
		Name: "BENCH", Subjects: []string{"bench"}, Storage: jetstream.MemoryStorage,
	})
	require.NoError(b, err)
	data := make([]string, messages)
	for i := range data {
		data[i] = fmt.Sprintf("message %d", i)
	}
	publish(b, js, "bench", data...)

	return js
}

func benchConsumer(b *testing.B, js jetstream.JetStream) jetstream.Consumer {
	b.Helper()

	// The server shall not delete it while a client that has lost its pull is silent.
	consumer, err := js.CreateConsumer(b.Context(), "BENCH", jetstream.ConsumerConfig{MaxAckPending: -1, InactiveThreshold: time.Hour})
	require.NoError(b, err)
	b.Cleanup(func() { _ = js.DeleteConsumer(context.Background(), "BENCH", consumer.CachedInfo().Name) })

	return consumer
}

// consumeBare returns the messages per second of the bare client. For a concurrency it starts a goroutine for each message.
//
// A round in which the client has lost its way is no measurement, and is repeated: Consume asks for more only while its last request
// is not still being sent, as it sees it. Where the goroutine that sends stands still after sending for as long as all that was asked
// for takes to be handled, as on a machine with too much to do, no message is left to have it ask. It then waits for the heartbeat that
// does not come.
func consumeBare(b *testing.B, js jetstream.JetStream, messages, concurrency int) float64 {
	b.Helper()

	for range benchTries {
		rate, err := tryBare(b, js, messages, concurrency)
		if err == nil {
			return rate
		}
		b.Log("a round of the bare client is repeated: ", err)
	}
	require.FailNow(b, "the bare client does not get through a round")
	panic("unreachable")
}

// tryBare returns an error where the client reports one.
func tryBare(b *testing.B, js jetstream.JetStream, messages, concurrency int) (float64, error) {
	b.Helper()

	failed := make(chan error, 1) // one place, since the first error counts
	count := newCountdown(messages)
	handle := func(msg jetstream.Msg) {
		count.handle(b.Context(), msg)
		_ = msg.Ack()
	}
	places := make(chan struct{}, concurrency)
	started := time.Now()
	consuming, err := benchConsumer(b, js).Consume(func(msg jetstream.Msg) {
		if concurrency == 1 {
			handle(msg)
			return
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			handle(msg)
		}()
	}, jetstream.PullHeartbeat(benchHeartbeat), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		select {
		case failed <- err:
		default:
		}
	}))
	require.NoError(b, err)
	var failure error
	select {
	case <-count.done:
	case failure = <-failed:
	case <-time.After(benchPatience):
		require.FailNow(b, "the bare client is too slow", "%d of %d messages are left", count.left.Load(), messages)
	}
	rate := float64(messages) / time.Since(started).Seconds()
	consuming.Drain()
	<-consuming.Closed()

	return rate, failure
}

func consumeWorker(b *testing.B, js jetstream.JetStream, messages, concurrency int) float64 {
	b.Helper()

	count := newCountdown(messages)
	w := workerjetstream.NewConsumerWorker("bench", benchConsumer(b, js), count.handle,
		workerjetstream.WithConcurrency(concurrency), workerjetstream.WithMetrics(workerjetstream.NewMetrics("", "")))

	return rate(b, messages, count, w)
}

// rate returns the messages per second that workers handle, each as it does in a pool of its own.
func rate(b *testing.B, messages int, count *countdown, workers ...worker.Worker) float64 {
	b.Helper()

	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ended := make(chan error, len(workers))
	started := time.Now()
	for _, w := range workers {
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w))
		require.NoError(b, err)
		go func() { ended <- pool.Run(ctx) }()
	}
	select {
	case <-count.done:
	case err := <-ended:
		require.FailNow(b, "a worker has ended", "%v", err)
	case <-time.After(benchPatience):
		require.FailNow(b, "too slow", "%d of %d messages are left", count.left.Load(), messages)
	}
	rate := float64(messages) / time.Since(started).Seconds()
	cancel()
	for range workers {
		require.NoError(b, <-ended)
	}

	return rate
}

// countdown is a handler that counts.
type countdown struct {
	left atomic.Int64
	done chan struct{} // closed by the last message
	bar  sync.Once
}

func newCountdown(n int) *countdown {
	c := &countdown{done: make(chan struct{})}
	c.left.Store(int64(n))

	return c
}

func (c *countdown) handle(context.Context, jetstream.Msg) error {
	if c.left.Add(-1) <= 0 {
		c.bar.Do(func() { close(c.done) })
	}

	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)

	return values[len(values)/2]
}
