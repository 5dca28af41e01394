package worker

import (
	"slices"
	"sync"
	"time"
)

// WorkerExecution represents a [Worker] execution within the [WorkerPool], from the start of the worker to its end: the status
// of the worker, its current attempt, and the events of its attempts.
//
// The executions of a pool are live: what their methods return changes as the workers go on. The setters are there for executions
// made by hand; on an execution of a pool they change what is reported, not what the pool does. All methods are safe for concurrent
// use and do not block.
type WorkerExecution struct {
	options *ExecutionOptions // never written to

	mu                      sync.Mutex // guards the fields below
	id                      string
	name                    string
	status                  WorkerStatus
	currentExecutionAttempt int
	maxExecutionsAttempts   int
	deferredStartThreshold  float64
	events                  events
	since                   time.Time // of the status
	startedAt, endedAt      time.Time
	nextAttemptAt           time.Time
	consecutiveFailures     int
	failure                 *failureNote // nil before the first
	lastSuccessAt           time.Time
	lastBeatAt              time.Time
	gaveUp                  bool
	readiness               readiness
	stopCause               error // why it was told to stop, nil if it was not
	calls                   calls
	runs                    []runRecord // of a schedule, the newest last
}

// NewWorkerExecution returns a new [WorkerExecution].
func NewWorkerExecution(id string, name string, options ExecutionOptions) *WorkerExecution {
	options.Middlewares = slices.Clone(options.Middlewares)

	e := &WorkerExecution{}
	e.init(id, name, &options, DefaultMaxEvents)

	return e
}

func (e *WorkerExecution) init(id, name string, options *ExecutionOptions, maxEvents int) {
	e.options = options
	e.id = id
	e.name = name
	e.maxExecutionsAttempts = options.MaxExecutionsAttempts
	e.deferredStartThreshold = options.DeferredStartThreshold
	e.events.max = maxEvents
}

// Id returns the id of the current attempt of the [WorkerExecution], the one that its log records, spans and events carry. With
// [WithGenerator] it is set before the first event, on the worker's goroutine; without it, at the start.
func (e *WorkerExecution) Id() string {
	return read(e, &e.id)
}

// SetId sets the [WorkerExecution] id.
func (e *WorkerExecution) SetId(id string) *WorkerExecution {
	return write(e, &e.id, id)
}

// Name returns the [WorkerExecution] name: that of the worker.
func (e *WorkerExecution) Name() string {
	return read(e, &e.name)
}

// SetName sets the [WorkerExecution] name.
func (e *WorkerExecution) SetName(name string) *WorkerExecution {
	return write(e, &e.name, name)
}

// Status returns the [WorkerExecution] status.
func (e *WorkerExecution) Status() WorkerStatus {
	return read(e, &e.status)
}

// SetStatus sets the [WorkerExecution] status.
func (e *WorkerExecution) SetStatus(status WorkerStatus) *WorkerExecution {
	return write(e, &e.status, status)
}

// CurrentExecutionAttempt returns the [WorkerExecution] current execution attempt: 1 for the first, 0 before it. After a healthy
// attempt ([WithHealthyAfter]) and with each run of a schedule ([WithSchedule]) the numbers begin anew.
func (e *WorkerExecution) CurrentExecutionAttempt() int {
	return read(e, &e.currentExecutionAttempt)
}

// SetCurrentExecutionAttempt sets the [WorkerExecution] current execution attempt.
func (e *WorkerExecution) SetCurrentExecutionAttempt(current int) *WorkerExecution {
	return write(e, &e.currentExecutionAttempt, current)
}

// MaxExecutionsAttempts returns the [WorkerExecution] max execution attempts, or [UnlimitedExecutionsAttempts].
func (e *WorkerExecution) MaxExecutionsAttempts() int {
	return read(e, &e.maxExecutionsAttempts)
}

// SetMaxExecutionsAttempts sets the [WorkerExecution] max execution attempts.
func (e *WorkerExecution) SetMaxExecutionsAttempts(max int) *WorkerExecution {
	return write(e, &e.maxExecutionsAttempts, max)
}

