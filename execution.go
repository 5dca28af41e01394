package worker

import (
	"slices"
	"sync"
	"time"
)

// WorkerExecution represents a [Worker] execution within the [WorkerPool], from the start of the worker to its end: the status
// of the worker, its current attempt, and the events of its attempts.
//
// The executions of a pool are live: what their methods return changes as the workers go on. The setters are there for
// executions made by hand; on a pool's they change what is reported, not what the pool does. All methods are safe for
// concurrent use and do not block.
type WorkerExecution struct {
	mu                      sync.Mutex // guards the fields below
	id                      string
	name                    string
	status                  WorkerStatus
	currentExecutionAttempt int
	maxExecutionsAttempts   int
	deferredStartThreshold  float64
	middlewares             []Middleware // never written to
	stopPoolOnFailure       bool
	events                  []WorkerExecutionEvent  // a ring once it is full
	oldest                  int                     // where the ring begins
	firstEvents             [2]WorkerExecutionEvent // room for a worker that starts and ends
	maxEvents               int                     // its size, 0 for no bound
	droppedEvents           int
	since                   time.Time // of the status
	startedAt, endedAt      time.Time
	nextAttemptAt           time.Time
	consecutiveFailures     int
	lastError               error
	lastErrorText           string
	lastStack               string
	gaveUp                  bool
}

// NewWorkerExecution returns a new [WorkerExecution].
func NewWorkerExecution(id string, name string, options ExecutionOptions) *WorkerExecution {
	options.Middlewares = slices.Clone(options.Middlewares)

	e := &WorkerExecution{}
	e.init(id, name, &options, DefaultMaxEvents)

	return e
}

func (e *WorkerExecution) init(id, name string, options *ExecutionOptions, maxEvents int) {
	e.id = id
	e.name = name
	e.maxExecutionsAttempts = options.MaxExecutionsAttempts
	e.deferredStartThreshold = options.DeferredStartThreshold
	e.middlewares = options.Middlewares
	e.stopPoolOnFailure = options.StopPoolOnFailure
	e.maxEvents = maxEvents
	e.events = e.firstEvents[:0]
}

// Id returns the id of the current attempt of the [WorkerExecution], the one that its log records, spans and events carry. An
// id of [WithGenerator] is there from the first event on, since that is asked on the worker's goroutine; a default one from the start.
func (e *WorkerExecution) Id() string {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.id
}

// SetId sets the [WorkerExecution] id.
func (e *WorkerExecution) SetId(id string) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.id = id

	return e
}

// Name returns the [WorkerExecution] name: that of the worker.
func (e *WorkerExecution) Name() string {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.name
}

// SetName sets the [WorkerExecution] name.
func (e *WorkerExecution) SetName(name string) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.name = name

	return e
}

// Status returns the [WorkerExecution] status.
func (e *WorkerExecution) Status() WorkerStatus {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.status
}

// SetStatus sets the [WorkerExecution] status.
func (e *WorkerExecution) SetStatus(status WorkerStatus) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.status = status

	return e
}

// CurrentExecutionAttempt returns the [WorkerExecution] current execution attempt: 1 for the first, 0 before it. After a healthy
// attempt ([WithHealthyAfter]) the numbers begin anew.
func (e *WorkerExecution) CurrentExecutionAttempt() int {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.currentExecutionAttempt
}

// SetCurrentExecutionAttempt sets the [WorkerExecution] current execution attempt.
func (e *WorkerExecution) SetCurrentExecutionAttempt(current int) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.currentExecutionAttempt = current

	return e
}

// MaxExecutionsAttempts returns the [WorkerExecution] max execution attempts, or [UnlimitedExecutionsAttempts].
func (e *WorkerExecution) MaxExecutionsAttempts() int {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.maxExecutionsAttempts
}

// SetMaxExecutionsAttempts sets the [WorkerExecution] max execution attempts.
func (e *WorkerExecution) SetMaxExecutionsAttempts(max int) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.maxExecutionsAttempts = max

	return e
}

// DeferredStartThreshold returns the [WorkerExecution] max deferred start threshold, in seconds.
func (e *WorkerExecution) DeferredStartThreshold() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.deferredStartThreshold
}

// SetDeferredStartThreshold sets the [WorkerExecution] max deferred start threshold, in seconds.
func (e *WorkerExecution) SetDeferredStartThreshold(threshold float64) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.deferredStartThreshold = threshold

	return e
}

