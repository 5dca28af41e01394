package jetstream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// session is one Run of a worker. A message goes from pull.go to arrival.go, inbox.go, handling.go, verdict.go and settle.go.
type session struct {
	worker           *consumerWorker
	target           jetstream.Consumer
	stream, consumer string
	replicated       bool // the consumer's state has copies, so that its leader may change
	series           *series

	ctx      context.Context // of the attempt: the session ends when it is done
	handling context.Context // of the handlers: outlasts ctx by the drain time
	abort    context.CancelCauseFunc
	life     context.Context // of questions to the server: until ended, or soon after the handlers are interrupted
	die      context.CancelFunc

	tracer   oteltrace.Tracer
	spanName string
	untraced atomic.Bool // the last span was none: there is no tracing, as of the last beat

	inbox        *inbox
	agreed       atomic.Pointer[agreed]
	pulling      atomic.Pointer[pulling]
	asking       sync.Mutex // held while the terms are asked for; guards the two fields below
	unanswered   error      // of the last question
	unansweredAt time.Duration
	trust        trust
	beaten       atomic.Int64           // the inbox's clock at the last beat
	oldBefore    atomic.Uint64          // messages stored earlier are old, as of the last beat
	pin          atomic.Pointer[string] // the singleton's, as the last message had it
	hung         atomic.Bool            // a handler has not returned long after its time
	leader       string                 // of the consumer, as a singleton's handler has asked last

	helpers  helpers
	ended    chan struct{} // closed by run once nothing is left to be kept
	lost     atomic.Bool   // something has failed
	deaf     atomic.Bool   // a copy got no receipt since the handlers were interrupted, and no other one is tried
	failed   chan error    // why the session shall end; one place, since the first reason counts
	doubts   chan struct{} // asks for a look at the consumer; one place, since one look answers all
	refusals refusals
}

// refusals counts pulls that were refused one after the other.
type refusals struct {
	sync.Mutex // guards the fields below

	count  int
	since  time.Duration
	newest uint64 // of the inbox at the first of them
}

func newSession(ctx context.Context, w *consumerWorker, target jetstream.Consumer, info *jetstream.ConsumerInfo) *session {
	s := &session{
		worker:     w,
		target:     target,
		stream:     info.Stream,
		consumer:   info.Name,
		series:     w.settings.metrics.of(w.name),
		replicated: info.Cluster != nil && len(info.Cluster.Replicas) > 0,
		ctx:        ctx,
		tracer:     worker.CtxTracer(ctx),
		spanName:   "process " + info.Stream,
		inbox:      newInbox(&w.settings, w.termsOf(&info.Config)),
		ended:      make(chan struct{}),
		failed:     make(chan error, 1),
		doubts:     make(chan struct{}, 1),
	}
	s.adopt(info, s.inbox.now())
	s.handling, s.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	s.life, s.die = context.WithCancel(context.WithoutCancel(ctx))
	s.beginEpoch()
	s.ageRecords()
	s.warn()

	return s
}

// warn tells of what is allowed, and yet unwise.
func (s *session) warn() {
	ackWait := s.terms().ackWait
	if !s.replicated || ackWait >= clusterAckWait {
		return
	}

	guard(func() {
		worker.CtxLogger(s.ctx).Warn().
			Str("stream", s.stream).Str("consumer", s.consumer).Dur("ackWait", ackWait).Dur("atLeast", clusterAckWait).
			Msg("AckWait is shorter than the election of a leader may take, so that messages may be handled twice at once")
	})
}

// run handles messages until the session's context is done or something makes it fail.
func (s *session) run() error {
	defer s.abort(nil)
	defer s.series.observe(s.target, s.inbox)()

	s.help(s.keep)
	s.help(s.resolveDoubts)

	s.open(s.inbox.plan())

	var err error
	select {
	case <-s.ctx.Done():
	case err = <-s.failed:
	}

	s.drain()
	close(s.ended)
	s.die()
	s.helpers.end()

	return err
}

// helpers are what runs beside the session, until it has ended.
type helpers struct {
	mu    sync.Mutex // guards over, and the beginning of another one
	over  bool
	group sync.WaitGroup
}

// help runs a function beside the session, unless that has ended: a late message of the client may ask for it.
func (s *session) help(f func()) {
	s.helpers.mu.Lock()
	defer s.helpers.mu.Unlock()

	if !s.helpers.over {
		s.helpers.group.Go(f)
	}
}

func (h *helpers) end() {
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
	h.group.Wait()
}

// guard calls a function that must not take the session down, whatever it calls in turn.
func guard(f func()) {
	defer func() { _ = recover() }()
	f()
}
