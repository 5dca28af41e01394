// Package jetstream runs the consumers of NATS JetStream as workers of a pool: each replica of a service runs the same pool, and
// the server shares the messages out, redelivers what a dead replica held, and keeps singletons single.
//
//	nc, _ := nats.Connect(url, nats.MaxReconnects(-1))
//	js, _ := jetstream.New(nc)
//	consumer, _ := js.CreateOrUpdateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "shipping", MaxDeliver: 5})
//
//	shipping := workerjetstream.NewConsumerWorker("shipping", consumer,
//		func(ctx context.Context, msg jetstream.Msg) error { return ship(ctx, msg.Data()) },
//		workerjetstream.WithConcurrency(16),
//	)
//	pool, _ := worker.NewDefaultWorkerPoolFactory().Create(
//		worker.WithWorker(shipping, worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)),
//	)
//
// # A message's way
//
//	handler returns nil ──────────────────────────▶ acked
//	handler fails, panics or calls Goexit ────────▶ nak'ed, redelivered after the backoff, or RetryAfter's delay
//	... with WithRescheduling ────────────────────▶ scheduled anew and acked: its place in MaxAckPending is free
//	... with an error marked by worker.Permanent ─▶ terminated, with the error's text as reason
//	... or in the last of MaxDeliver deliveries ──▶ terminated, likewise
//	... with WithDeadLetters ─────────────────────▶ published to a dead-letter subject before
//	handler takes long ───────────────────────────▶ kept by in-progress signals, well before AckWait
//	... for longer than WithMessageTimeout ───────▶ cancelled, and failed
//	server is silent for AckWait, or consumer gone ▶ cancelled, with ErrMessageLost as its cause
//	replica dies ─────────────────────────────────▶ redelivered by the server after AckWait
//
// A log line or a counter says of a message what the server was told: a message whose termination could not be told to the server
// does not count as terminated.
//
// A message that is nak'ed keeps its place in MaxAckPending until it has succeeded or is terminated. So an outage of what the handlers
// need fills all places with messages that wait, and one that fails for ever stops a singleton: give every consumer a MaxDeliver,
// and those where healthy messages must go on [WithRescheduling].
//
// Delivery is at least once: a replica that dies between a handler's return and the server's receipt of the ack leaves a message
// that is handled again. Handlers should therefore be idempotent.
//
// A server that restarts, or a new leader of the consumer, redelivers at once each message that a replica holds and that was
// published longer ago than AckWait: it takes the time of publication for the time of the delivery, until an in-progress signal
// corrects that. A worker gives the signal within 100 milliseconds for a message that was published longer ago than AckWait/3, and
// a singleton at once. A worker does not handle a message again that it holds or has handled within AckWait (it remembers the last
// 65,536), and acks it again if necessary. Another replica cannot know that. So the messages that one replica held at the restart,
// at most its concurrency and what it had prefetched, may be handled by another one, too.
//
// The client takes a message that has no body but a header Status for an answer of the server itself, and never hands it out. The
// worker then looks whether its consumer is still there, logs the message, and goes on. Such a message ends with its MaxDeliver.
//
// # Failures
//
// What ends a consumer worker as such is left to the pool's restart policy: a closed connection, a deleted consumer or stream, pulls
// that the server refuses over and over, or a configuration that was changed to one that a worker cannot keep to. An interrupted
// connection is not among them, since the client reconnects by itself and the worker goes on then. Any other change of the
// consumer's configuration is learned within 5 seconds while messages come or are held, and before a failed message is judged.
//
// Everything here is safe for concurrent use.
package jetstream

import (
	"context"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

// Handler handles one message. Its result decides on the message: see the package comment.
type Handler func(ctx context.Context, msg jetstream.Msg) error

// consumerWorker is a worker that handles the messages of a consumer. It holds no state of a Run, so that one value may serve
// several pools.
type consumerWorker struct {
	name      string
	source    source
	handle    Handler
	singleton bool
	settings  settings
}

func newWorker(name string, source source, handle Handler, settings settings) *consumerWorker {
	if handle != nil {
		handle = settings.wrap(handle)
	}

	return &consumerWorker{name: name, source: source, handle: handle, settings: settings}
}

// NewConsumerWorker returns a worker that pulls the messages of a consumer and calls handle for each of them.
//
// The consumer must acknowledge explicitly ([jetstream.AckExplicitPolicy]) and have an AckWait, as the server sets it by default.
// Its MaxDeliver is the number of attempts that a message has. Its BackOff takes the place of AckWait, as usual; a failed message
// then waits at least for the difference between its step and the first one, whatever [WithBackoff] says.
//
// handle is called from up to [WithConcurrency] goroutines at once. It must not acknowledge the message in any way: its result
// does, as the package comment says. Its context carries the worker's logger, ids and tracer, a span of its own that is linked to
// the producer's trace context in the message's headers, and the producer's baggage. That context is not cancelled as soon as the
// worker is told to stop. It is cancelled once the time of [WithDrainTimeout] has passed, with [ErrDrainTimeout] as its cause; once
// another replica may have the message, with [ErrMessageLost]; and after the time of [WithMessageTimeout], with
// [ErrMessageTimeout].
//
// Run blocks until its context is done, and then returns nil: it pulls no more, hands the messages that no handler has begun back
// to the server at once, for other replicas, and waits for the handlers. What they have not finished half a second after the drain
// time it hands back too, unless no replica would get it: a message in its last delivery is handled here, even if its handler begins
// with a context that is cancelled already. A success after that still counts in a last delivery, and with [WithJetStream] in any. It
// does not return while a handler still runs, so a handler that ignores its context delays it for as long; the pool's stop timeout
// reports such a one. Run returns an error, after the same orderly end, where the connection is closed for good, the consumer or its
// stream is deleted or unknown, or the server goes on refusing to be pulled from.
//
// Bad input is a permanent error ([worker.Permanent]) of Run, which names it: a nil consumer, a nil handler, an option that is out
// of range, a consumer that has no AckWait, does not acknowledge explicitly, or has priority groups.
//
// A worker with a heartbeat beats after each message, and while it has a handler free. So it counts as stuck when all of its
// handlers have been busy with one message for longer than the heartbeat's timeout, unless they call [worker.Heartbeat] meanwhile.
// With [WithMessageTimeout] it counts as stuck as soon as one of them hangs.
func NewConsumerWorker(
	name string,
	consumer jetstream.Consumer,
	handle func(ctx context.Context, msg jetstream.Msg) error,
	options ...Option,
) worker.Worker {
	return newWorker(name, sourceOf(consumer), handle, newSettings(options))
}

// Name returns the name of the worker.
func (w *consumerWorker) Name() string {
	return w.name
}

// Run handles messages until ctx is done.
func (w *consumerWorker) Run(ctx context.Context) error {
	err := w.run(ctx)
	if ctx.Err() != nil {
		return nil // stopped, however that ended
	}

	return err
}

func (w *consumerWorker) run(ctx context.Context) error {
	if err := w.problem(); err != nil {
		return worker.Permanent(err)
	}
	consumer, err := w.source.consumer(ctx)
	if err != nil {
		return err
	}
	info, err := w.ask(ctx, consumer)
	if err != nil {
		return err
	}

	return newSession(ctx, w, consumer, info).run()
}
