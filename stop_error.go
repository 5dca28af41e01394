package worker

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// StopError tells which workers have not stopped in time: with [WithStopStage] and [WithDependsOn] also those that had not been told to
// stop before. It is [ErrStopTimeout], and the error of the context that ended the wait, for [errors.Is].
type StopError struct {
	Workers []StuckWorker // in registration order
	cause   error
}

// StuckWorker is a worker that has not stopped in time.
//
// Its Status is seldom [Stuck], which is about heartbeats. Its Stack tells where its goroutine is, and those that it has started, as of
// the end of the wait. They are found by a profiler label with the name of the worker: so workers of that name in other pools of the
// process are among them. A stack takes time where there are many goroutines, and no stop waits for it: then it is empty.
type StuckWorker struct {
	Name    string
	Status  WorkerStatus
	Running time.Duration // how long its attempt has been running, 0 if none is
	Told    time.Duration // how long ago it was told to stop, 0 if it only now is
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

// newStopErrorLocked returns a [*StopError] with those that have not ended, nil if all have.
func newStopErrorLocked(cause error, supervisors ...*supervisor) *StopError {
	e := &StopError{cause: cause}
	for _, s := range supervisors {
		if s.alive && s.markLate() {
			e.Workers = append(e.Workers, s.stuckWorker())
			s.plan.series.stopTimeouts.Add(1)
		}
	}
	if len(e.Workers) == 0 {
		return nil
	}

	return e
}

func (s *supervisor) stuckWorker() StuckWorker {
	s.mu.Lock()
	toldAt := s.toldAt
	s.mu.Unlock()

	w := StuckWorker{Name: s.plan.name, Status: s.execution.Status(), Running: s.execution.running()}
	if !toldAt.IsZero() {
		w.Told = max(time.Since(toldAt), 1)
	}

	return w
}

// locate finds the stacks, as far as that takes no longer than a stop may be late.
func (e *StopError) locate(g *generation, ahead *lookAhead) {
	names := make([]string, len(e.Workers))
	since := time.Time{}
	for i, w := range e.Workers {
		names[i] = w.Name
		since = laterOf(since, time.Now().Add(-w.Running))
	}
	found := ahead.of(names, since)
	if found == nil {
		found = g.stacks.of(names, since, stopPatience)
	}
	for i := range e.Workers {
		e.Workers[i].Stack = found[e.Workers[i].Name]
	}
}

// errNilContext is what a method says that was called without a context.
var errNilContext = errors.New("nil context")
