package worker

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"
)

// StopError tells which workers have not stopped in time. With [WithStopStage] and [WithDependsOn] some of them may have been told
// to stop only when the time was over. [errors.Is] finds [ErrStopTimeout] in it, and the error of the context that ended the wait.
type StopError struct {
	Workers []StuckWorker // in registration order
	cause   error
}

// StuckWorker is a worker that has not stopped in time.
//
// Its Status is that of its execution: despite the name of the type it is seldom [Stuck], which only a missed heartbeat makes it.
// Its Stack shows its goroutine, and those that it has started, at the end of the wait. They are found by a profiler label with the
// name of the worker, so goroutines of workers of that name in other pools of the process are among them. In a process with many
// goroutines a stack takes time, and no stop waits for it: Stack is empty then.
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

// muster is a look at who has not ended when a stop gives up.
type muster struct {
	began   time.Time
	alive   int           // how many workers of the generation were
	late    []*supervisor // those who have not ended
	workers []StuckWorker // the same, for a StopError
	located sync.Once     // whether their stacks were looked for
}

func newMusterLocked(g *generation, supervisors ...*supervisor) *muster {
	m := &muster{began: time.Now(), alive: g.alive}
	for _, s := range supervisors {
		if s.alive && s.markLate() {
			m.late = append(m.late, s)
			m.workers = append(m.workers, s.stuckWorker())
		}
	}

	return m
}

// musterLocked musters all workers; or returns the muster of another one who gave up later than its caller did, and before anybody has
// ended: with thousands of workers, those who give up at once need not do it one after the other.
func (g *generation) musterLocked(since time.Time) (m *muster, isNew bool) {
	if m = g.lastMuster.Value(); m != nil && m.began.After(since) && m.alive == g.alive {
		return m, false
	}
	m = newMusterLocked(g, g.order...)
	g.lastMuster = weak.Make(m)

	return m, true
}

// stopError returns a [*StopError] with those that have not ended, nil if all have.
func (m *muster) stopError(g *generation, cause error, ahead *lookAhead) *StopError {
	if len(m.late) == 0 {
		return nil
	}
	for _, s := range m.late {
		s.plan.series.stopTimeouts.add(1, time.Now())
	}
	m.located.Do(func() { m.locate(g, ahead) })

	return &StopError{Workers: slices.Clone(m.workers), cause: cause}
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
func (m *muster) locate(g *generation, ahead *lookAhead) {
	names := make([]string, len(m.workers))
	since := time.Time{}
	for i, w := range m.workers {
		names[i] = w.Name
		since = laterOf(since, time.Now().Add(-w.Running))
	}
	found := ahead.of(names, since)
	if found == nil {
		found = g.stacks.of(names, since, stopPatience)
	}
	for i := range m.workers {
		m.workers[i].Stack = found[m.workers[i].Name]
	}
}
