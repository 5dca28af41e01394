package worker

import (
	"context"
	"errors"
)

// StopWorker stops one worker: it cancels its context with the cause [ErrWorkerStopped] and waits until it has ended, but no longer
// than ctx and [WithGlobalStopTimeout] allow; it is not run again before the next Start or RestartWorker.
//
// It returns nil if the worker is not running, an error that names it if it was not registered, and a [*StopError] if it has not
// ended in time; its end is logged then.
func (p *WorkerPool) StopWorker(ctx context.Context, name string) error {
	if ctx == nil {
		return errors.New("nil context")
	}
	if _, err := p.Registration(name); err != nil {
		return err
	}

	_, s := p.supervisor(name)

	return p.stopWorker(ctx, s)
}

// RestartWorker stops one worker as [WorkerPool.StopWorker] does, if it is running, and starts it anew: with a new execution, at
// attempt 1, deferred if its options say so. Two attempts are never alive together: if the old one has not ended in time, it
// returns a [*StopError] and starts nothing.
//
// It returns an error that names the worker if it was not registered, and [ErrPoolNotStarted] on a pool that is not started or is
// stopping. When several goroutines restart one worker at once, it may be restarted once for all of them.
func (p *WorkerPool) RestartWorker(ctx context.Context, name string) error {
	if ctx == nil {
		return errors.New("nil context")
	}
	if _, err := p.Registration(name); err != nil {
		return err
	}

	g, old := p.supervisor(name)
	if g == nil {
		return ErrPoolNotStarted
	}

	// Run and Wait must not take the time between the two executions for the end of all workers.
	p.mu.Lock()
	g.gate.enter()
	p.mu.Unlock()

	err := p.stopWorker(ctx, old)

	p.mu.Lock()
	defer p.mu.Unlock()
	defer g.gate.leave()

	switch {
	case err != nil:
		return err
	case p.currentLocked() != g || g.stopping:
		return ErrPoolNotStarted
	case g.supervisors[name] == old:
		p.launchLocked(g, p.plans[name])
	}

	return nil
}

// supervisor returns the last generation and its supervisor of a worker; nil where there is none.
func (p *WorkerPool) supervisor(name string) (*generation, *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.current == nil {
		return nil, nil
	}

	return p.current, p.current.supervisors[name]
}

func (p *WorkerPool) stopWorker(ctx context.Context, s *supervisor) error {
	if s == nil {
		return nil
	}

	ctx, cancel := p.withStopTimeout(ctx)
	defer cancel()

	s.requestStop()
	if p.await(&s.gate, ctx.Done()) {
		return nil
	}

	return p.newStopError(ctx, s)
}