// Middlewares returns a copy of the list of [Middleware] of the [WorkerExecution], the outermost first.
func (e *WorkerExecution) Middlewares() []Middleware {
	e.mu.Lock()
	defer e.mu.Unlock()

	return slices.Clone(e.middlewares)
}

// StartedAt returns when the current attempt has started, and the zero time before the first one.
func (e *WorkerExecution) StartedAt() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.startedAt
}

// EndedAt returns when the current attempt has ended, and the zero time while it is running and before the first one.
func (e *WorkerExecution) EndedAt() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.endedAt
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

// NextAttemptAt returns when the next attempt is due, for a worker that is deferred or waits, and the zero time where none is.
func (e *WorkerExecution) NextAttemptAt() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.nextAttemptAt
}

// ConsecutiveFailures returns how many attempts have failed in a row: 0 after a success. An attempt that counted as healthy
// ([WithHealthyAfter]) begins a new row.
func (e *WorkerExecution) ConsecutiveFailures() int {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.consecutiveFailures
}

// LastError returns the error of the last attempt that failed: what Run returned, a [*PanicError] or [ErrGoexit]. It is nil as
// long as none has failed, and stays when a later attempt succeeds.
func (e *WorkerExecution) LastError() error {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.lastError
}

// GaveUp returns true once the worker has failed and has no attempts left, or failed with a [Permanent] error, unless that was while
// it was stopped.
func (e *WorkerExecution) GaveUp() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.gaveUp
}

// StopPoolOnFailure returns true for a worker with [WithStopPoolOnFailure].
func (e *WorkerExecution) StopPoolOnFailure() bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.stopPoolOnFailure
}

// Events returns a copy of the [WorkerExecution] list of [WorkerExecutionEvent], the oldest first. An execution keeps its
// newest 1000 events, or as many as [WithGlobalMaxEvents] says.
func (e *WorkerExecution) Events() []*WorkerExecutionEvent {
	e.mu.Lock()
	ordered := slices.Concat(e.events[e.oldest:], e.events[:e.oldest])
	e.mu.Unlock()

	events := make([]*WorkerExecutionEvent, len(ordered))
	for i := range ordered {
		events[i] = &ordered[i]
	}

	return events
}

// DroppedEvents returns how many events were dropped because newer ones took their place.
func (e *WorkerExecution) DroppedEvents() int {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.droppedEvents
}

// HasEvent returns true if a [WorkerExecutionEvent] was found for a given message, among those that Events returns.
func (e *WorkerExecution) HasEvent(message string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()

	return slices.ContainsFunc(e.events, func(event WorkerExecutionEvent) bool { return event.message == message })
}

// AddEvent adds a [WorkerExecutionEvent] to the [WorkerExecution], for its current id and time.
func (e *WorkerExecution) AddEvent(message string) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.addEventLocked(message, time.Now())

	return e
}

// apply is what record does to an execution.
func (e *WorkerExecution) apply(s *supervisor, k kind, message string, at time.Time, d *detail) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.id = s.id
	e.currentExecutionAttempt = s.attempt
	e.consecutiveFailures = s.failures
	e.nextAttemptAt = time.Time{}
	if s.status != e.status {
		e.status, e.since = s.status, at
	}
	if d.stack != "" {
		e.lastStack = d.stack
	}

	switch {
	case k == starting:
		e.startedAt, e.endedAt = at, time.Time{}
	case k.endsAttempt():
		e.endedAt = at
		if d.err != nil {
			e.lastError, e.lastErrorText = d.err, d.text
		}
	case k == exhausted, k == permanent:
		e.gaveUp = s.gaveUp
	case 0 < d.delay && d.delay < forever:
		e.nextAttemptAt = at.Add(d.delay)
	}

	e.addEventLocked(message, at)
}

func (e *WorkerExecution) addEventLocked(message string, at time.Time) {
	if e.maxEvents <= 0 || len(e.events) < e.maxEvents {
		e.events = append(e.events, WorkerExecutionEvent{e.id, message, at})
		return
	}

	e.droppedEvents++
	e.events[e.oldest] = WorkerExecutionEvent{e.id, message, at}
	e.oldest = (e.oldest + 1) % len(e.events)
}
