package main

import (
	"context"
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
	if s.client == "bare" {
		return s.consumeBare(filled)
	}

	return s.consumeWorker(ctx, filled)
}

// consumeWorker handles messages in a pool.
func (s setup) consumeWorker(ctx context.Context, filled jetstream.Consumer) error {
	w := workerjetstream.NewConsumerWorker("bench", filled, func(context.Context, jetstream.Msg) error {
		s.handle()
		return nil
	}, workerjetstream.WithConcurrency(s.concurrency), workerjetstream.WithMetrics(workerjetstream.NewMetrics("", "")))
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w))
	if err != nil {
		return err
	}

	return pool.Run(ctx)
}

// consumeBare handles messages with the client alone. For a concurrency it starts a goroutine for each message.
//
// Consume does not ask for more while its last request is still being sent, as it sees it. Where the goroutine that sends stands still
// after sending for as long as all that was asked for takes to be handled, as on a machine with too much to do, no message is left to
// have it ask, and it stalls until the heartbeat is found missing. That is the error that is returned, since it is no measurement.
func (s setup) consumeBare(filled jetstream.Consumer) error {
	failed := make(chan error, 1) // one place, since the first error counts
	handle := func(msg jetstream.Msg) {
		s.handle()
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
	}, jetstream.PullHeartbeat(time.Second), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		select {
		case failed <- err:
		default:
		}
	}))
	if err != nil {
		return err
	}
	defer consuming.Stop()

	return <-failed
}

func (s setup) handle() {
	if s.wait > 0 {
		<-time.After(s.wait)
	}
}
