package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The handlers have less time to finish than the pool, and that less than
// Kubernetes grants (terminationGracePeriodSeconds in kubernetes.yaml).
const (
	drainTimeout = 20 * time.Second
	stopTimeout  = 25 * time.Second
)

// orderTimeout is the time that one order has, well above what any takes.
const orderTimeout = 20 * time.Second

// heartbeatTimeout is how long no handler may finish before a worker counts as
// stuck, which /livez reports.
const heartbeatTimeout = 30 * time.Second

// work runs a replica.
type work struct {
	url, http   string
	concurrency int
	duration    time.Duration
}

func (w *work) flags(set *flag.FlagSet) {
	set.StringVar(&w.url, "nats", defaultURL, "`URL` of the server")
	set.StringVar(&w.http, "http", "127.0.0.1:8081", "`address` of the status page, /metrics, /livez and /readyz")
	set.IntVar(&w.concurrency, "concurrency", 16, "`number` of orders handled at once")
	set.DurationVar(&w.duration, "work", time.Millisecond, "`time` that an order takes")
}

func (w *work) run(ctx context.Context) error {
	conn, js, err := connect(ctx, w.url)
	if err != nil {
		return err
	}
	defer conn.Close()

	metrics := workerjetstream.NewMetrics("", "")
	pool, err := w.newPool(ctx, conn, js, metrics)
	if err != nil {
		return err
	}

	return withServer(ctx, w.http, pool, metrics, func() error { return pool.Run(ctx) })
}

// newPool returns the pool of a replica. Both of its workers come back for as
// long as it runs, whatever happens to the server.
func (w *work) newPool(
	ctx context.Context,
	conn *nats.Conn,
	js jetstream.JetStream,
	metrics *workerjetstream.Metrics,
) (*worker.WorkerPool, error) {
	if err := createStreams(ctx, js); err != nil {
		return nil, err
	}
	orders, ordersErr := ordersConsumer(ctx, js)
	ticks, ticksErr := ticksConsumer(ctx, js)
	if err := errors.Join(ordersErr, ticksErr); err != nil {
		return nil, err
	}

	shipping := workerjetstream.NewConsumerWorker("shipping", orders, w.ship,
		workerjetstream.WithConcurrency(w.concurrency),
		workerjetstream.WithDrainTimeout(drainTimeout),
		workerjetstream.WithMessageTimeout(orderTimeout),
		workerjetstream.WithMetrics(metrics),
	)
	reporter := workerjetstream.NewSingletonWorker("reporter", ticks, reportersName,
		func(ctx context.Context, _ jetstream.Msg) error { return report(ctx, orders, conn.ConnectedUrl()) },
		workerjetstream.WithDrainTimeout(drainTimeout),
		workerjetstream.WithJetStream(js), // a replica that stops makes way for the next reporter at once
		workerjetstream.WithMetrics(metrics),
	)

	return worker.NewDefaultWorkerPoolFactory().Create(
		// A worker that gave up would leave a pod that is live and never ready again.
		worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
		worker.WithGlobalStopTimeout(stopTimeout),
		worker.WithWorker(shipping, worker.WithHeartbeat(heartbeatTimeout)),
		worker.WithWorker(reporter, worker.WithHeartbeat(heartbeatTimeout)),
	)
}

// ship handles one order.
func (w *work) ship(ctx context.Context, msg jetstream.Msg) error {
	if _, err := strconv.Atoi(string(msg.Data())); err != nil {
		return worker.Permanent(fmt.Errorf("not an order: %w", err)) // no other attempt would mend it
	}

	timer := time.NewTimer(w.duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// report tells how much there is to do, in one replica at a time.
func report(ctx context.Context, orders jetstream.Consumer, server string) error {
	info, err := orders.Info(ctx)
	if err != nil {
		return err
	}
	worker.CtxLogger(ctx).Info().
		Uint64("waiting", info.NumPending).
		Int("inFlight", info.NumAckPending).
		Str("server", server).
		Msg("orders")

	return nil
}
