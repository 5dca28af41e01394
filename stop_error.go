package worker

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// StopError tells which workers have not stopped in time: with [WithStopStage] also those of later stages, which had not been told to
// stop yet. It is [ErrStopTimeout], and the error of the context that ended the wait, for [errors.Is].
type StopError struct {
	Workers []StuckWorker // in registration order
	cause   error
}

// StuckWorker is a worker that has not stopped in time.
//
// Its Status is seldom [Stuck], which is about heartbeats. Its Stack tells where its goroutine is, and those that it has started, as of
// the end of the wait. They are found by their profiler label, "worker", which is the name: so workers of that name in other pools of
// the process are among them.
type StuckWorker struct {
	Name    string
	Status  WorkerStatus
	Running time.Duration // how long its attempt has been running, 0 if none is
	Stack   string
}

// Error names the workers that have not stopped, and says for how long each has been running.
func (e *StopError) Error() string {
	names := make([]string, len(e.Workers))
	for i, w := range e.Workers {
		names[i] = fmt.Sprintf("%s (%s for %s)", w.Name, w.Status, w.Running)
		if w.Running == 0 {
			names[i] = fmt.Sprintf("%s (%s)", w.Name, w.Status)
		}
	}

	return fmt.Sprintf("%v: still running: %s", ErrStopTimeout, strings.Join(names, ", "))
}

// Unwrap returns [ErrStopTimeout] and the error of the context that ended the wait.
func (e *StopError) Unwrap() []error {
	return []error{ErrStopTimeout, e.cause}
}

// newStopError returns a [*StopError] with those that have not ended, nil if all have.
func (p *WorkerPool) newStopError(ctx context.Context, supervisors ...*supervisor) error {
	e := &StopError{cause: ctx.Err()}
	var where map[string]string

	for _, s := range supervisors {
		if !s.markOverdue() {
			p.await(&s.gate, nil)
			continue
		}
		if where == nil {
			where = stacks()
		}
		e.Workers = append(e.Workers, StuckWorker{s.name, s.execution.Status(), s.execution.running(), where[s.name]})
	}

	if len(e.Workers) == 0 {
		return nil
	}

	return e
}
