package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

const (
	defaultURL = "nats://127.0.0.1:4222"

	ordersStream  = "ORDERS"
	ordersSubject = "orders.new"

	ticksStream   = "TICKS"
	tickSubject   = "ticks.tick"
	tickSchedule  = "ticks.schedule"
	tickInterval  = 2 * time.Second
	reportersName = "reporters" // the priority group of the singleton
	pinnedTTL     = 5 * time.Second

	ackWait = 15 * time.Second // longer than a cluster takes to elect a leader
)

// connect returns a client that comes back whenever it loses its connection.
func connect(ctx context.Context, url string) (*nats.Conn, jetstream.JetStream, error) {
	logger := zerolog.Ctx(ctx)
	conn, err := nats.Connect(url,
		nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // not by Close
				logger.Warn().Err(err).Msg("disconnected")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { logger.Info().Msg("connected again") }),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to %s: %w", url, err)
	}
	js, err := jetstream.New(conn)

	return conn, js, err
}

// createStreams makes what the program needs, unless it is there already.
func createStreams(ctx context.Context, js jetstream.JetStream) error {
	_, orders := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:      ordersStream,
		Subjects:  []string{"orders.>"},
		Retention: jetstream.WorkQueuePolicy, // an order goes once it is handled
	})
	// The server itself makes the ticks. Only the newest one is kept, since
	// nobody wants to make up for reports that were missed.
	_, ticks := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              ticksStream,
		Subjects:          []string{"ticks.>"},
		MaxMsgsPerSubject: 1,
		AllowMsgSchedules: true,
	})
	if err := errors.Join(orders, ticks); err != nil {
		return err
	}
	_, err := js.Publish(ctx, tickSchedule, nil,
		jetstream.WithScheduleEvery(tickInterval), jetstream.WithScheduleTarget(tickSubject))

	return err
}

// ordersConsumer is the same for all replicas: the server shares its messages
// out among them.
func ordersConsumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	return js.CreateOrUpdateConsumer(ctx, ordersStream, jetstream.ConsumerConfig{
		Durable:       "shipping",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    5,
		MaxAckPending: 10_000,
	})
}

// ticksConsumer is the same for all replicas: the server pins it to one of them.
func ticksConsumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	return js.CreateOrUpdateConsumer(ctx, ticksStream, jetstream.ConsumerConfig{
		Durable:        "reporter",
		FilterSubject:  tickSubject,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  1,
		MaxDeliver:     3, // a report that fails for ever would hold up all others
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{reportersName},
		PinnedTTL:      pinnedTTL,
	})
}
