package worker

import (
	"context"
	"errors"
	"math"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
	"github.com/rs/zerolog"
)

// supervisor runs one worker, from the start of its pool to its end, on one goroutine.
//
// It goes from step to step. Each step first says which one comes next, and calls a user's code last, at most once: so if
// that code ends the goroutine ([runtime.Goexit]), another one goes on exactly there.
type supervisor struct {
	*plan
	labels     context.Context // carries the profiler labels, and nothing else
	pool       *WorkerPool
	generation *generation
	stage      *stage
	execution  WorkerExecution
	gate       gate         // guarded by the pool's mu
	index      int          // in the generation's order, likewise
	fate       atomic.Int64 // see overdue

	mu      sync.Mutex // guards the fields below
	cancel  context.CancelCauseFunc
	stopped bool // by StopWorker

	// The fields below belong to the goroutine, and to nobody once it has ended.
	next      step
	status    WorkerStatus    // while an attempt runs it belongs to who has the turn of its heartbeat
	ctx       context.Context // of the coming or current attempt, and the wait before it
	id        string          // likewise
	logger    *zerolog.Logger // with that id, nil if nothing is logged
	attempt   int             // the number of the current attempt, 0 before the first
	startedAt time.Time       // of the current attempt
	outcome   outcome         // of the last attempt
	streak    int             // attempts that count against the maximum
	failures  int             // in a row
	delay     time.Duration   // of the coming wait
	failure   *WorkerError    // what the worker has ended with, if in Error
	gaveUp    bool            // out of attempts, not stopped

	first attemptContext // of the first attempt, most often the only one
}

type step int8

const (
	identifying step = iota
	deferringStart
	sleeping
	startingAttempt
	runningAttempt
	settlingAttempt
	decidingOnRestart
	backingOff
	leaving
	ended
)

// forever is the longest wait, 292 years.
const forever time.Duration = math.MaxInt64

func (s *supervisor) init(p *WorkerPool, g *generation, planned *plan) {
	s.plan, s.pool, s.generation = planned, p, g
	s.stage = g.stageLocked(planned.options.StopStage)
	s.labels = planned.labels
	if g.labels != nil {
		s.labels = pprof.WithLabels(g.labels, pprof.Labels(pprofLabel, planned.name))
	}
	s.execution.init("", planned.name, &planned.options, p.options.GlobalMaxEvents)
	s.renewContext()

	// What can be made here does not grow the stack of the worker's goroutine: one that waits for its context shall fit into the
	// smallest. The default generator is no user's code.
	s.ctx.Done()
	if own, ok := p.options.Generator.(*uuid.DefaultUuidGenerator); ok {
		s.id = own.Generate()
	}
}

// run is the body of the worker's goroutine.
func (s *supervisor) run() {
	defer s.leave()

	for s.next != ended {
		pprof.SetGoroutineLabels(s.labels)
		s.step()
	}
}

func (s *supervisor) step() {
	switch s.next {
	case identifying:
		s.identify()
	case deferringStart:
		s.deferStart()
	case sleeping:
		s.sleep()
	case startingAttempt:
		s.start()
	case runningAttempt:
		s.runAttempt()
	case settlingAttempt:
		s.settle()
	case decidingOnRestart:
		s.decide()
	case backingOff:
		s.backOff()
	case leaving:
		s.depart()
	}
}

// renewContext makes the context of the coming attempt. It is a child of the stage's, so that nothing nests.
func (s *supervisor) renewContext() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.ctx, s.cancel = context.WithCancelCause(s.stage.ctx)
	if s.stopped {
		s.cancel(ErrWorkerStopped)
	}
}

// requestStop ends the worker.
func (s *supervisor) requestStop() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.stopped = true
	s.cancel(ErrWorkerStopped)
}

// stopping tells whether the worker shall end. It asks the contexts, never the error that a worker returned.
func (s *supervisor) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.stopped || s.stage.ctx.Err() != nil
}

// identify gives the coming attempt its id and its logger.
func (s *supervisor) identify() {
	s.next = startingAttempt
	if s.attempt == 0 {
		s.next = deferringStart
	}

	var err error
	if s.attempt > 0 || s.id == "" {
		s.id, err = s.newID()
	}
	if s.generation.logger != nil {
		s.renewLogger()
	}

	if err != nil {
		s.log(zerolog.ErrorLevel, "worker execution id generator failed, using a default id", &detail{text: err.Error(), err: err})
	}
}

