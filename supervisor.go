package worker

import (
	"context"
	"runtime/pprof"
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

	first     attemptContext // of the first attempt, most often the only one
	successor *supervisor    // it has to launch that one yet
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

func (s *supervisor) init(p *WorkerPool, g *generation, planned *plan) {
	s.plan, s.pool, s.generation = planned, p, g
	s.stage = g.stageLocked(planned.options.StopStage)
	s.labels = planned.labels
	if g.labels != nil {
		s.labels = pprof.WithLabels(g.labels, pprof.Labels(pprofLabel, planned.name))
	}
	s.renewContext()

	// What can be made here does not grow the stack of the worker's goroutine: one that waits for its context shall fit into the
	// smallest. The default generator is no user's code.
	s.ctx.Done()
	if own, ok := p.options.Generator.(*uuid.DefaultUuidGenerator); ok {
		s.id = own.Generate()
	}
	s.execution.init(s.id, planned.name, &planned.options, p.options.GlobalMaxEvents)
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

// launchSuccessor launches the worker that was registered after this one, the first time: so those of a Start begin in order.
func (s *supervisor) launchSuccessor() {
	if s.successor != nil {
		go s.successor.run()
		s.successor = nil
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

// mayRunAgain tells whether another attempt may follow. None does once the pool has begun to stop, even if a worker that runs may go
// on until it is its stage's turn.
func (s *supervisor) mayRunAgain() bool {
	select {
	case <-s.generation.quit:
		return false
	default:
		return !s.stopping()
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
		s.gaveUp = s.mayRunAgain()
		s.record(permanent, &detail{})
	case s.streak == s.options.MaxExecutionsAttempts:
		s.gaveUp = s.status == Error && s.mayRunAgain()
		s.record(exhausted, &detail{})
	case !s.mayRunAgain():
		s.record(skipped, &detail{})
	default:
		s.next = backingOff
		s.record(restartAfter(s.outcome.kind), &detail{})
	}
}

// left is the fate of a worker that has nothing more to record.
const left = -1

// overdue marks the worker as one that has not stopped in time, so that its end will be recorded. It returns false if the worker
// has left already.
func (s *supervisor) overdue() bool {
	return s.fate.CompareAndSwap(0, time.Now().UnixNano()) || s.fate.Load() != left
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
