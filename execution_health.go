package worker

// readiness is what an execution knows of whether its worker is ready.
type readiness struct {
	said      bool // by the current attempt
	succeeded bool // of its own accord, not told to stop
	was       bool // whether it has been ready once
}

// note notes what a transition says of readiness.
func (r *readiness) note(k TransitionKind, told bool) {
	switch k {
	case TransitionStarting:
		r.said = false
	case TransitionReady:
		r.said = true
	case TransitionSucceeded, TransitionScheduleUnused:
		r.succeeded = !told
	case TransitionFailed, TransitionPanicked, TransitionGoexited, TransitionDependencyFailed, TransitionScheduleFailed:
		r.succeeded = false
	}
}

// Ready returns whether the worker is ready: it has called [Ready] in the current attempt; or, without [WithReadiness] and
// [WithReadyOnSuccess], its attempt is running; or it has succeeded of its own accord, not told to stop.
func (e *WorkerExecution) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.options != nil && e.readyLocked()
}

func (e *WorkerExecution) readyLocked() bool {
	switch {
	case e.status == Success, e.options.ReadyOnSuccess && (e.status == Running || e.status == Waiting):
		return e.readiness.succeeded || e.status == Success && e.stopCause == nil
	case e.status == Running && e.options.Readiness:
		return e.readiness.said
	default:
		return e.status == Running && !e.options.ReadyOnSuccess
	}
}

// wasReady reports whether the worker has been ready once in this execution.
func (e *WorkerExecution) wasReady() bool {
	return read(e, &e.readiness.was)
}

// health returns what probes say of the worker: whether it lets its pool be live and ready. The pool is leaving while it stops.
func (e *WorkerExecution) health(leaving bool) (status WorkerStatus, live, fine bool) {
	e.mu.Lock()
	defer e.mu.Unlock()

	live, fine = e.healthLocked(leaving)

	return e.status, live, fine
}

func (e *WorkerExecution) healthLocked(leaving bool) (live, fine bool) {
	if e.options.Optional {
		return true, true
	}

	live = e.status != Stuck && (leaving || !e.options.StopPoolOnFailure || !e.gaveUp)
	switch e.status {
	case Deferred:
		fine = true
	case Waiting:
		fine = e.consecutiveFailures == 0
	case Stopped, Success:
		fine = e.readyLocked() || same(e.stopCause, ErrWorkerStopped)
	default:
		fine = e.readyLocked()
	}

	return live, fine
}
