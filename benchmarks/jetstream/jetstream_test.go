// Package jetstream measures how fast the messages of a server are handled. It is a module of its own, since in the one around it
// the library's path belongs to the published module.
package jetstream

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	bench      = "BENCH"                    // the stream, its subject, and its consumer
	replicaEnv = "WORKER_BENCHMARK_REPLICA" // makes a process a replica: its value is one, as JSON
)

// replica is a process that handles messages until it is killed.
type replica struct {
	URL         string
	Bare        bool // the client alone, in place of a worker
	Concurrency int
	Wait        time.Duration // in the handler
}

func TestMain(m *testing.M) {
	if encoded := os.Getenv(replicaEnv); encoded != "" {
		var r replica
		fmt.Fprintln(os.Stderr, cmp.Or(json.Unmarshal([]byte(encoded), &r), r.serve()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestReplicasHandleMessages(t *testing.T) {
	assert.Positive(t, rate(t, 1000, 2, replica{Concurrency: 4, Wait: time.Millisecond}))
	assert.Positive(t, rate(t, 1000, 1, replica{Concurrency: 4, Wait: time.Millisecond, Bare: true}))
}

// BenchmarkJetStream has one replica handle messages as fast as it can.
func BenchmarkJetStream(b *testing.B) {
	for _, concurrency := range []int{1, 64} {
		for i, name := range []string{"this module", "client alone"} {
			b.Run(fmt.Sprintf("concurrency=%d/by=%s", concurrency, name), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(rate(b, 200_000, 1, replica{Concurrency: concurrency, Bare: i == 1}), "msg/s")
				}
			})
		}
	}
}

// BenchmarkJetStreamReplicas has two replicas share messages whose handlers wait, right after one, so that what slows the machine
// down meets both.
func BenchmarkJetStreamReplicas(b *testing.B) {
	for _, concurrency := range []int{4, 16} {
		b.Run(fmt.Sprintf("concurrency=%d/by=this module", concurrency), func(b *testing.B) {
			r := replica{Concurrency: concurrency, Wait: time.Millisecond}
			for b.Loop() {
				one, two := rate(b, 2500*concurrency, 1, r), rate(b, 5000*concurrency, 2, r)
				b.ReportMetric(one, "one-msg/s")
				b.ReportMetric(two, "two-msg/s")
				b.ReportMetric(two/one, "×")
			}
		})
	}
}

// rate returns the messages per second that replicas handle between a tenth and nine tenths of all, so that neither the start of
// processes counts, nor that one of them ends before the other.
func rate(tb testing.TB, messages, replicas int, r replica) float64 {
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: tb.TempDir(), NoSigs: true, NoLog: true,
	})
	require.NoError(tb, err)
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	require.True(tb, srv.ReadyForConnections(10*time.Second))
	conn, err := nats.Connect(srv.ClientURL())
	require.NoError(tb, err)
	defer conn.Close()
	consumer := fill(tb, conn, messages)

	ctx, kill := context.WithTimeout(tb.Context(), time.Minute)
	defer kill()
	r.URL = srv.ClientURL()
	encoded, err := json.Marshal(r)
	require.NoError(tb, err)
	for range replicas {
		process := exec.CommandContext(ctx, os.Args[0])
		process.Env, process.Stderr = append(os.Environ(), replicaEnv+"="+string(encoded)), os.Stderr
		require.NoError(tb, process.Start())
		defer process.Wait() // after it is killed
		defer kill()
	}

	from, begin := handled(tb, ctx, consumer, messages, messages/10)
	to, end := handled(tb, ctx, consumer, messages, messages*9/10)

	return float64(to-from) / end.Sub(begin).Seconds()
}

// fill makes a stream of messages, and a consumer of them that the server keeps however silent its clients are.
func fill(tb testing.TB, conn *nats.Conn, messages int) jetstream.Consumer {
	js, err := jetstream.New(conn)
	require.NoError(tb, err)
	_, err = js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: bench, Subjects: []string{bench}, Storage: jetstream.MemoryStorage})
	require.NoError(tb, err)
	for i := range messages {
		_, err := js.PublishAsync(bench, fmt.Appendf(nil, "message %d", i))
		require.NoError(tb, err)
		if i%1000 == 999 {
			<-js.PublishAsyncComplete()
		}
	}
	<-js.PublishAsyncComplete()
	consumer, err := js.CreateConsumer(tb.Context(), bench, jetstream.ConsumerConfig{Durable: bench, MaxAckPending: -1})
	require.NoError(tb, err)

	return consumer
}

// handled waits until at least n of the messages are acked, and returns how many are, and when that was.
func handled(tb testing.TB, ctx context.Context, consumer jetstream.Consumer, messages, n int) (int, time.Time) {
	for ticker := time.NewTicker(10 * time.Millisecond); ; <-ticker.C {
		info, err := consumer.Info(ctx)
		require.NoError(tb, err)
		if acked := messages - int(info.NumPending) - info.NumAckPending; acked >= n {
			return acked, time.Now()
		}
	}
}

func (r replica) serve() error {
	conn, err := nats.Connect(r.URL)
	if err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	consumer, err := js.Consumer(context.Background(), bench, bench)
	if err != nil {
		return err
	}
	if r.Bare {
		return r.consume(consumer)
	}
	w := workerjetstream.NewConsumerWorker(bench, consumer, func(context.Context, jetstream.Msg) error {
		r.handle()
		return nil
	}, workerjetstream.WithConcurrency(r.Concurrency), workerjetstream.WithMetrics(workerjetstream.NewMetrics("", "")))

	return worker.NewWorkerPool(worker.WithWorker(w)).Run(context.Background())
}

// consume handles messages with the client alone, from two at once on each in a goroutine.
//
// Consume does not ask for more while its last request is still being sent, as it sees it. Where the goroutine that sends stands
// still for as long as all that was asked for takes to be handled, as on a machine with too much to do, it stalls until the
// heartbeat is found missing, and goes on: such a round is an outlier.
func (r replica) consume(consumer jetstream.Consumer) error {
	places := make(chan struct{}, r.Concurrency)
	_, err := consumer.Consume(func(msg jetstream.Msg) {
		handle := func() {
			r.handle()
			_ = msg.Ack()
		}
		if r.Concurrency == 1 {
			handle()
			return
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			handle()
		}()
	}, jetstream.PullHeartbeat(time.Second))
	if err != nil {
		return err
	}
	select {}
}

func (r replica) handle() {
	if r.Wait > 0 {
		time.Sleep(r.Wait)
	}
}
