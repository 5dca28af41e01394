package jetstream_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what is going to happen anyway.
const patience = 30 * time.Second

// startServer runs a server with JetStream on a port of the system's choice, and stops it with the test.
func startServer(tb testing.TB) *server.Server {
	tb.Helper()

	s := runServer(tb, tb.TempDir(), server.RANDOM_PORT)
	tb.Cleanup(func() { stopServer(s) })

	return s
}

// runServer runs a server that keeps its files in dir.
func runServer(tb testing.TB, dir string, port int) *server.Server {
	tb.Helper()

	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	require.NoError(tb, err)
	s.Start()
	require.True(tb, s.ReadyForConnections(patience))

	return s
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// connect returns a client of the server, closed with the test.
func connect(tb testing.TB, url string) (*nats.Conn, jetstream.JetStream) {
	tb.Helper()

	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	require.NoError(tb, err)
	tb.Cleanup(func() { closeConn(conn) })
	js, err := jetstream.New(conn)
	require.NoError(tb, err)

	return conn, js
}

// closeConn closes a connection and waits for the end of its goroutines.
func closeConn(conn *nats.Conn) {
	if conn.IsClosed() {
		return
	}

	closed := make(chan struct{})
	conn.SetClosedHandler(func(*nats.Conn) { close(closed) })
	conn.Close()
	<-closed
}

// publish sends messages, and waits until the server has stored them.
func publish(tb testing.TB, js jetstream.JetStream, subject string, data ...string) {
	tb.Helper()

	for chunk := range slices.Chunk(data, 1000) { // well below what the client lets wait
		for _, text := range chunk {
			_, err := js.PublishAsync(subject, []byte(text))
			require.NoError(tb, err)
		}
		select {
		case <-js.PublishAsyncComplete():
		case <-time.After(patience):
			require.Fail(tb, "the server has not stored the messages")
		}
	}
}

// newStream makes the stream JOBS of the subject jobs, and a consumer of it. Its AckWait is long, so that what is redelivered in a
// test was nak'ed.
func newStream(tb testing.TB, js jetstream.JetStream, config jetstream.ConsumerConfig) jetstream.Consumer {
	tb.Helper()

	_, err := js.CreateStream(tb.Context(), jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"jobs"}})
	require.NoError(tb, err)
	config.Durable = "c"
	if config.AckWait == 0 {
		config.AckWait = time.Minute
	}
	consumer, err := js.CreateConsumer(tb.Context(), "JOBS", config)
	require.NoError(tb, err)

	return consumer
}

// settled waits until the consumer has delivered all messages and got an answer for each.
func settled(tb testing.TB, consumer jetstream.Consumer) {
	tb.Helper()

	require.EventuallyWithT(tb, func(c *assert.CollectT) {
		info, err := consumer.Info(context.Background())
		require.NoError(c, err)
		assert.Zero(c, info.NumPending)
		assert.Zero(c, info.NumAckPending)
	}, patience, 10*time.Millisecond)
}

// receive returns the next value of a channel.
func receive[T any](tb testing.TB, values <-chan T) T {
	tb.Helper()

	select {
	case value := <-values:
		return value
	case <-time.After(patience):
		require.FailNow(tb, "nothing happened")
		panic("unreachable")
	}
}

// collect returns the next n values of a channel.
func collect[T any](tb testing.TB, values <-chan T, n int) []T {
	tb.Helper()

	all := make([]T, n)
	for i := range all {
		all[i] = receive(tb, values)
	}

	return all
}

// run runs a worker in a pool, until the test ends or the returned function is called.
func run(tb testing.TB, logs *logBuffer, w worker.Worker, options ...worker.WorkerExecutionOption) (*worker.WorkerPool, func()) {
	tb.Helper()

	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w, options...))
	require.NoError(tb, err)
	ctx := context.Background()
	if logs != nil {
		logger := zerolog.New(logs)
		ctx = logger.WithContext(ctx)
	}
	require.NoError(tb, pool.Start(ctx))
	stop := sync.OnceFunc(func() { require.NoError(tb, pool.Stop()) })
	tb.Cleanup(stop)

	return pool, stop
}

// logBuffer collects log lines.
type logBuffer struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.lines.Write(line)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.lines.String()
}
