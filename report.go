package worker

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// PoolState says where a pool is between its Start and its stop.
type PoolState string

// The states of a pool.
const (
	PoolNew      PoolState = "new"      // never started
	PoolStarted  PoolState = "started"  // until it is stopped, even if all workers have ended
	PoolStopping PoolState = "stopping" // until all workers have ended
	PoolStopped  PoolState = "stopped"
)

// PoolReport is a snapshot of a pool: values only, ready for JSON. Times are RFC 3339, and left out where there is none.
type PoolReport struct {
	At      time.Time      `json:"at"` // when the report was made
	State   PoolState      `json:"state"`
	Workers []WorkerReport `json:"workers"` // sorted by name, those of the last Start
}

// WorkerReport is a snapshot of one worker, consistent in itself.
type WorkerReport struct {
	Name                string        `json:"name"`
	Status              WorkerStatus  `json:"-"`           // in JSON its text, as "status"
	ExecutionID         string        `json:"executionId"` // of the current attempt
	Attempt             int           `json:"attempt"`     // 0 before the first
	MaxAttempts         int           `json:"maxAttempts"` // or UnlimitedExecutionsAttempts
	ConsecutiveFailures int           `json:"consecutiveFailures"`
	Since               time.Time     `json:"since,omitzero"`     // when the status was reached
	StartedAt           time.Time     `json:"startedAt,omitzero"` // of the current attempt
	EndedAt             time.Time     `json:"endedAt,omitzero"`
	NextAttemptAt       time.Time     `json:"nextAttemptAt,omitzero"`
	LastError           string        `json:"lastError,omitempty"` // of the last attempt that failed
	LastStack           string        `json:"lastStack,omitempty"` // of the last panic, Goexit or missed heartbeat
	StopPoolOnFailure   bool          `json:"stopPoolOnFailure"`
	GaveUp              bool          `json:"gaveUp"` // failed for the last time, not stopped
	DroppedEvents       int           `json:"droppedEvents"`
	Events              []EventReport `json:"events"` // the oldest first
}

// EventReport is one event of a worker.
type EventReport struct {
	At          time.Time `json:"at"`
	ExecutionID string    `json:"executionId"`
	Message     string    `json:"message"`
}

// MarshalJSON writes the status as its text.
func (r WorkerReport) MarshalJSON() ([]byte, error) {
	type plain WorkerReport

	return json.Marshal(struct {
		Status string `json:"status"`
		plain
	}{r.Status.String(), plain(r)})
}

// UnmarshalJSON reads what MarshalJSON wrote; a status that this version does not know is [Unknown].
func (r *WorkerReport) UnmarshalJSON(data []byte) error {
	type plain WorkerReport

	status := struct{ Status string }{}
	if err := errors.Join(json.Unmarshal(data, &status), json.Unmarshal(data, (*plain)(r))); err != nil {
		return err
	}
	r.Status = WorkerStatus(max(slices.Index(statusTexts[:], status.Status), 0))

	return nil
}

// Report returns a snapshot of the pool and its workers. It does not block: an attempt that records a transition meanwhile waits
// for the copy of its own worker's events at most.
func (p *WorkerPool) Report() PoolReport {
	p.mu.Lock()
	state := p.stateLocked()
	var supervisors []*supervisor
	if p.current != nil {
		supervisors = p.current.byNameLocked()
	}
	p.mu.Unlock()

	report := PoolReport{At: time.Now(), State: state, Workers: make([]WorkerReport, len(supervisors))}
	for i, s := range supervisors {
		report.Workers[i] = s.execution.report()
	}

	return report
}

// byNameLocked returns the supervisors in the order of their names: the same slice as long as none is launched.
func (g *generation) byNameLocked() []*supervisor {
	if g.byName == nil {
		g.byName = slices.Clone(g.order)
		slices.SortFunc(g.byName, func(a, b *supervisor) int { return cmp.Compare(a.name, b.name) })
	}

	return g.byName
}

// State returns the state of the pool.
func (p *WorkerPool) State() PoolState {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.stateLocked()
}

func (p *WorkerPool) stateLocked() PoolState {
	g := p.currentLocked()

	switch {
	case g == nil:
		return PoolNew
	case !g.stopping:
		return PoolStarted
	}

	select {
	case <-g.stopped:
		return PoolStopped
	default:
		return PoolStopping
	}
}

func (e *WorkerExecution) report() WorkerReport {
	e.mu.Lock()
	defer e.mu.Unlock()

	r := WorkerReport{
		Name:                e.name,
		Status:              e.status,
		ExecutionID:         e.id,
		Attempt:             e.currentExecutionAttempt,
		MaxAttempts:         e.maxExecutionsAttempts,
		ConsecutiveFailures: e.consecutiveFailures,
		Since:               e.since,
		StartedAt:           e.startedAt,
		EndedAt:             e.endedAt,
		NextAttemptAt:       e.nextAttemptAt,
		LastError:           e.lastErrorText,
		LastStack:           e.lastStack,
		StopPoolOnFailure:   e.stopPoolOnFailure,
		GaveUp:              e.gaveUp,
		DroppedEvents:       e.droppedEvents,
		Events:              make([]EventReport, 0, len(e.events)),
	}
	for _, part := range [][]WorkerExecutionEvent{e.events[e.oldest:], e.events[:e.oldest]} {
		for _, event := range part {
			r.Events = append(r.Events, EventReport{event.timestamp, event.executionID, event.message})
		}
	}

	return r
}
