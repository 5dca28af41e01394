package worker

import (
	"context"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// supervisor runs one worker, from the start of its pool to its end, on one goroutine at a time.
//
// It goes from step to step. Each step first says which one comes next, and calls user code last: so if that code ends the goroutine
// ([runtime.Goexit]), a fresh one goes on exactly there. A fresh one goes on after each attempt too, so that whatever that did to its
// goroutine (a locked thread, a grown stack, other labels) dies with it.
//
// Locks are taken in this order: the turn of an attempt's watch, the pool's mu, a supervisor's mu, those of its attempt and execution.
type supervisor struct {
	plan       *plan
	pool       *WorkerPool
	generation *generation
	labels     context.Context // carries the profiler labels of the goroutine, and nothing else
	execution  WorkerExecution

	// The pool's mu guards the fields below.
	left     chan struct{} // made by who waits for its end, closed then
	index    int           // in the generation's order
	needs    *needs        // what it waits for, nil if nothing
	stage    *stage        // once a stop tells stages
	request  request       // what was asked for last, and follows its end
	alive    bool
	turn     bool // whether the stop has come to its stage
	released bool // whether it holds up nobody any more

	told     atomic.Bool // to stop
	depended atomic.Bool // whether other workers depend on it

	mu       sync.Mutex    // guards the fields below
	finished bool          // it has nothing more to record
	attempt  *attempt      // the current one, nil between two
	wake     chan struct{} // made by a step that waits, closed once the worker is told to stop
	cause    error         // why it was told
	toldAt   time.Time
	bound    *time.Timer // of WithStopTimeout, nil if there is none
	lateFrom time.Time   // when a stop gave up waiting for it, zero if none has

	// The fields below belong to the goroutine, and to nobody once it has ended.
	body      func() // run, made once: a go statement of a method would make it anew each time
	next      step
	status    WorkerStatus // guarded by the watch's turn while an attempt is watched
	id        string       // of the coming or current attempt
	used      bool         // whether the goroutine has run an attempt
	begun     bool         // whether an attempt of that id has begun
	newRun    bool         // whether the coming attempt is the first of a run of the schedule
	gaveUp    bool         // out of attempts, not stopped
	trace     *traceIDs    // for its log records; written under mu, since others log for it too
	number    int          // of the current attempt, 0 before the first
	outcome   outcome      // of the last attempt
	due       time.Time    // of the coming attempt, zero if it never comes
	scheduled time.Time    // when a run was last due, zero before the first
	counts    counts       // guarded by the watch's turn too
	restarts  *restarts    // for WithRestartLimit, nil without one
	failure   error        // what the worker has ended with, if in Error
	successor *supervisor  // the worker that this one launches; nil if there is none, or none any more
}

// counts are what attempts are counted for.
type counts struct {
	used     int // of the maximum of attempts, in this run of the schedule if there is one; so the next one's number is used + 1
	row      int // failures in a row, likewise: what a backoff is asked with
	failures int // failures in a row, as they are reported: a schedule's next run does not end the row
}

// step is what a supervisor does next.
type step func(*supervisor)

// run is the body of the worker's goroutine: up to the end of an attempt, or of the worker.
func (s *supervisor) run() {
	defer s.handOver()

	for s.next != nil && !s.used {
		pprof.SetGoroutineLabels(s.labels)
		s.next(s)
	}
}

// handOver ends the worker, or lets a fresh goroutine go on.
func (s *supervisor) handOver() {
	if s.next == nil {
		s.pool.workerEnded(s)
		return
	}
	s.used = false
	go s.body()
}

// identify gives the first attempt its id.
func (s *supervisor) identify() {
	s.next = (*supervisor).awaitDependencies
	if s.id == "" {
		s.launchSuccessor() // which must not wait for user code
		s.renewID()
	}
}

// renew gives the coming attempt an id of its own, if it is not the first.
func (s *supervisor) renew() {
	s.next = (*supervisor).begin
	if s.begun {
		s.begun = false
		s.renewID()
	}
}

// deferStart announces the wait before the first attempt, if there is one.
func (s *supervisor) deferStart() {
	s.next = (*supervisor).schedule
	if threshold := s.plan.options.DeferredStartThreshold; threshold > 0 && s.mayBegin() {
		s.next = (*supervisor).sleepDeferred
		delay := seconds(threshold)
		s.due = after(delay)
		s.record(TransitionDeferring, &detail{text: strconv.FormatFloat(threshold, 'g', -1, 64)})
	}
}

func (s *supervisor) sleepDeferred() {
	s.next = (*supervisor).schedule
	if !s.sleep(s.due, forever) {
		s.endBefore(TransitionStoppedWhileDeferred)
	}
}

// begin announces the next attempt, unless none may begin any more.
func (s *supervisor) begin() {
	s.next = (*supervisor).runAttempt
	if !s.prepareAttempt() {
		s.endBefore(s.endOfWait())
		return
	}
	s.begun = true
	s.record(TransitionStarting, plain)
}

// settle records how the attempt ended, and counts it.
func (s *supervisor) settle() {
	s.next = (*supervisor).decide
	s.newRun = false

	if s.outcome.healthy {
		s.counts.used, s.counts.row, s.counts.failures = 0, 0, 0
	}
	s.counts.used++

	switch s.outcome.kind {
	case TransitionCancelled:
		s.next = (*supervisor).finish
	case TransitionSucceeded:
		s.counts.row, s.counts.failures = 0, 0
		if s.plan.options.RestartPolicy != RestartAlways || s.plan.options.Schedule != nil {
			s.next = (*supervisor).endRun
		}
	default:
		s.counts.row++
		s.counts.failures++
	}

	s.record(s.outcome.kind, &s.outcome.detail)
}

// decide records what follows an attempt that may be followed by another one. A worker that fails while it is stopped has not given up.
func (s *supervisor) decide() {
	s.next = (*supervisor).endRun
	options := s.plan.options

	switch {
	case s.outcome.permanent:
		s.next = (*supervisor).finish
		s.giveUp()
		s.record(TransitionPermanent, plain)
	case options.MaxExecutionsAttempts != UnlimitedExecutionsAttempts && s.counts.used >= options.MaxExecutionsAttempts:
		s.giveUpRun()
		s.record(TransitionExhausted, plain)
	case !s.mayBegin():
		s.endBefore(TransitionSkipped)
	case !s.restarts.allow(options.RestartLimit, options.RestartLimitWithin):
		s.giveUpRun()
		s.reachLimit(options.RestartLimit, options.RestartLimitWithin)
	default:
		s.next = (*supervisor).backOff
		s.record(restartAfter(s.outcome.kind), plain)
	}
}

func (s *supervisor) reachLimit(n int, within time.Duration) {
	s.record(TransitionRestartLimited, &detail{text: strconv.Itoa(n) + " within " + within.String()})
}

// giveUp notes that the worker will not be run again, though nobody has stopped it.
func (s *supervisor) giveUp() {
	s.gaveUp = s.status == Error && s.mayBegin()
}

// giveUpRun notes the same, unless a schedule has another run for it.
func (s *supervisor) giveUpRun() {
	if s.plan.options.Schedule == nil || s.plan.options.StopPoolOnFailure {
		s.giveUp()
	}
}

// backOff asks how long to wait before the next attempt.
func (s *supervisor) backOff() {
	s.next = (*supervisor).renew
	if s.plan.options.Backoff == nil {
		return
	}

	s.next = func(s *supervisor) { s.backOffByDefault(ErrGoexit) } // should the user's end the goroutine
	delay, err := s.askBackoff()
	if err != nil {
		s.backOffByDefault(err)
		return
	}
	s.next = (*supervisor).renew
	s.wait(delay)
}

func (s *supervisor) backOffByDefault(err error) {
	s.next = func(s *supervisor) {
		s.next = (*supervisor).renew
		s.wait(defaultBackoff(s.counts.row, nil))
	}
	s.logError("worker backoff failed, using the default", err)
}

// wait announces a wait before the next attempt, if there is one.
func (s *supervisor) wait(delay time.Duration) {
	if delay > 0 {
		s.next = (*supervisor).sleepWaiting
		s.due = after(delay)
		s.record(TransitionWaiting, &detail{text: delay.String()})
	}
}

func (s *supervisor) sleepWaiting() {
	s.next = (*supervisor).renew
	if !s.sleep(s.due, forever) {
		s.endBefore(TransitionSkippedWhileWaiting)
	}
}

// endBefore ends the worker before an attempt that it was about to begin.
func (s *supervisor) endBefore(k TransitionKind) {
	s.next = (*supervisor).finish
	s.record(k, &detail{cause: s.stopCause()})
}

// endOfWait is how a worker ends that is told to stop in its status.
func (s *supervisor) endOfWait() TransitionKind {
	switch {
	case s.number == 0 && s.status != Waiting:
		return TransitionStoppedWhileDeferred
	case s.status == Waiting && s.counts.used == 0 && s.plan.options.Schedule != nil:
		return TransitionStoppedWhileScheduled
	default:
		return TransitionSkippedWhileWaiting
	}
}

// finish is the last step.
func (s *supervisor) finish() {
	s.next = nil
	if s.status == Error && s.failure == nil {
		s.failure = &WorkerError{Worker: s.plan.name, ExecutionID: s.id, Attempt: s.number, Err: s.outcome.err}
	}

	// No user code runs after this, unless a stop has given up waiting.
	if by, late := s.isLate(); late {
		s.record(TransitionReturnedLate, &detail{text: by.String()})
	}
}
