package worker

import (
	"context"
	"errors"
	"math"
	"runtime/pprof"
	"strconv"
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
	index      int           // in the generation's order, guarded by the pool's mu
	fate       atomic.Int64  // see overdue

	// The fields below belong to the goroutine, and to nobody once done is closed.
	next      step
	status    WorkerStatus    // while an attempt runs it belongs to who has the turn of its heartbeat
	id        string          // of the coming or current attempt
	logger    *zerolog.Logger // with that id
	attempt   int             // the number of the current attempt, 0 before the first
	startedAt time.Time       // of the current attempt
	outcome   outcome         // of the last attempt
	streak    int             // attempts that count against the maximum
	failures  int             // in a row
	delay     time.Duration   // of the coming wait
	failure   *WorkerError    // what the worker has ended with, if in Error
	gaveUp    bool            // out of attempts, not stopped
}

type step int

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

func newSupervisor(p *WorkerPool, g *generation, planned *plan) *supervisor {
	s := &supervisor{
		pool:       p,
		generation: g,
		worker:     planned.registration.worker,
		name:       planned.registration.name,
		options:    planned.options,
		series:     p.options.Metrics.launch(planned.registration.name),
		execution: WorkerExecution{
			name: planned.registration.name, options: planned.options, maxEvents: p.options.GlobalMaxEvents,
		},
		done: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancelCause(g.stageLocked(s.options.StopStage).ctx)

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
		s.next = sleeping
		s.delay = seconds(threshold)
		s.record(deferring, detail{text: strconv.FormatFloat(threshold, 'g', -1, 64), delay: s.delay})
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
		s.record(stoppedWhileDeferred, detail{})
	default:
		s.next = leaving
		s.failure = nil
		s.record(skippedWhileWaiting, detail{})
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
		s.next, s.failure = leaving, nil
	case succeeded:
		s.failures, s.failure = 0, nil
		if s.options.RestartPolicy != RestartAlways {
			s.next = leaving
		}
	default:
		s.failures++
		s.failure = &WorkerError{Worker: s.name, ExecutionID: s.id, Attempt: s.attempt, Err: s.outcome.err}
	}

	s.record(s.outcome.kind, s.outcome.detail)
}

// decide records what follows an attempt that may be followed by another one.
func (s *supervisor) decide() {
	s.next = leaving

	switch {
	case s.outcome.permanent:
		s.gaveUp = true
		s.record(permanent, detail{})
	case s.streak == s.options.MaxExecutionsAttempts:
		s.gaveUp = s.failure != nil
		s.record(exhausted, detail{})
	case s.ctx.Err() != nil:
		s.record(skipped, detail{})
	default:
		s.next = backingOff
		s.record(restartAfter[s.outcome.kind], detail{})
	}
}

// backOff announces the wait before the next attempt, if there is one.
func (s *supervisor) backOff() {
	s.next = identifying

	delay, err := s.backoff()
	if delay > 0 {
		s.next = sleeping
		s.delay = delay
		// Deferred, so that it is recorded even if the log below ends the goroutine.
		defer s.record(waiting, detail{text: delay.String(), delay: delay})
	}
	if err != nil {
		s.log(zerolog.ErrorLevel, "worker backoff failed, using the default", detail{text: err.Error(), err: err})
	}
}

// backoff asks the worker's own, or the default one where that fails.
func (s *supervisor) backoff() (delay time.Duration, err error) {
	if s.options.Backoff == nil {
		return 0, nil
	}

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

	if overdueSince := s.fate.Swap(left); overdueSince > 0 {
		s.record(returnedLate, detail{text: time.Since(time.Unix(0, overdueSince)).String()})
	}
}

// leave ends the worker, or lets another goroutine go on with it after a Goexit.
func (s *supervisor) leave() {
	if s.next != ended {
		go s.run()
		return
	}

	s.cancel(nil)
	if s.gaveUp && s.options.StopPoolOnFailure {
		s.pool.beginStop(s.generation, s.failure)
	}
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
