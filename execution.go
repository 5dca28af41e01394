package worker

import (
	"slices"
	"sync"
	"time"
)

// defaultMaxEvents bounds the events that an execution keeps.
const defaultMaxEvents = 1000

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
	options                 ExecutionOptions
	events                  []WorkerExecutionEvent // a ring once it is full
	oldest                  int                    // where the ring begins
}

// NewWorkerExecution returns a new [WorkerExecution].
func NewWorkerExecution(id string, name string, options ExecutionOptions) *WorkerExecution {
	options.Middlewares = slices.Clone(options.Middlewares)

	return &WorkerExecution{id: id, name: name, options: options}
}

// Id returns the id of the current attempt of the [WorkerExecution], the one that its log records, spans and events carry. It
// is empty until the first event.
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

// CurrentExecutionAttempt returns the [WorkerExecution] current execution attempt: 1 for the first, 0 before it.
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

	return e.options.MaxExecutionsAttempts
}

// SetMaxExecutionsAttempts sets the [WorkerExecution] max execution attempts.
func (e *WorkerExecution) SetMaxExecutionsAttempts(max int) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.options.MaxExecutionsAttempts = max

	return e
}

// DeferredStartThreshold returns the [WorkerExecution] max deferred start threshold, in seconds.
func (e *WorkerExecution) DeferredStartThreshold() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()

	return e.options.DeferredStartThreshold
}

// SetDeferredStartThreshold sets the [WorkerExecution] max deferred start threshold, in seconds.
func (e *WorkerExecution) SetDeferredStartThreshold(threshold float64) *WorkerExecution {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.options.DeferredStartThreshold = threshold

	return e
}

// Middlewares returns a copy of the list of [Middleware] of the [WorkerExecution], the outermost first.
func (e *WorkerExecution) Middlewares() []Middleware {
	e.mu.Lock()
	defer e.mu.Unlock()

	return slices.Clone(e.options.Middlewares)
}

// Events returns a copy of the [WorkerExecution] list of [WorkerExecutionEvent], the oldest first. An execution keeps its
// newest 1000 events.
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
func (e *WorkerExecution) apply(id string, attempt int, to WorkerStatus, message string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()

	e.id = id
	e.currentExecutionAttempt = attempt
	if to != unchanged {
		e.status = to
	}
	e.addEventLocked(message, at)
}

func (e *WorkerExecution) addEventLocked(message string, at time.Time) {
	event := WorkerExecutionEvent{executionID: e.id, message: message, timestamp: at}

	if len(e.events) < defaultMaxEvents {
		e.events = append(e.events, event)
		return
	}

	e.events[e.oldest] = event
	e.oldest = (e.oldest + 1) % len(e.events)
}
