package worker

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// PoolReport is a snapshot of a pool: values only, ready for JSON. Times are RFC 3339, and left out where there is none.
type PoolReport struct {
	At      time.Time      `json:"at"` // when the report was made
	State   PoolState      `json:"state"`
	Cause   string         `json:"cause,omitempty"` // why the pool stops, or has stopped
	Workers []WorkerReport `json:"workers"`         // sorted by name, those of the last Start
}

// WorkerReport is a snapshot of one worker, consistent in itself.
type WorkerReport struct {
	Name                string       `json:"name"`
	Status              WorkerStatus `json:"-"`           // in JSON its text, as "status"
	ExecutionID         string       `json:"executionId"` // of the current attempt
	Attempt             int          `json:"attempt"`     // 0 before the first
	MaxAttempts         int          `json:"maxAttempts"` // or UnlimitedExecutionsAttempts
	ConsecutiveFailures int          `json:"consecutiveFailures"`
	Since               time.Time    `json:"since,omitzero"`     // when the status was reached
	StartedAt           time.Time    `json:"startedAt,omitzero"` // of the current attempt
	EndedAt             time.Time    `json:"endedAt,omitzero"`
	NextAttemptAt       time.Time    `json:"nextAttemptAt,omitzero"`
	LastError           string       `json:"lastError,omitempty"` // of the last attempt that failed, 4 KiB of it at most
	LastErrorAt         time.Time    `json:"lastErrorAt,omitzero"`
	LastSuccessAt       time.Time    `json:"lastSuccessAt,omitzero"`
	LastStack           string       `json:"lastStack,omitempty"` // of the last panic, Goexit or missed heartbeat
	StopPoolOnFailure   bool         `json:"stopPoolOnFailure"`
	GaveUp              bool         `json:"gaveUp"` // failed for the last time, not stopped
	Ready               bool         `json:"ready"`  // see [WorkerExecution.Ready]
	Fine                bool         `json:"fine"`   // false if the pool is not ready because of it, see [WorkerPool.Health]
	Live                bool         `json:"live"`   // false if the pool is not live because of it
	Optional            bool         `json:"optional"`
	TimedOut            bool         `json:"timedOut,omitempty"` // its attempt has timed out ([WithAttemptTimeout]), and has not returned
	DependsOn           []string     `json:"dependsOn,omitempty"`
	WaitingFor          []string     `json:"waitingFor,omitempty"` // those that have not been ready yet
	Cause               string       `json:"cause,omitempty"`      // why it was told to stop

	Heartbeat  float64   `json:"heartbeat,omitempty"` // the timeout in seconds, 0 for none
	LastBeatAt time.Time `json:"lastBeatAt,omitzero"` // to a tenth of that
	Calls      int64     `json:"calls,omitempty"`     // of a [PeriodicWorker], in this execution
	LastCallAt time.Time `json:"lastCallAt,omitzero"` // when the last one began
	NextCallAt time.Time `json:"nextCallAt,omitzero"` // when the next one is due

	Scheduled bool              `json:"scheduled,omitempty"` // whether it has a schedule
	Runs      []RunReport       `json:"runs,omitempty"`      // of the schedule: the last 20, the oldest first
	Options   map[string]string `json:"options,omitempty"`   // what else is not the default, for people
	Nested    []PoolReport      `json:"nested,omitempty"`    // of the pools that were started in its current attempt

	DroppedEvents int           `json:"droppedEvents"`
	Events        []EventReport `json:"events"` // the oldest first
}

// RunReport is one run of a worker with a schedule, its retries included.
type RunReport struct {
	StartedAt   time.Time    `json:"startedAt"`
	EndedAt     time.Time    `json:"endedAt,omitzero"` // of its last attempt, none while that is running
	Status      WorkerStatus `json:"-"`                // Running, or how its last attempt has ended; in JSON its text, as "status"
	ExecutionID string       `json:"executionId"`      // of its last attempt
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

	return unmarshalWithStatus(data, (*plain)(r), &r.Status)
}