// DeferredStartThreshold returns the [WorkerExecution] max deferred start threshold, in seconds.
func (e *WorkerExecution) DeferredStartThreshold() float64 {
	return read(e, &e.deferredStartThreshold)
}

// SetDeferredStartThreshold sets the [WorkerExecution] max deferred start threshold, in seconds.
func (e *WorkerExecution) SetDeferredStartThreshold(threshold float64) *WorkerExecution {
	return write(e, &e.deferredStartThreshold, threshold)
}

// Middlewares returns a copy of the list of [Middleware] of the [WorkerExecution], the outermost first.
func (e *WorkerExecution) Middlewares() []Middleware {
	if e.options == nil { // in a zero value
		return nil
	}

	return slices.Clone(e.options.Middlewares)
}

// StartedAt returns when the current attempt has started, and the zero time before the first one.
func (e *WorkerExecution) StartedAt() time.Time {
	return read(e, &e.startedAt)
}

// EndedAt returns when the current attempt has ended, and the zero time while it is running and before the first one.
func (e *WorkerExecution) EndedAt() time.Time {
	return read(e, &e.endedAt)
}

// NextAttemptAt returns when the next attempt is due, for a worker that is deferred or waits, and the zero time where none is.
func (e *WorkerExecution) NextAttemptAt() time.Time {
	return read(e, &e.nextAttemptAt)
}

// ConsecutiveFailures returns how many attempts have failed in a row: 0 after a success, and once an attempt counts as healthy
// ([WithHealthyAfter]).
func (e *WorkerExecution) ConsecutiveFailures() int {
	return read(e, &e.consecutiveFailures)
}

// LastError returns the error of the last attempt that failed: what Run returned, a [*PanicError] or [ErrGoexit]; or the
// [*DependencyError] of a worker that was not run. It is nil as long as none has failed, and stays when a later attempt succeeds.
func (e *WorkerExecution) LastError() error {
	return e.lastFailure().err
}

// GaveUp returns true once the worker has failed and will not be run again: it has no attempts or restarts left, failed with a
// [Permanent] error, or something that it needs has failed. It is false where the worker was stopped.
func (e *WorkerExecution) GaveUp() bool {
	return read(e, &e.gaveUp)
}

// StopPoolOnFailure returns true for a worker with [WithStopPoolOnFailure].
func (e *WorkerExecution) StopPoolOnFailure() bool {
	return e.options != nil && e.options.StopPoolOnFailure
}

// Events returns a copy of the [WorkerExecution] list of [WorkerExecutionEvent], the oldest first. An execution keeps its
// newest 1000 events, or as many as [WithGlobalMaxEvents] says, and of each message 4 KiB at most.
func (e *WorkerExecution) Events() []*WorkerExecutionEvent {
	e.mu.Lock()
	kept := e.events.all(nil)
	e.mu.Unlock()

	made := make([]WorkerExecutionEvent, len(kept))
	events := make([]*WorkerExecutionEvent, len(kept))
	for i, event := range kept {
		made[i] = WorkerExecutionEvent{event.executionID, event.message(), event.at}
		events[i] = &made[i]
	}

	return events
}

// DroppedEvents returns how many events were dropped because newer ones took their place.
func (e *WorkerExecution) DroppedEvents() int {
	return read(e, &e.events.dropped)
}

// HasEvent returns true if a [WorkerExecutionEvent] was found for a given message, among those that Events returns. The message is
// cut as theirs are.
func (e *WorkerExecution) HasEvent(message string) bool {
	e.mu.Lock()
	all := e.events.all(nil)
	e.mu.Unlock()

	message = kept(message)

	return slices.ContainsFunc(all, func(event event) bool { return event.message() == message })
}

// AddEvent adds a [WorkerExecutionEvent] to the [WorkerExecution], for its current id and time. What is over 4 KiB of its message is
// cut.
func (e *WorkerExecution) AddEvent(message string) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.events.add(e.id, time.Now(), message, numbered{kind: byHand})

	return e
}

// read returns a field that e's mu guards.
func read[T any](e *WorkerExecution, field *T) T {
	e.mu.Lock()
	defer e.mu.Unlock()

	return *field
}

// write sets a field that e's mu guards.
func write[T any](e *WorkerExecution, field *T, value T) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	*field = value

	return e
}
