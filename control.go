package worker

import (
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
)

// How a supervisor is made, launched and told to stop: all of it that is not a step.

func newSupervisor(p *WorkerPool, g *generation, planned *plan) *supervisor {
	s := &supervisor{plan: planned, pool: p, generation: g, alive: true, next: (*supervisor).identify, labels: planned.labels, trace: &g.trace}
	s.body = s.run
	if planned.options.RestartLimit > 0 {
		s.restarts = &restarts{}
	}
	if g.labels != nil {
		s.labels = withLabel(g.labels, planned.name)
	}
	if _, ok := p.options.Generator.(*uuid.DefaultUuidGenerator); ok {
		s.id = defaultID()
	}
	s.execution.init(s.id, planned.name, planned.options, p.options.GlobalMaxEvents)

	return s
}

// launchSuccessor launches the worker that was registered after this one, once: so the workers of a Start begin in order.
func (s *supervisor) launchSuccessor() {
	if s.successor != nil {
		go s.successor.body()
		s.successor = nil
	}
}

// prepareAttempt makes the coming attempt, or returns false where none may begin any more.
func (s *supervisor) prepareAttempt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.mayBegin() {
		return false
	}
	s.number = s.counts.used + 1
	s.attempt = newAttempt(s)

	return true
}

// tell tells the worker to stop, once.
func (s *supervisor) tell(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.told.Load() {
		return
	}
	s.cause, s.toldAt = cause, time.Now()
	s.told.Store(true)
	s.execution.noteStop(cause)

	if s.attempt != nil {
		s.attempt.cancel(cause)
	}
	if s.wake != nil {
		close(s.wake)
	}
	if d := s.plan.options.StopTimeout; d > 0 && s.alive {
		s.bound = time.AfterFunc(d, s.overdue)
	}
}

// endsWithStart reports whether the worker's attempts see the end of Start's context at once, with its own error and deadline: those
// who stop first, unless others depend on them or a stop tells later.
func (s *supervisor) endsWithStart() bool {
	return s.plan.options.StopStage <= s.generation.firstStage && s.pool.options.GlobalStopDelay <= 0 && !s.depended.Load()
}

// mayBegin reports whether an attempt may begin. None does once the pool has begun to stop, even if a running worker may go on
// until it is its stage's turn.
func (s *supervisor) mayBegin() bool {
	return !isClosed(s.generation.begun) && !s.told.Load() && s.generation.ctx.Err() == nil
}

// stopCause returns why the worker ends.
func (s *supervisor) stopCause() error {
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()

	if cause != nil {
		return cause
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.currentLocked() // the end of Start's context is a cause too

	return s.generation.stop.cause
}

// waking returns a channel that is closed once the worker is told to stop.
func (s *supervisor) waking() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.wake == nil {
		s.wake = make(chan struct{})
		if s.told.Load() {
			close(s.wake)
		}
	}

	return s.wake
}

// sleep waits until a time, and returns whether an attempt may begin then: false once the pool has begun to stop, or the worker was
// told to. The zero time never comes. It looks at the clock again at least as often as it is told to.
func (s *supervisor) sleep(until time.Time, look time.Duration) bool {
	if until.IsZero() {
		return s.idle(nil)
	}

	return s.sleepWhile(func() time.Duration { return min(time.Until(until), look) })
}

// sleepWhile waits as long as there is time left, which is asked again each time that what was left has passed.
func (s *supervisor) sleepWhile(left func() time.Duration) bool {
	timer := time.NewTimer(left())
	defer timer.Stop()
	for left() > 0 {
		if !s.idle(timer.C) {
			return false
		}
		timer.Reset(left())
	}

	return s.mayBegin()
}

// idle waits for a timer, and returns false where the worker must end before.
func (s *supervisor) idle(due <-chan time.Time) bool {
	select {
	case <-due:
		return true
	case <-s.waking():
		return false
	case <-s.generation.begun:
		return false
	}
}

// isLate reports whether a stop has given up waiting for the worker, and how long ago. If none has, the worker has nothing more to
// record, and none will.
func (s *supervisor) isLate() (by time.Duration, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.bound != nil {
		s.bound.Stop()
	}
	if s.lateFrom.IsZero() {
		s.finished = true
		return 0, false
	}

	return time.Since(s.lateFrom), true
}

func (s *supervisor) wasLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return !s.lateFrom.IsZero()
}

// markLate notes that a stop has given up waiting for the worker, so that its end will be recorded. It returns false if the worker
// has finished already.
func (s *supervisor) markLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.finished {
		return false
	}
	if s.lateFrom.IsZero() {
		s.lateFrom = time.Now()
	}

	return true
}
