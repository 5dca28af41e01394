package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	stream   = "BENCH"
	consumer = "bench"
	subject  = "bench"
	batch    = 1000                  // messages on their way to the server at once
	glance   = 10 * time.Millisecond // between two looks at what replicas have handled
	patience = time.Minute           // for a round, which takes a second
	tries    = 10                    // for one round
)

// measure returns the messages handled per second.
func (s setup) measure(ctx context.Context) (float64, error) {
	dir, err := os.MkdirTemp("", "jetstream-*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)

	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return 0, err
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(10 * time.Second) {
		return 0, errors.New("the server is not ready")
	}

	conn, err := nats.Connect(srv.ClientURL())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	js, err := s.fill(ctx, conn)
	if err != nil {
		return 0, err
	}

	// A round in which a replica has ended is no measurement: see [setup.consumeBare].
	for range tries {
		if rate, err := s.measureReplicas(ctx, srv.ClientURL(), js); !errors.Is(err, context.Canceled) {
			return rate, err
		}
	}

	return 0, errors.New("no replica gets through a round")
}

// fill makes a stream of messages.
func (s setup) fill(ctx context.Context, conn *nats.Conn) (jetstream.JetStream, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{subject}, Storage: jetstream.MemoryStorage})
	if err != nil {
		return nil, err
	}
	for i := range s.messages {
		if _, err := js.PublishAsync(subject, fmt.Appendf(nil, "message %d", i)); err != nil {
			return nil, err
		}
		if i%batch == batch-1 {
			<-js.PublishAsyncComplete()
		}
	}
	<-js.PublishAsyncComplete()

	return js, nil
}

// newConsumer makes a consumer of all messages in place of an earlier one. The server keeps it however silent its clients are.
func newConsumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	if err := js.DeleteConsumer(ctx, stream, consumer); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, err
	}

	return js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: consumer, MaxAckPending: -1})
}

// measureReplicas has the messages handled by replicas. The rate is that between a tenth and nine tenths of them, so that neither
// the start of processes counts, nor that one of them ends before the other.
func (s setup) measureReplicas(ctx context.Context, url string, js jetstream.JetStream) (float64, error) {
	filled, err := newConsumer(ctx, js)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}

	ctx, kill := context.WithTimeout(ctx, patience)
	var replicas sync.WaitGroup
	defer replicas.Wait()
	defer kill()
	for range s.replicas {
		replica := exec.CommandContext(ctx, self, os.Args[1:]...)
		replica.Env = append(os.Environ(), replicaEnv+"="+url)
		replica.Stderr = os.Stderr
		if err := replica.Start(); err != nil {
			return 0, err
		}
		replicas.Go(func() {
			_ = replica.Wait() // one that was not killed has told why
			kill()
		})
	}

	from, begin, err := s.handled(ctx, filled, s.messages/10)
	if err != nil {
		return 0, err
	}
	to, end, err := s.handled(ctx, filled, s.messages*9/10)
	if err != nil {
		return 0, err
	}

	return float64(to-from) / end.Sub(begin).Seconds(), nil
}

// handled waits until at least n messages are acked, and returns how many are, and when that was.
func (s setup) handled(ctx context.Context, filled jetstream.Consumer, n int) (int, time.Time, error) {
	for ticker := time.NewTicker(glance); ; <-ticker.C {
		info, err := filled.Info(ctx)
		if err := errors.Join(ctx.Err(), err); err != nil {
			return 0, time.Time{}, err
		}
		if acked := s.messages - int(info.NumPending) - info.NumAckPending; acked >= n {
			return acked, time.Now(), nil
		}
	}
}
