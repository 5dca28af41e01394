package worker

import (
	"context"
	"errors"
)

// Stop gracefully stops all [Worker] registered in the [WorkerPool]: it cancels their contexts and waits until each has ended.
// When it returns nil, nothing of the pool runs any more, and nothing is restarted.
//
// It is [WorkerPool.Shutdown] without a context of its own: it waits for as long as a worker ignores its context, but no longer
// than [WithGlobalStopTimeout]. Called without that bound from inside the pool (a worker, a middleware, its listener, a log writer,
// an id generator, a backoff, a schedule), it waits for its own caller and never returns.
func (p *WorkerPool) Stop() error {
	return p.Shutdown(context.Background())
}

// Shutdown stops the pool: it cancels the contexts of its workers with the cause [ErrPoolStopped], stage after stage
// ([WithStopStage]) and dependents before what they depend on ([WithDependsOn]), and waits until each has ended, but no longer than ctx
// and [WithGlobalStopTimeout] allow. [WithGlobalStopDelay] lets it tell them later; a second call tells them at once.
//
// It returns nil once nothing of the pool runs any more: at once on a pool that was never started or has stopped. If the time is
// over before that, it tells the workers that were not told yet, and returns a [*StopError] with all that have not ended; called
// from inside a worker, with that one too. It no longer waits for them, but they are not forgotten: the end of each is logged,
// another Shutdown waits for them again, and Start is refused until they have ended. It may be called from many goroutines: each
// waits for the same stop.
func (p *WorkerPool) Shutdown(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}

	p.mu.Lock()
	g := p.currentLocked()
	if g != nil {
		p.beginStopLocked(g, ErrPoolStopped)
		if g.stop.calls++; g.stop.calls > 1 {
			g.beginTellingLocked()
		}
	}
	p.mu.Unlock()
	if g == nil {
		return nil
	}

	return p.awaitStop(ctx, g)
}

// awaitStop waits for the end of a stop that has begun, but no longer than ctx and the stop itself allow. A stop that has expired is
// waited for anew.
func (p *WorkerPool) awaitStop(ctx context.Context, g *generation) error {
	ctx = newUserContext(ctx)
	expired := g.expired
	if isClosed(expired) {
		bounded, cancel := p.withStopTimeout(ctx)
		defer cancel()
		ctx, expired = bounded, nil
	}

	ahead := g.stacks.aheadOf(ctx)
	defer ahead.stop()

	select {
	case <-g.ended:
	case <-expired:
		if g.isAlive() {
			return g.stop.err
		}
	case <-ctx.Done():
		if err := g.giveUp(ctx.Err(), ahead); err != nil {
			return err
		}
	}
	<-g.ended // if not yet, soon, since nobody is left

	return nil
}

func (g *generation) isAlive() bool {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()

	return g.alive > 0
}

func (p *WorkerPool) withStopTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if d := p.options.GlobalStopTimeout; d > 0 {
		return context.WithTimeout(ctx, d)
	}

	return context.WithCancel(ctx)
}

// Wait waits until every worker has ended, or ctx is done. It returns a [*WorkerError] or [*DependencyError] for each worker that has
// ended in [Error], joined in registration order, or ctx's error if that was first. Where a stop takes longer than
// [WithGlobalStopTimeout], it waits no longer than that, and the [*StopError] is joined too.
//
// It does not stop anything. On a pool that was never started it returns nil at once; after a stop it returns the errors of the
// workers that have failed. Workers that are registered or restarted meanwhile are waited for too.
func (p *WorkerPool) Wait(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	ctx = newUserContext(ctx)

	p.mu.Lock()
	g := p.currentLocked()
	p.mu.Unlock()
	if g == nil {
		return nil
	}
	if !g.awaitAll(ctx.Done(), g.expired) && !isClosed(g.expired) {
		return ctx.Err()
	}

	return p.result(g)
}

// awaitAll waits until all workers have ended, or returns false once one of the channels is closed.
func (g *generation) awaitAll(quit, orQuit <-chan struct{}) bool {
	for {
		g.pool.mu.Lock()
		if g.alive > 0 && g.empty == nil {
			g.empty = make(chan struct{})
		}
		alive, empty := g.alive, g.empty
		g.pool.mu.Unlock()

		// Others may have begun since all had ended.
		if alive == 0 {
			return true
		}
		select {
		case <-empty:
		case <-quit:
			return false
		case <-orQuit:
			return false
		}
	}
}

// result returns the errors of the workers that have ended in Error, and of a stop that has expired and goes on.
func (p *WorkerPool) result(g *generation) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	var failures []error
	for _, s := range g.order {
		if !s.alive && s.failure != nil {
			failures = append(failures, s.failure)
		}
	}
	if g.alive > 0 && isClosed(g.expired) {
		failures = append(failures, g.stop.err)
	}

	return errors.Join(failures...)
}

// Run runs the pool until ctx is done, every worker has ended, or one stops the pool ([WithStopPoolOnFailure]): it is Start, the
// wait for that, and Shutdown, bounded by [WithGlobalStopTimeout].
//
// It returns the error of Start, or a [*WorkerError] or [*DependencyError] for each worker that has ended in [Error], in registration
// order, joined with the [*StopError] if some have not ended. That ctx was cancelled is no error. With [os/signal.NotifyContext] it is
// a whole main, and as the Run of a worker it nests pools.
func (p *WorkerPool) Run(ctx context.Context) error {
	g, err := p.start(ctx)
	if err != nil {
		return err
	}

	g.awaitAll(g.begun, nil)
	p.mu.Lock()
	p.beginStopLocked(g, ErrPoolStopped)
	p.mu.Unlock()

	select {
	case <-g.ended:
	case <-g.expired:
	}

	return p.result(g)
}
