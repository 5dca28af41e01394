package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// serve is a replica: it handles messages until it is killed.
func (s setup) serve(ctx context.Context, url string) error {
	conn, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	filled, err := js.Consumer(ctx, stream, consumer)
	if err != nil {
		return err
	}
	if _, err := s.consumeWorker(ctx, filled, newCountdown(s.messages)); err != nil {
		return err
	}

	select {}
}

// consumeWorker handles messages in a pool.
func (s setup) consumeWorker(ctx context.Context, filled jetstream.Consumer, count *countdown) (stop func() error, err error) {
	w := workerjetstream.NewConsumerWorker("bench", filled, func(context.Context, jetstream.Msg) error {
		s.handle(count)
		return nil
	}, workerjetstream.WithConcurrency(s.concurrency), workerjetstream.WithMetrics(workerjetstream.NewMetrics("", "")))
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w))
	if err != nil {
		return nil, err
	}

	return pool.Stop, pool.Start(ctx)
}

// consumeBare handles messages with the client alone. For a concurrency it starts a goroutine for each message.
//
// Consume does not ask for more while its last request is still being sent, as it sees it. Where the goroutine that sends stands still
// after sending for as long as all that was asked for takes to be handled, as on a machine with too much to do, no message is left to
// have it ask, and it stalls until the heartbeat is found missing.
func (s setup) consumeBare(_ context.Context, filled jetstream.Consumer, count *countdown) (stop func() error, err error) {
	handle := func(msg jetstream.Msg) {
		s.handle(count)
		_ = msg.Ack()
	}
	places := make(chan struct{}, s.concurrency)
	consuming, err := filled.Consume(func(msg jetstream.Msg) {
		if s.concurrency == 1 {
			handle(msg)
			return
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			handle(msg)
		}()
	}, jetstream.PullHeartbeat(time.Second), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { count.fail(err) }))
	if err != nil {
		return nil, err
	}

	return func() error {
		consuming.Drain()
		<-consuming.Closed()
		return nil
	}, nil
}

func (s setup) handle(count *countdown) {
	if s.wait > 0 {
		<-time.After(s.wait)
	}
	count.handled()
}

// countdown counts messages.
type countdown struct {
	left   atomic.Int64
	done   chan struct{} // closed by the last message
	bar    sync.Once
	failed chan error // one place, since the first error counts
}

func newCountdown(n int) *countdown {
	c := &countdown{done: make(chan struct{}), failed: make(chan error, 1)}
	c.left.Store(int64(n))

	return c
}

func (c *countdown) handled() {
	if c.left.Add(-1) <= 0 {
		c.bar.Do(func() { close(c.done) })
	}
}

func (c *countdown) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}