// MarshalJSON writes the status as its text.
func (r RunReport) MarshalJSON() ([]byte, error) {
	type plain RunReport

	return json.Marshal(struct {
		Status string `json:"status"`
		plain
	}{r.Status.String(), plain(r)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *RunReport) UnmarshalJSON(data []byte) error {
	type plain RunReport

	return unmarshalWithStatus(data, (*plain)(r), &r.Status)
}

// unmarshalWithStatus reads a value and its status, which is kept where the data has none, as null has.
func unmarshalWithStatus(data []byte, to any, status *WorkerStatus) error {
	text := struct{ Status *string }{}
	if err := errors.Join(json.Unmarshal(data, &text), json.Unmarshal(data, to)); err != nil {
		return err
	}
	if text.Status != nil {
		*status = WorkerStatus(max(slices.Index(statusTexts[:], *text.Status), 0))
	}

	return nil
}

// Report returns a snapshot of the pool and its workers. It does not block. An attempt that records a transition at that moment
// waits for the copy of its own worker's events at most.
func (p *WorkerPool) Report() PoolReport {
	report := PoolReport{At: time.Now()}

	p.mu.Lock()
	report.State = p.stateLocked()
	var supervisors []*supervisor
	var waiting map[string][]string
	g := p.current
	stopped := g != nil && g.stop.cause != nil
	if g != nil {
		supervisors, waiting = g.sortedLocked(), g.waitingLocked()
	}
	p.mu.Unlock()

	if stopped {
		report.Cause = kept(g.causeText())
	}
	report.Workers = make([]WorkerReport, len(supervisors))
	for i, s := range supervisors {
		s.execution.report(&report.Workers[i], report.State == PoolStopping, s.generation)
		report.Workers[i].WaitingFor = waiting[s.plan.name]
		report.Workers[i].Nested = s.nestedReports()
	}

	return report
}

// waitingLocked returns what workers wait for, by their names.
func (g *generation) waitingLocked() map[string][]string {
	if len(g.dependents) == 0 {
		return nil
	}

	waiting := map[string][]string{}
	for _, s := range g.order {
		if s.alive && s.needs != nil && s.needs.failure == nil && len(s.needs.missing) > 0 {
			waiting[s.plan.name] = slices.Clone(s.needs.missing)
		}
	}

	return waiting
}

// nestedReports returns the reports of the pools that were started in the current attempt.
func (s *supervisor) nestedReports() (reports []PoolReport) {
	s.mu.Lock()
	a := s.attempt
	s.mu.Unlock()

	if a != nil {
		for _, inner := range a.nestedPools() {
			reports = append(reports, inner.Report())
		}
	}

	return reports
}

// State returns the state of the pool.
func (p *WorkerPool) State() PoolState {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.stateLocked()
}

func (p *WorkerPool) stateLocked() PoolState {
	if g := p.currentLocked(); g != nil {
		return g.state
	}

	return PoolNew
}

// report takes a snapshot of the execution in a generation. What has told the worker to stop is a request, or that generation's stop.
func (e *WorkerExecution) report(r *WorkerReport, leaving bool, g *generation) {
	var few [4]event // for most
	e.mu.Lock()
	e.factsLocked(r)
	r.Live, r.Fine = e.healthLocked(leaving)
	for _, run := range e.runs {
		r.Runs = append(r.Runs, RunReport{run.startedAt, run.endedAt, run.status, run.executionID})
	}
	all, cause := e.events.all(few[:0]), e.stopCause
	e.mu.Unlock()

	switch {
	case cause == nil:
	case same(cause, ErrWorkerStopped):
		r.Cause = ErrWorkerStopped.Error()
	default:
		r.Cause = kept(g.causeText())
	}
	r.DependsOn = slices.Clone(e.options.DependsOn)
	r.Options = e.options.told()
	r.Events = make([]EventReport, len(all))
	for i := range all {
		r.Events[i] = EventReport{all[i].at, all[i].executionID, all[i].message()}
	}
}

// factsLocked reports what needs neither the events nor user code.
func (e *WorkerExecution) factsLocked(r *WorkerReport) {
	failure := e.lastFailureLocked()

	r.Name = e.name
	r.Status = e.status
	r.ExecutionID = e.id
	r.Attempt = e.currentExecutionAttempt
	r.MaxAttempts = e.maxExecutionsAttempts
	r.ConsecutiveFailures = e.consecutiveFailures
	r.Since = e.since
	r.StartedAt = e.startedAt
	r.EndedAt = e.endedAt
	r.NextAttemptAt = e.nextAttemptAt
	r.LastError = failure.text
	r.LastErrorAt = failure.at
	r.LastSuccessAt = e.lastSuccessAt
	r.LastStack = failure.stack
	r.StopPoolOnFailure = e.options.StopPoolOnFailure
	r.GaveUp = e.gaveUp
	r.Ready = e.readyLocked()
	r.Optional = e.options.Optional
	r.TimedOut = e.timedOutLocked()
	r.Heartbeat = max(e.options.Heartbeat, 0).Seconds()
	r.LastBeatAt = e.lastBeatAt
	r.Calls = e.calls.n.Load()
	r.LastCallAt = timeOf(e.calls.last.Load())
	r.NextCallAt = timeOf(e.calls.next.Load())
	r.Scheduled = e.options.Schedule != nil
	r.DroppedEvents = e.events.dropped
}

// timedOutLocked reports whether an attempt has had all the time that it may have, and has not returned.
func (e *WorkerExecution) timedOutLocked() bool {
	timeout := e.options.AttemptTimeout

	return timeout > 0 && (e.status == Running || e.status == Stuck) && time.Since(e.startedAt) >= timeout
}
