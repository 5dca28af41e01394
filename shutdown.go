package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// StopError tells which workers have not stopped in time. It is [ErrStopTimeout], and the error of the context that ended the
// wait, for [errors.Is].
type StopError struct {
	Workers []StuckWorker // in registration order
	cause   error
}

// StuckWorker is a worker that has not stopped in time.
type StuckWorker struct {
	Name    string
	Status  WorkerStatus
	Running time.Duration // how long its attempt has been running, 0 if none is
	Stack   string        // where its goroutine is, and those that it has started, as of the end of the wait
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

// Stop gracefully stops all [Worker] registered in the [WorkerPool]: it cancels their contexts and waits until each has ended.
// When it returns nil, nothing of the pool runs any more, and nothing is restarted.
//
// It is [WorkerPool.Shutdown] without a context of its own: it waits for as long as a worker ignores its context, but no longer
// than [WithGlobalStopTimeout]. Called from inside a worker of the pool without that bound, it waits for itself.
func (p *WorkerPool) Stop() error {
	return p.Shutdown(context.Background())
}

// Shutdown stops the pool: it cancels the contexts of its workers with the cause [ErrPoolStopped], stage after stage
// ([WithStopStage]), and waits until each has ended, but no longer than ctx and [WithGlobalStopTimeout] allow.
//
// It returns nil once nothing of the pool runs any more: at once on a pool that was never started or has stopped. If ctx is done
// before, all stages are cancelled, and it returns a [*StopError] with the workers that have not ended: called from inside a
// worker, that one too. They are waited for no more, but not forgotten: the end of each is logged, another Shutdown waits for them
// again, and Start is refused until they have ended. It may be called from many goroutines: each waits for the same stop.
func (p *WorkerPool) Shutdown(ctx context.Context) error {
	if ctx == nil {
		return errors.New("nil context")
	}

	p.mu.Lock()
	g := p.current
	p.mu.Unlock()

	if g == nil {
		return nil
	}

	return p.shutdown(ctx, g)
}

func (p *WorkerPool) shutdown(ctx context.Context, g *generation) error {
	ctx, cancel := p.withStopTimeout(ctx)
	defer cancel()

	p.beginStop(g, ErrPoolStopped)

	select {
	case <-g.stopped:
		return nil
	case <-ctx.Done():
	}

	for _, stage := range g.stages {
		stage.cancel(ErrPoolStopped)
	}

	return p.newStopError(ctx, g.order...)
}

func (p *WorkerPool) withStopTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if d := p.options.GlobalStopTimeout; d > 0 {
		return context.WithTimeout(ctx, d)
	}

	return context.WithCancel(ctx)
}

// newStopError returns a [*StopError] with those that have not ended, nil if all have.
func (p *WorkerPool) newStopError(ctx context.Context, supervisors ...*supervisor) error {
	e := &StopError{cause: ctx.Err()}
	var where map[string]string

	for _, s := range supervisors {
		if !s.overdue() {
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

// await waits until nobody is left behind a gate, or returns false once quit is closed.
func (p *WorkerPool) await(g *gate, quit <-chan struct{}) bool {
	for {
		p.mu.Lock()
		alive, left := g.alive, g.left()
		p.mu.Unlock()

		// Others may have entered since it was last empty.
		if alive == 0 {
			return true
		}

		select {
		case <-left:
		case <-quit:
			return false
		}
	}
}

// beginStop begins to stop a generation, unless that has begun already. Nothing is started in it from then on.
func (p *WorkerPool) beginStop(g *generation, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.beginStopLocked(g, cause)
}

func (p *WorkerPool) beginStopLocked(g *generation, cause error) {
	if !g.stopping {
		g.stopping = true
		close(g.quit)
		go p.stop(g, cause)
	}
}

// stop cancels stage after stage and waits for each.
func (p *WorkerPool) stop(g *generation, cause error) {
	defer close(g.stopped)

	for _, n := range slices.Sorted(maps.Keys(g.stages)) {
		g.stages[n].cancel(cause)
		p.await(&g.stages[n].gate, nil)
	}

	g.unwatch()
	g.cancel(nil)
}

// Wait waits until every worker has ended, or ctx is done. It returns a [*WorkerError] for each worker that has ended in [Error],
// joined in registration order, or ctx's error if that was first.
//
// It does not stop anything. On a pool that was never started it returns nil at once; after a stop, the errors of the workers as
// they have ended. Workers that are registered or restarted meanwhile are waited for too.
func (p *WorkerPool) Wait(ctx context.Context) error {
	if ctx == nil {
		return errors.New("nil context")
	}

	p.mu.Lock()
	g := p.current
	p.mu.Unlock()

	if g == nil {
		return nil
	}
	if !p.await(&g.gate, ctx.Done()) {
		return ctx.Err()
	}

	return p.failures(g)
}

// failures returns the errors of the workers that have ended in Error.
func (p *WorkerPool) failures(g *generation) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	var failures []error
	for _, s := range g.order {
		if s.gate.alive == 0 && s.failure != nil {
			failures = append(failures, s.failure)
		}
	}

	return errors.Join(failures...)
}

// Run runs the pool until ctx is done, every worker has ended, or one stops the pool ([WithStopPoolOnFailure]): it is Start, the
// wait for that, and Shutdown, bounded by [WithGlobalStopTimeout].
//
// It returns the error of Start, or a [*WorkerError] for each worker that has ended in [Error], in registration order, joined with
// the [*StopError] if some have not ended. That ctx was cancelled is no error. With [os/signal.NotifyContext] it is a whole main,
// and as the Run of a worker it nests pools.
func (p *WorkerPool) Run(ctx context.Context) error {
	g, err := p.start(ctx)
	if err != nil {
		return err
	}

	p.await(&g.gate, g.quit)
	stopErr := p.shutdown(context.WithoutCancel(ctx), g)

	return errors.Join(p.failures(g), stopErr)
}

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

// RestartWorker stops one worker as [WorkerPool.StopWorker] does, if it is running, and starts it afresh: with a new execution, at
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
	if err := p.stopWorker(ctx, old); err != nil {
		return err
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	if g == nil || g.stopping {
		return ErrPoolNotStarted
	}
	if g.supervisors[name] == old {
		p.launchLocked(g, p.plans[name], &supervisor{})
	}

	return nil
}

// supervisor returns who runs a worker, nil if nobody does.
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
