package main

import (
	"context"
	"errors"
	"flag"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

const (
	batch        = 1000 // messages sent before the server's receipts are waited for
	batchTimeout = 30 * time.Second
)

// produce sends orders.
type produce struct {
	url string
	n   int
}

func (p *produce) flags(set *flag.FlagSet) {
	set.StringVar(&p.url, "nats", defaultURL, "`URL` of the server")
	set.IntVar(&p.n, "n", 1000, "`number` of orders to send")
}

func (p *produce) run(ctx context.Context) error {
	conn, js, err := connect(ctx, p.url)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := createStreams(ctx, js); err != nil {
		return err
	}

	started := time.Now()
	for sent := 0; sent < p.n; sent += batch {
		if err := send(ctx, js, sent, min(batch, p.n-sent)); err != nil {
			return err
		}
	}
	zerolog.Ctx(ctx).Info().Int("orders", p.n).Dur("took", time.Since(started)).Msg("produced")

	return nil
}

// send sends n orders, numbered from first on, and waits until the server has
// stored them.
func send(ctx context.Context, js jetstream.JetStream, first, n int) error {
	receipts := make([]jetstream.PubAckFuture, n)
	for i := range receipts {
		receipt, err := js.PublishAsync(ordersSubject, []byte(strconv.Itoa(first+i)))
		if err != nil {
			return err
		}
		receipts[i] = receipt
	}

	timeout := time.NewTimer(batchTimeout)
	defer timeout.Stop()
	for _, receipt := range receipts {
		select {
		case <-receipt.Ok():
		case err := <-receipt.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return errors.New("the server has not stored the orders")
		}
	}

	return nil
}
