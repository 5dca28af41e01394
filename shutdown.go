package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Stop gracefully stops all [Worker] registered in the [WorkerPool]: it cancels their contexts and waits until each has ended.
// When it returns nil, nothing of the pool runs any more, and nothing is restarted.
//
// It is [WorkerPool.Shutdown] without a context of its own: it waits for as long as a worker ignores its context, but no longer
// than [WithGlobalStopTimeout]. Called without that bound from inside a worker of the pool, or from its listener, it waits for itself.
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

	g := p.lastGeneration()
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

	// Before the later stages are cancelled, so that the error lists every worker that is still running now.
	err := p.newStopError(ctx, g.order...)
	for _, stage := range g.stages {
		stage.cancel(g.cause)
	}
	if err != nil {
		return err
	}
	<-g.stopped // imminent, since nobody is left

	return nil
}

func (p *WorkerPool) withStopTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if d := p.options.GlobalStopTimeout; d > 0 {
		return context.WithTimeout(ctx, d)
	}

	return context.WithCancel(ctx)
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
		g.stopping, g.cause = true, cause
		close(g.quit)
		go p.stop(g)
	}
}

// stop cancels stage after stage and waits for each.
func (p *WorkerPool) stop(g *generation) {
	defer close(g.stopped)

	for _, n := range slices.Sorted(maps.Keys(g.stages)) {
		g.stages[n].cancel(g.cause)
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

	g := p.lastGeneration()
	if g == nil {
		return nil
	}
	if !p.await(&g.gate, ctx.Done()) {
		return ctx.Err()
	}

	return errors.Join(p.failures(g)...)
}

// failures returns the errors of the workers that have ended in Error.
func (p *WorkerPool) failures(g *generation) []error {
	p.mu.Lock()
	defer p.mu.Unlock()

	var failures []error
	for _, s := range g.order {
		if s.gate.alive == 0 && s.failure != nil {
			failures = append(failures, s.failure)
		}
	}

	return failures
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

	return errors.Join(append(p.failures(g), stopErr)...)
}
