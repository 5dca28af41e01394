package worker

import (
	"fmt"
	"slices"
	"strings"
)

// A worker with dependencies waits until each has been ready once. Each that becomes ready, or ends without, tells those that wait for
// it: nobody polls. The pool's mu guards all of it.

// DependencyError is the error of a worker that was not run, because one that it depends on has ended without having been ready.
type DependencyError struct {
	Worker     string // its name
	Dependency string // the name of the one that it depends on
	Err        error  // what that has ended with: a [*WorkerError], another DependencyError, or [ErrWorkerStopped]
}

// Error names the worker and its dependency, and says what that has ended with.
func (e *DependencyError) Error() string {
	return e.textWith(textOf(e.Err))
}

func (e *DependencyError) textWith(failure string) string {
	return fmt.Sprintf("worker %s: dependency %s failed: %s", e.Worker, e.Dependency, failure)
}

// Unwrap returns what the dependency has ended with.
func (e *DependencyError) Unwrap() error {
	return e.Err
}

// dependents are the workers that depend on one, by its name, whatever becomes of that.
type dependents struct {
	holding int           // those that it must outlive in a stop
	waiting []*supervisor // those that wait for it to be ready
	ready   bool          // whether it has been, in its execution
}

// needs is what a worker waits for.
type needs struct {
	missing []string
	met     chan struct{} // closed once nothing is missing, or failure is set
	failure *DependencyError
	text    string // of the failure, made of texts alone
}

// addDependentLocked makes room for what a plan depends on.
func (g *generation) addDependentLocked(planned *plan) {
	for _, name := range planned.options.DependsOn {
		if g.dependents == nil {
			g.dependents = map[string]*dependents{}
		}
		if g.dependents[name] == nil {
			g.dependents[name] = &dependents{}
			if s := g.supervisors[name]; s != nil {
				s.depended.Store(true) // before it is asked, so that one of the two sees the other
				g.dependents[name].ready = s.execution.wasReady()
			}
		}
	}
}

// depended reports whether a worker of the generation depends on the named one.
func (g *generation) depended(name string) bool {
	return g.dependents[name] != nil
}

// awaitDependenciesLocked lets a worker hold up what it depends on, and notes what of that has not been ready.
func (g *generation) awaitDependenciesLocked(s *supervisor) {
	g.addDependentLocked(s.plan)
	if d := g.dependents[s.plan.name]; d != nil {
		s.depended.Store(true)
		d.ready = false // a new execution
	}

	for _, name := range s.plan.options.DependsOn {
		d := g.dependents[name]
		d.holding++
		if d.ready {
			continue
		}
		if s.needs == nil {
			s.needs = &needs{met: make(chan struct{})}
		}
		s.needs.missing = append(s.needs.missing, name)
		d.waiting = append(d.waiting, s)
		if dependency := g.supervisors[name]; dependency != nil && !dependency.alive {
			s.failNeedsLocked(dependency)
		}
	}
}

// dependencyReady tells those who wait for a worker that it has become ready.
func (s *supervisor) dependencyReady() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()

	d := s.generation.dependents[s.plan.name]
	if d == nil || s.generation.supervisors[s.plan.name] != s {
		return
	}
	d.ready = true
	waiting := d.waiting
	d.waiting = nil
	for _, dependent := range waiting {
		dependent.meetLocked(s.plan.name)
	}
}

func (s *supervisor) meetLocked(name string) {
	n := s.needs
	n.missing = slices.DeleteFunc(n.missing, func(other string) bool { return other == name })
	if len(n.missing) == 0 && n.failure == nil {
		close(n.met)
	}
}

// waitNoMoreLocked forgets what a worker that has ended has waited for.
func (g *generation) waitNoMoreLocked(s *supervisor) {
	if s.needs == nil {
		return
	}
	for _, name := range s.needs.missing {
		if d := g.dependents[name]; d != nil {
			d.waiting = slices.DeleteFunc(d.waiting, func(other *supervisor) bool { return other == s })
		}
	}
}

// dependencyEndedLocked tells those who still wait for a worker that it has ended.
func (g *generation) dependencyEndedLocked(s *supervisor) {
	d := g.dependents[s.plan.name]
	if d == nil {
		return
	}
	waiting := d.waiting
	d.waiting = nil
	for _, dependent := range waiting {
		dependent.failNeedsLocked(s)
	}
}

func (s *supervisor) failNeedsLocked(dependency *supervisor) {
	if s.needs.failure != nil {
		return
	}
	err := dependency.failure
	if err == nil {
		err = ErrWorkerStopped
	}
	s.needs.failure = &DependencyError{Worker: s.plan.name, Dependency: dependency.plan.name, Err: err}
	s.needs.text = s.needs.failure.textWith(dependency.failureText())
	close(s.needs.met)
}

// failureText is the text of what a worker has ended with, which must not ask a user's error for it under the pool's lock.
func (s *supervisor) failureText() string {
	text := s.execution.lastFailure().text
	failure, own := s.failure.(*WorkerError)
	switch {
	case s.failure == nil:
		return ErrWorkerStopped.Error()
	case !own:
		return text
	}
	if _, panicked := failure.Err.(*PanicError); panicked {
		text = panicText + text
	}

	return "worker " + s.plan.name + ": " + text
}

// awaitDependencies announces the wait for the workers that this one depends on, if one of them has not been ready yet.
func (s *supervisor) awaitDependencies() {
	s.next = (*supervisor).deferStart
	if s.needs == nil {
		return
	}

	s.pool.mu.Lock()
	missing := slices.Clone(s.needs.missing)
	s.pool.mu.Unlock()

	s.next = (*supervisor).awaitNeeds
	if len(missing) > 0 && s.mayBegin() {
		s.record(TransitionPending, &detail{text: strings.Join(missing, ", ")})
	}
}

// awaitNeeds waits for them.
func (s *supervisor) awaitNeeds() {
	s.next = (*supervisor).deferStart
	select {
	case <-s.needs.met:
	case <-s.waking():
	case <-s.generation.begun:
	}

	s.pool.mu.Lock()
	failure := s.needs.failure
	s.pool.mu.Unlock()

	switch {
	case !s.mayBegin():
		s.endBefore(TransitionStoppedWhileDeferred)
	case failure != nil:
		s.next = (*supervisor).finish
		s.failure, s.gaveUp = failure, true
		s.record(TransitionDependencyFailed, &detail{text: failure.Dependency, err: failure, errText: s.needs.text})
	}
}
