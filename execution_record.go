package worker

import "time"

// apply is what record does to an execution. It returns whether probes may see the worker differently since.
func (e *WorkerExecution) apply(s *supervisor, k TransitionKind, at time.Time, d *detail) (changed, becameReady bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	_, before := e.healthLocked(false)
	e.id = s.id
	e.currentExecutionAttempt = s.number
	e.consecutiveFailures = s.counts.failures
	e.nextAttemptAt = time.Time{}
	if s.status == Deferred || s.status == Waiting {
		e.nextAttemptAt = s.due
	}
	e.gaveUp = s.gaveUp
	if s.status != e.status {
		e.status = s.status
		e.since = at
	}
	if d.stack != "" {
		e.noteFailure().stack = d.stack
	}

	e.noteAttempt(k, at, s.newRun)
	if s.status == Error && d.err != nil {
		e.noteError(d, at)
	}
	e.readiness.note(k, e.stopCause != nil)
	becameReady = !e.readiness.was && e.readyLocked()
	e.readiness.was = e.readiness.was || becameReady
	e.events.add(s.id, at, d.text, s.numbered(k))
	_, after := e.healthLocked(false)

	return before != after || s.gaveUp, becameReady
}

// noteAttempt notes that an attempt begins or ends, and what that says of a schedule's run.
func (e *WorkerExecution) noteAttempt(k TransitionKind, at time.Time, newRun bool) {
	switch {
	case k == TransitionStarting:
		e.startedAt = at
		e.endedAt = time.Time{}
		if e.options.Schedule != nil {
			e.beginAttempt(at, newRun)
		}
	case k.endsAttempt():
		e.endedAt = at
		if k == TransitionSucceeded {
			e.lastSuccessAt = at
		}
		e.endAttempt()
	}
}

func (e *WorkerExecution) noteError(d *detail, at time.Time) {
	note := e.noteFailure()
	note.err, note.text = d.err, kept(d.textOfError())
	note.at = at
}

// failureNote is what an execution keeps of the last failure, and of the last stack that was seen.
type failureNote struct {
	err   error
	text  string
	at    time.Time
	stack string
}

func (e *WorkerExecution) noteFailure() *failureNote {
	if e.failure == nil {
		e.failure = &failureNote{}
	}

	return e.failure
}

// lastFailure returns a copy of what is kept, nothing where there was no failure.
func (e *WorkerExecution) lastFailure() failureNote {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.lastFailureLocked()
}

func (e *WorkerExecution) lastFailureLocked() failureNote {
	if e.failure == nil {
		return failureNote{}
	}

	return *e.failure
}

// noteStop notes why the worker was told to stop.
func (e *WorkerExecution) noteStop(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.stopCause = cause
}

// endRow ends the row of failures, because the current attempt is healthy.
func (e *WorkerExecution) endRow() {
	write(e, &e.consecutiveFailures, 0)
}

// beat notes that the heartbeat's check has found a beat.
func (e *WorkerExecution) beat(at time.Time) {
	write(e, &e.lastBeatAt, at)
}

// running returns how long the current attempt has been running, 0 if none is.
func (e *WorkerExecution) running() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.startedAt.IsZero() || !e.endedAt.IsZero() {
		return 0
	}

	return time.Since(e.startedAt)
}
