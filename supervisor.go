package worker

import (
	"context"
	"errors"
	"math"
	"runtime/pprof"
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
	"github.com/rs/zerolog"
)

// supervisor runs one worker, from the start of its pool to its end, on one goroutine.
//
// It goes from step to step. Each step first says which one comes next, and calls a user's code last, at most once: so if
// that code ends the goroutine ([runtime.Goexit]), another one goes on exactly there.
type supervisor struct {
	pool       *WorkerPool
	generation *generation
	worker     Worker
	name       string
	options    ExecutionOptions
	series     *workerSeries
	execution  WorkerExecution
	ctx        context.Context // done once the worker shall end
	cancel     context.CancelCauseFunc
	done       chan struct{} // closed by the goroutine as its last act

	// The fields below belong to the goroutine.
	next    step
	id      string          // of the coming or current attempt
	logger  *zerolog.Logger // with that id
	attempt int             // the number of the current attempt, 0 before the first
	outcome outcome         // of the last attempt
	delay   time.Duration   // of the coming wait
}

// pprofLabel is the label that a worker's goroutine bears in profiles, and those that it starts.
const pprofLabel = "worker"

type step int

const (
	identifying step = iota
	deferringStart
	waitingForAttempt
	startingAttempt
	runningAttempt
	settlingAttempt
	decidingOnRestart
	ended
)

func newSupervisor(p *WorkerPool, g *generation, planned *plan) *supervisor {
	s := &supervisor{
		pool:       p,
		generation: g,
		worker:     planned.registration.worker,
		name:       planned.registration.name,
		options:    planned.options,
		series:     p.options.Metrics.of(planned.registration.name),
		execution:  WorkerExecution{name: planned.registration.name, options: planned.options},
		done:       make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancelCause(g.ctx)

	return s
}

// begin is the body of the worker's goroutine.
func (s *supervisor) begin() {
	s.ctx = pprof.WithLabels(s.ctx, pprof.Labels(pprofLabel, s.name))
	s.run()
}

// run is the body of a goroutine that goes on with the worker.
func (s *supervisor) run() {
	defer s.leave()

	for s.next != ended {
		pprof.SetGoroutineLabels(s.ctx)
		s.step()
	}
}

// leave ends the worker, or lets another goroutine go on with it after a Goexit.
func (s *supervisor) leave() {
	if s.next != ended {
		go s.run()
		return
	}

	s.cancel(nil)
	close(s.done)
}

func (s *supervisor) hasEnded() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *supervisor) step() {
	switch s.next {
	case identifying:
		s.identify()
	case deferringStart:
		s.deferStart()
	case waitingForAttempt:
		s.wait()
	case startingAttempt:
		s.start()
	case runningAttempt:
		s.runAttempt()
	case settlingAttempt:
		s.settle()
	case decidingOnRestart:
		s.decide()
	}
}

// identify gives the coming attempt its id and its logger.
func (s *supervisor) identify() {
	s.next = startingAttempt
	if s.attempt == 0 {
		s.next = deferringStart
	}

	id, err := s.newID()
	logger := s.generation.logger.With().
		Str(LogRecordFieldWorkerName, s.name).
		Str(LogRecordFieldWorkerExecutionId, id).
		Logger()
	s.id, s.logger = id, &logger

	if err != nil {
		s.log(zerolog.ErrorLevel, "worker execution id generator failed, using a default id", detail{text: err.Error(), err: err})
	}
}

// newID returns an id of the pool's generator, or a default one and why.
func (s *supervisor) newID() (string, error) {
	generator := s.pool.options.Generator
	if own, ok := generator.(*uuid.DefaultUuidGenerator); ok {
		return own.Generate(), nil
	}

	var id string
	err := call(func() { id = generator.Generate() })
	if err == nil && id == "" {
		err = errors.New("empty id")
	}
	if err != nil {
		id = uuid.NewDefaultUuidGenerator().Generate()
	}

	return id, err
}

// deferStart announces the wait before the first attempt, if there is one.
func (s *supervisor) deferStart() {
	s.next = startingAttempt

	if threshold := s.options.DeferredStartThreshold; threshold > 0 {
		s.next = waitingForAttempt
		s.delay = seconds(threshold)
		s.record(deferring, detail{text: formatSeconds(threshold)})
	}
}

// wait ends the worker if it is stopped meanwhile.
func (s *supervisor) wait() {
	if sleep(s.ctx, s.delay) {
		s.next = identifying
		if s.attempt == 0 {
			s.next = startingAttempt
		}
		return
	}

	s.next = ended
	s.record(stoppedBefore, detail{})
}

// settle records how the attempt ended.
func (s *supervisor) settle() {
	s.next = decidingOnRestart
	if s.outcome.kind == succeeded || s.outcome.kind == cancelled {
		s.next = ended
	}

	s.record(s.outcome.kind, s.outcome.detail)
}

// decide records what follows a failed attempt.
func (s *supervisor) decide() {
	s.next = ended

	switch {
	case s.attempt == s.options.MaxExecutionsAttempts:
		s.record(exhausted, detail{})
	case s.ctx.Err() != nil:
		s.record(skipped, detail{})
	default:
		s.next = identifying
		s.record(restartAfter[s.outcome.kind], detail{})
	}
}

// sleep waits for d, and returns false as soon as ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
	}

	return ctx.Err() == nil
}

// seconds converts to a duration; what is too long for one becomes the longest, 292 years.
func seconds(s float64) time.Duration {
	if ns := math.Round(s * float64(time.Second)); ns < math.MaxInt64 {
		return time.Duration(ns)
	}

	return math.MaxInt64
}