// renewLogger makes the logger of the coming attempt. It is not inlined for the size of its frame.
//
//go:noinline
func (s *supervisor) renewLogger() {
	logger := s.generation.logger.With().Str(LogRecordFieldWorkerName, s.name).Str(LogRecordFieldWorkerExecutionId, s.id).Logger()
	s.logger = &logger
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
		s.next = sleeping
		s.delay = seconds(threshold)
		s.record(deferring, &detail{text: strconv.FormatFloat(threshold, 'g', -1, 64), delay: s.delay})
	}
}

// sleep waits for the next attempt, and ends the worker if it is stopped meanwhile.
func (s *supervisor) sleep() {
	first := s.attempt == 0

	switch slept := sleep(s.ctx, s.delay); {
	case slept && first:
		s.next = startingAttempt
	case slept:
		s.next = identifying
	case first:
		s.next = leaving
		s.record(stoppedWhileDeferred, &detail{})
	default:
		s.next = leaving
		s.record(skippedWhileWaiting, &detail{})
	}
}

// settle records how the attempt ended, and counts it.
func (s *supervisor) settle() {
	s.next = decidingOnRestart

	if healthy := s.options.HealthyAfter; healthy > 0 && time.Since(s.startedAt) >= healthy {
		s.streak, s.failures = 0, 0
	}
	s.streak++

	switch s.outcome.kind {
	case cancelled:
		s.next = leaving
	case succeeded:
		s.failures = 0
		if s.options.RestartPolicy != RestartAlways {
			s.next = leaving
		}
	default:
		s.failures++
	}

	s.record(s.outcome.kind, &s.outcome.detail)
}

// decide records what follows an attempt that may be followed by another one.
func (s *supervisor) decide() {
	s.next = leaving

	switch {
	case s.outcome.permanent:
		s.gaveUp = !s.stopping()
		s.record(permanent, &detail{})
	case s.streak == s.options.MaxExecutionsAttempts:
		s.gaveUp = s.status == Error && !s.stopping()
		s.record(exhausted, &detail{})
	case s.stopping():
		s.record(skipped, &detail{})
	default:
		s.next = backingOff
		s.record(restartAfter(s.outcome.kind), &detail{})
	}
}

// backOff announces the wait before the next attempt, if there is one.
func (s *supervisor) backOff() {
	s.next = identifying
	s.renewContext()

	if s.options.Backoff == nil {
		return
	}

	delay, err := s.backoff()
	if delay > 0 {
		s.next = sleeping
		s.delay = delay
		// Deferred, so that it is recorded even if the log below ends the goroutine.
		defer s.record(waiting, &detail{text: delay.String(), delay: delay})
	}
	if err != nil {
		s.log(zerolog.ErrorLevel, "worker backoff failed, using the default", &detail{text: err.Error(), err: err})
	}
}

// backoff asks the worker's own, or the default one where that fails.
func (s *supervisor) backoff() (delay time.Duration, err error) {
	if err = call(func() { delay = s.options.Backoff(s.streak, s.outcome.err) }); err != nil {
		delay = ExponentialBackoff(defaultMinBackoff, defaultMaxBackoff)(s.streak, nil)
	}

	return delay, err
}

// left is the fate of a worker that has nothing more to record.
const left = -1

// overdue marks the worker as one that has not stopped in time, so that its end will be recorded. It returns false if the worker
// has left already.
func (s *supervisor) overdue() bool {
	s.fate.CompareAndSwap(0, time.Now().UnixNano())

	return s.fate.Load() != left
}

// depart is the last step.
func (s *supervisor) depart() {
	s.next = ended
	if s.status == Error {
		s.failure = &WorkerError{Worker: s.name, ExecutionID: s.id, Attempt: s.attempt, Err: s.outcome.err}
	}

	// Nothing that a user may have a hand in comes after this, unless it is overdue already.
	if !s.fate.CompareAndSwap(0, left) {
		late := time.Since(time.Unix(0, s.fate.Load()))
		s.record(returnedLate, &detail{text: late.String()})
	}
}

// leave ends the worker, or lets another goroutine go on with it after a Goexit.
func (s *supervisor) leave() {
	if s.next != ended {
		go s.run()
		return
	}

	s.fate.Store(left)
	s.cancel(nil)
	s.pool.departed(s)
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

// seconds converts to a duration; what is too long for one becomes the longest.
func seconds(s float64) time.Duration {
	if ns := math.Round(s * float64(time.Second)); ns < math.MaxInt64 {
		return time.Duration(ns)
	}

	return forever
}
