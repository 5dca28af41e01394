package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// request is what was asked for one worker, and happens once it has ended. The last one wins; the stop of the pool wins over all.
type request int8

const (
	nothingRequested request = iota
	stopRequested
	restartRequested
	removalRequested
)

// StopWorker stops one worker: it cancels its context with the cause [ErrWorkerStopped] and waits until it has ended, but no longer
// than ctx and [WithGlobalStopTimeout] allow; it is not run again before the next Start or RestartWorker.
//
// It returns nil if the worker is not running, an error that names it if it was not registered, and a [*StopError] if it has not
// ended in time; its end is logged then. Called without a bound from inside that worker, or from what the pool calls for it (a
// middleware, the listener, a log writer, an id generator, a backoff, a schedule), it waits for its own caller and never returns;
// the same is true of RestartWorker and Unregister.
func (p *WorkerPool) StopWorker(ctx context.Context, name string) error {
	_, err := p.ask(ctx, name, stopRequested)

	return err
}

// RestartWorker stops one worker as [WorkerPool.StopWorker] does, if it is running, and starts it anew: with a new execution, at
// attempt 1, deferred if its options say so. Two attempts are never alive together.
//
// It is a request that outlives its caller: if the old attempt has not ended in time, it returns a [*StopError], and the worker is
// started anew once it has; so a worker may ask for its own restart. The last request wins: where a StopWorker or Unregister comes
// after it, the worker stays stopped.
//
// It returns an error that names the worker if it was not registered, and [ErrPoolNotStarted] on a pool that is not started or is
// stopping; then nothing was done. When several goroutines restart one worker at once, it may be restarted once for all of them.
func (p *WorkerPool) RestartWorker(ctx context.Context, name string) error {
	old, err := p.ask(ctx, name, restartRequested)
	if err != nil || old == nil {
		return err
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	if g := old.generation; g.supervisors[name] == old && g.state != PoolStarted {
		return ErrPoolNotStarted // the stop of the pool was the last request
	}

	return nil
}

// Unregister stops one worker as [WorkerPool.StopWorker] does, and then forgets it: its registration, its execution, and the series
// of its metrics, unless another worker, or another pool with the same metrics, uses them too. Its name is free then.
//
// It returns an error, and does nothing, if the worker was not registered, or if others depend on it ([WithDependsOn]). One that has
// not ended in time, as a [*StopError] says, is forgotten once it has.
func (p *WorkerPool) Unregister(ctx context.Context, name string) error {
	_, err := p.ask(ctx, name, removalRequested)

	return err
}

// ask makes a request of one worker, and waits until that has ended. It returns the worker that had to end for it, nil if none.
func (p *WorkerPool) ask(ctx context.Context, name string, r request) (*supervisor, error) {
	if ctx == nil {
		return nil, errNilContext
	}

	s, err := p.request(name, r)
	if s == nil {
		return nil, err
	}
	ctx, cancel := p.withStopTimeout(newUserContext(ctx))
	defer cancel()
	ahead := s.generation.stacks.aheadOf(ctx)
	defer ahead.stop()

	select {
	case <-s.leaving():
		return s, nil
	case <-ctx.Done():
	}

	p.mu.Lock()
	m := newMusterLocked(s.generation, s)
	p.mu.Unlock()
	if err := m.stopError(s.generation, ctx.Err(), ahead); err != nil {
		return s, err
	}
	<-s.leaving() // imminent

	return s, nil
}

// request does what can be done at once, or returns the worker that must end before.
func (p *WorkerPool) request(name string, r request) (*supervisor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	planned, ok := p.plans[name]
	if !ok {
		return nil, errNotRegistered(name)
	}
	g := p.currentLocked()
	if err := p.refusalLocked(g, name, r); err != nil {
		return nil, err
	}

	var s *supervisor
	if g != nil {
		s = g.supervisors[name]
	}
	if s != nil && s.alive {
		s.request = r
		s.tell(ErrWorkerStopped)
		return s, nil
	}
	switch r {
	case restartRequested:
		go p.launchLocked(g, planned).body()
	case removalRequested:
		p.forgetLocked(g, planned)
	}

	return nil, nil
}

func (p *WorkerPool) refusalLocked(g *generation, name string, r request) error {
	if r == restartRequested && (g == nil || g.state != PoolStarted) {
		return ErrPoolNotStarted
	}
	if r != removalRequested {
		return nil
	}

	dependents := p.dependentsLocked(name)
	if len(dependents) > 0 {
		return fmt.Errorf("worker %s cannot be unregistered: %s depend on it", name, strings.Join(dependents, ", "))
	}

	return nil
}

// dependentsLocked returns the names of the registered workers that depend on one.
func (p *WorkerPool) dependentsLocked(name string) (dependents []string) {
	for _, other := range p.order {
		if other.name != name && slices.Contains(other.options.DependsOn, name) {
			dependents = append(dependents, other.name)
		}
	}

	return dependents
}

// leaving returns a channel that is closed once the worker has ended.
func (s *supervisor) leaving() <-chan struct{} {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()

	if s.left == nil {
		s.left = make(chan struct{})
		if !s.alive {
			close(s.left)
		}
	}

	return s.left
}

// forgetLocked forgets a worker that has ended, unless another registration has taken its place.
func (p *WorkerPool) forgetLocked(g *generation, planned *plan) {
	if p.plans[planned.name] != planned {
		return
	}
	p.removeLocked(planned)
	p.options.Metrics.leave(planned)

	if g == nil || g.supervisors[planned.name] == nil {
		return
	}
	g.order = slices.Delete(g.order, g.supervisors[planned.name].index, g.supervisors[planned.name].index+1)
	for i, s := range g.order {
		s.index = i
	}
	if at, ok := slices.BinarySearchFunc(g.byName, planned.name, byName); ok {
		g.byName = slices.Delete(g.byName, at, at+1)
	}
	delete(g.supervisors, planned.name)
	if d := g.dependents[planned.name]; d != nil && d.holding == 0 && len(p.dependentsLocked(planned.name)) == 0 {
		delete(g.dependents, planned.name)
	}
}
