package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// session is one Run of a worker. A message goes from pull.go to inbox.go, handling.go and verdict.go.
type session struct {
	terms
	worker *consumerWorker
	series *series

	ctx      context.Context // of the attempt: the session ends when it is done
	handling context.Context // of the handlers: outlasts ctx by the drain time
	abort    context.CancelCauseFunc

	tracer   oteltrace.Tracer
	spanName string
	untraced atomic.Bool // the last span was none: there is no tracing, as of the last beat

	inbox   *inbox
	pulling []jetstream.PullConsumeOpt

	lost   atomic.Bool   // something has failed
	failed chan error    // why the session shall end; one place, since the first reason counts
	doubts chan struct{} // asks for a look at the consumer; one place, since one look answers all
}

func newSession(ctx context.Context, w *consumerWorker, t terms) *session {
	s := &session{
		terms:  t,
		worker: w,
		series: w.settings.metrics.of(w.name),
		ctx:    ctx,
		tracer: worker.CtxTracer(ctx),
		inbox:  newInbox(w.settings.concurrency, t.maxBatch),
		failed: make(chan error, 1),
		doubts: make(chan struct{}, 1),
	}
	s.spanName = "process " + t.stream
	s.pulling = s.pullOptions()
	s.handling, s.abort = context.WithCancelCause(context.WithoutCancel(ctx))

	return s
}

// run handles messages until the session's context is done or something makes it fail.
func (s *session) run() error {
	defer s.abort(nil)
	defer s.series.observe(s.worker.consumer, s.inbox)()

	var keepers sync.WaitGroup
	ended := make(chan struct{}) // closed by run once nothing is left to be kept
	keepers.Go(func() { s.keep(ended) })
	keepers.Go(func() { s.resolveDoubts(ended) })

	s.open(s.inbox.plan())

	var err error
	select {
	case <-s.ctx.Done():
	case err = <-s.failed:
	}

	s.drain()
	close(ended)
	keepers.Wait()

	return err
}

// fail ends the session with an error.
func (s *session) fail(err error) {
	s.lost.Store(true)
	select {
	case s.failed <- fmt.Errorf("consumer %s of stream %s: %w", s.consumer, s.stream, err):
	default:
	}
}

// doubt has somebody look whether the consumer is still there.
func (s *session) doubt() {
	select {
	case s.doubts <- struct{}{}:
	default:
	}
}

// resolveDoubts fails the session if the consumer turns out to be gone. Anything else is left to the client, which asks again.
func (s *session) resolveDoubts(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-s.doubts:
		}

		ctx, cancel := context.WithTimeout(s.ctx, infoTimeout)
		_, err := s.worker.consumer.Info(ctx)
		cancel()

		switch {
		case err == nil || s.ctx.Err() != nil:
		case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
			s.fail(err)
		default:
			guard(func() { worker.CtxLogger(s.ctx).Warn().Err(err).Msg("the server does not answer for the consumer") })
		}
	}
}

// guard calls a function that must not take the session down, whatever it calls in turn.
func guard(f func()) {
	defer func() { _ = recover() }()
	f()
}
