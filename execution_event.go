package worker

import (
	"fmt"
	"time"
)

// WorkerExecutionEvent is an event happening during a [Worker] execution. It never changes once made.
type WorkerExecutionEvent struct {
	executionID string
	message     string
	timestamp   time.Time
}

// NewWorkerExecutionEvent returns a new [WorkerExecutionEvent].
func NewWorkerExecutionEvent(executionId string, message string, timestamp time.Time) *WorkerExecutionEvent {
	return &WorkerExecutionEvent{executionID: executionId, message: message, timestamp: timestamp}
}

// ExecutionId returns the id of the attempt that the event belongs to.
func (e *WorkerExecutionEvent) ExecutionId() string {
	return e.executionID
}

// Message returns the message of the event, the same text that was logged for it; what is over 4 KiB of it is cut.
func (e *WorkerExecutionEvent) Message() string {
	return e.message
}

// Timestamp returns when the event happened.
func (e *WorkerExecutionEvent) Timestamp() time.Time {
	return e.timestamp
}

// String returns the event as "[ID - 2006-01-02 15:04:05] MESSAGE", the time in the location of its timestamp.
func (e *WorkerExecutionEvent) String() string {
	return fmt.Sprintf("[%s - %s] %s", e.executionID, e.timestamp.Format(time.DateTime), e.message)
}

// event is a kept event: what its text is made of, since most are never read.
type event struct {
	executionID string
	at          time.Time
	particular  string // to the transition, or the whole text of one made by hand
	numbered
}

// byHand is the kind of an event that no transition has made.
const byHand TransitionKind = -1

func (e *event) message() string {
	if e.kind == byHand {
		return e.particular
	}

	return kept(e.numbered.message(e.particular))
}

// events are the newest events of an execution, a ring once they are max.
type events struct {
	ring    []event
	first   [2]event // room for a worker that starts and ends
	oldest  int      // where the ring begins
	max     int      // 0 or less for no bound
	dropped int
}

func (e *events) add(executionID string, at time.Time, particular string, n numbered) {
	one := e.next()
	one.executionID, one.at, one.particular, one.numbered = executionID, at, kept(particular), n
}

// next returns the place of the next event.
func (e *events) next() *event {
	if e.ring == nil {
		e.ring = e.first[:0]
	}
	if e.max <= 0 || len(e.ring) < e.max {
		e.ring = append(e.ring, event{})
		return &e.ring[len(e.ring)-1]
	}

	e.dropped++
	oldest := &e.ring[e.oldest]
	e.oldest = (e.oldest + 1) % len(e.ring)

	return oldest
}

// all appends a copy of all events, the oldest first.
func (e *events) all(to []event) []event {
	return append(append(to, e.ring[e.oldest:]...), e.ring[:e.oldest]...)
}
