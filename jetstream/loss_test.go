package jetstream_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeletedConsumerIsAnError(t *testing.T) {
	for name, destroy := range map[string]func(context.Context, jetstream.JetStream) error{
		"consumer": func(ctx context.Context, js jetstream.JetStream) error { return js.DeleteConsumer(ctx, "JOBS", "c") },
		"stream":   func(ctx context.Context, js jetstream.JetStream) error { return js.DeleteStream(ctx, "JOBS") },
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			_, result := startAndHandle(t, js, consumer)
			settled(t, consumer)
			require.NoError(t, destroy(t.Context(), js))

			err := receive(t, result)
			require.ErrorContains(t, err, "consumer c of stream JOBS: ")
			if !strings.Contains(err.Error(), "not found") { // as it is where the worker asks for it just then
				assert.ErrorIs(t, err, jetstream.ErrConsumerDeleted)
			}
		})
	}
}

// TestStreamDeletedUnderHandlersIsAnErrorAtOnce has nobody left to give a receipt for the ack of what is being handled.
func TestStreamDeletedUnderHandlersIsAnErrorAtOnce(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	began, finish := make(chan struct{}), make(chan struct{})
	_, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		close(began)
		<-finish
		return nil
	}, workerjetstream.WithDoubleAck()))
	publish(t, js, "jobs", "a")
	receive(t, began)

	require.NoError(t, js.DeleteStream(t.Context(), "JOBS"))
	deleted := time.Now()
	close(finish)
	assert.ErrorContains(t, receive(t, result), "not found")
	assert.Less(t, time.Since(deleted), 5*time.Second)
}

func TestClosedConnectionIsAnError(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	_, result := startAndHandle(t, js, consumer)

	closeConn(conn)
	assert.EqualError(t, receive(t, result), "consumer c of stream JOBS: nats: connection closed")
}

// TestConsumerDeletedWhileDisconnectedIsAnError lets the server come back without the stream: nobody tells the client about it.
func TestConsumerDeletedWhileDisconnectedIsAnError(t *testing.T) {
	first := runServer(t, t.TempDir(), -1)
	port := portOf(t, first.ClientURL())
	_, js := connect(t, first.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	_, result := startAndHandle(t, js, consumer)

	stopServer(first)
	second := runServer(t, t.TempDir(), port)
	t.Cleanup(func() { stopServer(second) })
	err := receive(t, result)
	if !assert.Error(t, err) {
		return
	}
	assert.Regexp(t, "consumer not found|stream not found|consumer deleted", err.Error())
}

// TestRestartOfTheServerIsBridged has the server come back with all it had: the worker goes on, and did not end meanwhile.
func TestRestartOfTheServerIsBridged(t *testing.T) {
	dir := t.TempDir()
	first := runServer(t, dir, -1)
	port := portOf(t, first.ClientURL())
	_, js := connect(t, first.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	handled := make(chan string, 10)
	stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		handled <- string(msg.Data())
		return nil
	}))
	publish(t, js, "jobs", "a")
	assert.Equal(t, "a", receive(t, handled))
	settled(t, consumer)

	stopServer(first)
	second := runServer(t, dir, port)
	t.Cleanup(func() { stopServer(second) })
	_, other := connect(t, second.ClientURL())
	publish(t, other, "jobs", "b")
	assert.Equal(t, "b", receive(t, handled))
	assert.Empty(t, result)
	stop()
	assert.NoError(t, receive(t, result))
}

// TestPullOfASilentServerIsReplaced has nothing of the server arrive for longer than two heartbeats: the client asks again by the same
// pull then, and would throw away what the server brings for both times.
func TestPullOfASilentServerIsReplaced(t *testing.T) {
	const total = 50

	server := startServer(t)
	conn, direct := connect(t, server.ClientURL())
	newStream(t, direct, jetstream.ConsumerConfig{})
	inboxes := make(chan string, 1000) // one for each pull, whatever the client asks again
	_, err := conn.Subscribe("$JS.API.CONSUMER.MSG.NEXT.JOBS.c", func(msg *nats.Msg) { inboxes <- msg.Reply })
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	gate := newGate(t, server.ClientURL())
	_, js := connect(t, gate.url)
	consumer, err := js.Consumer(t.Context(), "JOBS", "c")
	require.NoError(t, err)
	handled := make(chan string, 10*total)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		handled <- string(msg.Data())
		return nil
	}, workerjetstream.WithoutPrefetch()))
	first := receive(t, inboxes)

	gate.mu.Lock()
	silent := time.Now()
	replaced := assert.Eventually(t, func() bool { return len(inboxes) > 0 && <-inboxes != first }, patience, 10*time.Millisecond)
	gate.mu.Unlock()
	require.True(t, replaced)
	assert.Greater(t, time.Since(silent), time.Second, "a heartbeat is missed twice before")
	var all []string
	for i := range total {
		all = append(all, strconv.Itoa(i))
	}
	publish(t, direct, "jobs", all...)
	assert.Equal(t, all, collect(t, handled, total), "nothing waits for AckWait, a minute")
	settled(t, consumer)
	assert.Empty(t, handled)
}

// gate passes on what the server and its clients say, but not what the server says while mu is held.
type gate struct {
	url string
	mu  sync.Mutex
}

func newGate(t *testing.T, url string) *gate {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	g := &gate{url: "nats://" + listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", url[len("nats://"):])
			if err != nil {
				_ = client.Close()
				return
			}
			go pass(server, client, nil)
			go pass(client, server, &g.mu)
		}
	}()

	return g
}

func pass(to, from net.Conn, gate sync.Locker) {
	defer func() { _ = errors.Join(to.Close(), from.Close()) }()

	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if gate != nil {
			gate.Lock()
			//lint:ignore SA2001 it is open, which is all
			gate.Unlock()
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestStreamThatWasMadeAnewHasOtherMessages has the server come back with a new stream of the same name, which counts from 1 again.
func TestStreamThatWasMadeAnewHasOtherMessages(t *testing.T) {
	dir := t.TempDir()
	second := runServer(t, dir, -1)
	_, js := connect(t, second.ClientURL())
	newStream(t, js, jetstream.ConsumerConfig{})
	publish(t, js, "jobs", "b")
	stopServer(second)

	first := runServer(t, t.TempDir(), -1)
	_, js = connect(t, first.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	publish(t, js, "jobs", "a")
	attempts := make(chan attempt, 3)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		a := attemptOf(msg)
		attempts <- a
		if a.data == "b" && a.number == 1 {
			return errors.New("boom")
		}
		return nil
	}))
	assert.Equal(t, "a", receive(t, attempts).data)
	settled(t, consumer)

	stopServer(first)
	second = runServer(t, dir, portOf(t, first.ClientURL()))
	t.Cleanup(func() { stopServer(second) })
	for _, b := range collect(t, attempts, 2) {
		assert.Equal(t, "b", b.data)
	}
	settled(t, consumer)
}

func portOf(t *testing.T, url string) int {
	t.Helper()

	_, text, err := net.SplitHostPort(url[len("nats://"):])
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)

	return port
}
