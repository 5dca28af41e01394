package worker

import (
	"context"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// supervisor runs one worker, from the start of its pool to its end, on one goroutine.
//
// It goes from step to step. Each step first says which one comes next, and calls user code last, at most once: so if that code
// ends the goroutine ([runtime.Goexit]), another one goes on exactly there.
type supervisor struct {
	*plan
	goroutineLabels context.Context // carries the profiler labels of the goroutine, and nothing else
	pool            *WorkerPool
	generation      *generation
	stage           *stage
	execution       WorkerExecution
	gate            gate         // guarded by the pool's mu
	index           int          // in the generation's order, guarded likewise
	overdueSince    atomic.Int64 // when a stop gave up waiting, in Unix nanoseconds; 0 if none has, finished once it is too late for that

	mu      sync.Mutex // guards the fields below
	cancel  context.CancelCauseFunc
	stopped bool // by StopWorker

	// The fields below belong to the goroutine, and to nobody once it has ended.
	next      step
	status    WorkerStatus    // guarded by the heartbeat's turn while an attempt is watched
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
	successor *supervisor    // the worker that this one launches; nil if there is none, or none any more
}

type step int8

const (
	identifying step = iota
	deferringStart
	startingAttempt
	runningAttempt
	settlingAttempt
	decidingOnRestart
	backingOff
	sleeping
	finishing
	ended
)

// run is the body of the worker's goroutine.
func (s *supervisor) run() {
	defer s.endOrResume()

	for s.next != ended {
		pprof.SetGoroutineLabels(s.goroutineLabels)
		s.step()
	}
}

func (s *supervisor) step() {
	switch s.next {
	case identifying:
		s.identify()
	case deferringStart:
		s.deferStart()
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
	case sleeping:
		s.sleep()
	case finishing:
		s.finish()
	}
}

// identify gives the coming attempt its id and its logger.
func (s *supervisor) identify() {
	s.next = startingAttempt
	if s.attempt == 0 {
		s.next = deferringStart
	}
	if s.id == "" {
		s.launchSuccessor() // which must not wait for user code
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

// deferStart announces the wait before the first attempt, if there is one.
func (s *supervisor) deferStart() {
	s.next = startingAttempt

	if threshold := s.options.DeferredStartThreshold; threshold > 0 {
		s.next = sleeping
		s.delay = seconds(threshold)
		s.record(deferring, &detail{text: strconv.FormatFloat(threshold, 'g', -1, 64), delay: s.delay})
	}
}

// start announces the next attempt, unless it is a restart and the worker was stopped after that was decided.
func (s *supervisor) start() {
	if s.attempt > 0 && !s.mayRunAgain() {
		s.next = finishing
		s.record(skippedWhileWaiting, &detail{})
		return
	}

	s.next = runningAttempt
	s.attempt = s.streak + 1
	s.startedAt = time.Now()
	s.record(starting, &detail{})
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
		s.next = finishing
	case succeeded:
		s.failures = 0
		if s.options.RestartPolicy != RestartAlways {
			s.next = finishing
		}
	default:
		s.failures++
	}

	s.record(s.outcome.kind, &s.outcome.detail)
}

// decide records what follows an attempt that may be followed by another one. A worker that fails while it is stopped has not given up.
func (s *supervisor) decide() {
	s.next = finishing

	switch {
	case s.outcome.permanent:
		s.gaveUp = s.mayRunAgain()
		s.record(permanent, &detail{})
	case s.options.MaxExecutionsAttempts != UnlimitedExecutionsAttempts && s.streak >= s.options.MaxExecutionsAttempts:
		s.gaveUp = s.status == Error && s.mayRunAgain()
		s.record(exhausted, &detail{})
	case !s.mayRunAgain():
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

	delay, err := s.askBackoff()
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

// sleep waits for the next attempt, and ends the worker if it is stopped meanwhile.
func (s *supervisor) sleep() {
	first := s.attempt == 0

	switch slept := sleep(s.ctx, s.delay, s.generation.quit) && s.mayRunAgain(); {
	case slept && first:
		s.next = startingAttempt
	case slept:
		s.next = identifying
	case first:
		s.next = finishing
		s.record(stoppedWhileDeferred, &detail{})
	default:
		s.next = finishing
		s.record(skippedWhileWaiting, &detail{})
	}
}

// finish is the last step.
func (s *supervisor) finish() {
	s.next = ended
	if s.status == Error {
		s.failure = &WorkerError{Worker: s.name, ExecutionID: s.id, Attempt: s.attempt, Err: s.outcome.err}
	}

	// No user code runs after this, unless a stop has given up waiting.
	if !s.overdueSince.CompareAndSwap(0, finished) {
		late := time.Since(time.Unix(0, s.overdueSince.Load()))
		s.record(returnedLate, &detail{text: late.String()})
	}
}

// endOrResume ends the worker, or lets another goroutine go on with it after a Goexit.
func (s *supervisor) endOrResume() {
	if s.next != ended {
		go s.run()
		return
	}

	s.overdueSince.Store(finished)
	s.cancel(nil)
	s.pool.workerEnded(s)
}
