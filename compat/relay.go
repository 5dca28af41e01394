package compat

import (
	"context"

	"github.com/ankorstore/yokai/log"
	"github.com/ankorstore/yokai/trace"
)

// Orders carries the orders to relay.
type Orders chan string

// NewOrders returns an unbuffered Orders, so that whoever has sent an order knows that the Relay has it.
func NewOrders() Orders {
	return make(Orders)
}

// Relay is a worker with a dependency that Fx injects: it relays orders until the service stops.
type Relay struct {
	orders Orders
}

// NewRelay returns a Relay of the given orders.
func NewRelay(orders Orders) *Relay {
	return &Relay{orders: orders}
}

// Name returns the name of the worker, with a dash for the metrics to sanitize.
func (r *Relay) Name() string {
	return "order-relay"
}

// Run relays orders until ctx is done.
func (r *Relay) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case order := <-r.orders:
			relay(ctx, order)
		}
	}
}

// relay knows nothing of workers: like code that HTTP handlers share, it takes the tracer and the logger that yokai's
// own modules find in its context.
func relay(ctx context.Context, order string) {
	ctx, span := trace.CtxTracer(ctx).Start(ctx, "relay order")
	defer span.End()

	log.CtxLogger(ctx).Info().Msgf("relayed %s", order)
}
