package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Ready tells that the worker of the innermost attempt in ctx is ready to serve ([WithReadiness]): the workers that depend on it
// may begin, and for [WorkerPool.WaitReady] and the readiness probe it is ready. The first call in an attempt counts. Outside of an
// attempt, and once that has ended or is cancelled, it does nothing. It is safe for concurrent use. The first call records the
// transition, log and listener included, on the caller's goroutine; all others cost one atomic load.
func Ready(ctx context.Context) {
	a := attemptOf(ctx)
	if a == nil || a.said.Load() || a.Err() != nil || !a.said.CompareAndSwap(false, true) {
		return
	}

	if w := a.watch; w != nil && a.supervisor.plan.options.Readiness {
		w.do(func() {
			if a.Err() == nil {
				a.supervisor.record(TransitionReady, plain)
			}
		})
	}
}

// missReadiness is called once the attempt has had the time of WithReadiness.
func (w *watch) missReadiness() {
	if s := w.a.supervisor; !w.a.said.Load() && w.a.Err() == nil {
		w.a.cancel(ErrNotReady)
		s.record(TransitionNotReady, &detail{text: s.plan.options.ReadyWithin.String(), err: ErrNotReady, errText: ErrNotReady.Error()})
	}
}

// Health is what probes say of a pool at one moment.
type Health struct {
	State PoolState
	Live  bool // whether the process should go on
	Ready bool // whether it should get traffic

	NotLive  map[string]WorkerStatus // by name, the workers because of which it is not live
	NotReady map[string]WorkerStatus // by name, the workers because of which a started pool is not ready
}

// Health tells whether the pool is live and ready, and which workers are not. It does not block.
//
// A pool is ready between Start and the begin of its stop, while each of its workers is fine. A worker is fine if it is ready
// ([WorkerExecution.Ready]), is optional ([WithOptional]), is deferred, waits for its next attempt without a failure before, or was
// stopped by [WorkerPool.StopWorker]. It is not live while a worker is [Stuck]. It is not live either once a worker with
// [WithStopPoolOnFailure] has given up, unless the pool is stopping. Optional workers do not count.
func (p *WorkerPool) Health() Health {
	state, supervisors := p.look()
	health := Health{State: state, NotLive: map[string]WorkerStatus{}, NotReady: map[string]WorkerStatus{}}

	for _, s := range supervisors {
		status, live, fine := s.execution.health(state == PoolStopping)
		if !live {
			health.NotLive[s.plan.name] = status
		}
		if !fine && state == PoolStarted {
			health.NotReady[s.plan.name] = status
		}
	}
	health.Live = len(health.NotLive) == 0
	health.Ready = state == PoolStarted && len(health.NotReady) == 0

	return health
}

// look returns the state of the pool and its workers at one moment.
func (p *WorkerPool) look() (PoolState, []*supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()

	state := p.stateLocked()
	if p.current == nil {
		return state, nil
	}

	return state, p.current.sortedLocked()
}

// WaitReady waits until the pool is ready, in the sense of [WorkerPool.Health], and returns nil then. On a pool that is not started
// it waits for the start too.
//
// It returns at the first worker that cannot become ready any more, with a [*WorkerError] or [*DependencyError] for each such worker,
// joined; [ErrPoolStopped] once the pool stops or has stopped; or ctx's error, with the names of the workers that are missing.
func (p *WorkerPool) WaitReady(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	ctx = newUserContext(ctx)

	changed := make(chan struct{}, 1)
	p.watchHealth(changed)
	defer p.unwatchHealth(changed)

	for {
		state, missing, err := p.missing()
		switch {
		case state == PoolStopping || state == PoolStopped:
			return joined(appendError([]error{ErrPoolStopped}, err))
		case err != nil:
			return err
		case state == PoolStarted && len(missing) == 0:
			return nil
		}

		select {
		case <-changed:
		case <-ctx.Done():
			return notReady(ctx.Err(), missing)
		}
	}
}

// missing returns which workers are not ready yet, and the errors of those that cannot become it.
func (p *WorkerPool) missing() (state PoolState, names []string, err error) {
	state, supervisors := p.look()
	notFine := slices.DeleteFunc(supervisors, func(s *supervisor) bool {
		_, _, fine := s.execution.health(false)

		return fine
	})

	p.mu.Lock()
	defer p.mu.Unlock()

	var failures []error
	for _, s := range notFine {
		names = append(names, s.plan.name)
		if !s.alive && s.failure != nil && s.generation.supervisors[s.plan.name] == s {
			failures = append(failures, s.failure)
		}
	}

	return state, names, joined(failures)
}

// notReady is the error of a wait that ctx's end has ended.
func notReady(err error, missing []string) error {
	if len(missing) == 0 {
		return fmt.Errorf("%w: worker pool is not started", err)
	}

	return fmt.Errorf("%w: not ready: %s", err, strings.Join(missing, ", "))
}

func (p *WorkerPool) watchHealth(changed chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.watchers == nil {
		p.watchers = map[chan struct{}]bool{}
	}
	p.watchers[changed] = true
	p.watched.Store(true)
}

func (p *WorkerPool) unwatchHealth(changed chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()

	delete(p.watchers, changed)
	p.watched.Store(len(p.watchers) > 0)
}

// healthChanged tells who waits for the pool to be ready that a worker has changed.
func (p *WorkerPool) healthChanged() {
	if p.watched.Load() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.signalLocked()
	}
}

func (p *WorkerPool) signalLocked() {
	for changed := range p.watchers {
		select {
		case changed <- struct{}{}:
		default: // it has a signal already
		}
	}
}
