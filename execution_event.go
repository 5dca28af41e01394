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

// Message returns the message of the event, the same text that was logged for it.
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
