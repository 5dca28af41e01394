package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// WorkerPool is the [Worker] pool: it runs each registered worker on goroutines of its own, one at a time, from [WorkerPool.Start]
// to [WorkerPool.Stop]. All methods are safe for concurrent use, from inside workers too.
//
// A pool is made by [NewWorkerPool] or a [WorkerPoolFactory]. The zero value has no workers, takes none and cannot be started.
type WorkerPool struct {
	options PoolOptions       // except Registrations, which are in plans
	shared  *ExecutionOptions // of workers without options of their own, nil if the global ones are not valid together

	mu       sync.Mutex // guards the fields below, and is not held while a user's code runs
	plans    map[string]*plan
	order    []*plan // the same, in registration order
	problems []error // why the pool cannot be started
	refused  []error // registrations since the last Start, told by the next one
	current  *generation
	watchers map[chan struct{}]bool // of [WorkerPool.WaitReady], each of room for one signal

	watched atomic.Bool // whether there are watchers
}

var errNotMade = errors.New("worker pool was not made by NewWorkerPool")

// NewWorkerPool returns a new [WorkerPool], with optional [WorkerPoolOption]. An error in them is returned by [WorkerPool.Start];
// [WorkerPoolFactory.Create] returns it at once.
func NewWorkerPool(options ...WorkerPoolOption) *WorkerPool {
	resolved, problems := resolvePoolOptions(options)
	size := len(resolved.registered)
	p := &WorkerPool{options: resolved, plans: make(map[string]*plan, size), order: make([]*plan, 0, size), problems: problems}

	if shared, err := resolved.executionOptions(nil); err == nil {
		p.shared = shared
	}
	resolved.Metrics.expect(size)
	for _, registration := range resolved.registered {
		// One that was replaced, or taken out of the map by another option, is not registered.
		if registration.err != nil || resolved.Registrations[registration.name] == registration {
			p.problems = appendError(p.problems, p.Add(registration))
		}
	}
	byHand := resolved.byHand()
	for _, name := range slices.Sorted(maps.Keys(byHand)) {
		if registration := byHand[name]; registration != nil && registration.name != name {
			p.problems = append(p.problems, fmt.Errorf("registration %q is of worker %q", name, registration.name))
		} else {
			p.problems = appendError(p.problems, p.Add(registration))
		}
	}
	p.refused = nil // they are among the problems
	p.options.Registrations, p.options.registered = nil, nil

	return p
}

// Options returns a copy of the [PoolOptions] of the [WorkerPool], its registrations as they are now.
func (p *WorkerPool) Options() PoolOptions {
	options := p.options
	options.Registrations = p.Registrations()
	options.GlobalMiddlewares = slices.Clone(options.GlobalMiddlewares)

	return options
}

// Metrics returns the [WorkerPool] internal [WorkerMetrics].
func (p *WorkerPool) Metrics() *WorkerMetrics {
	return p.options.Metrics
}

// Registrations returns a copy of the [WorkerPool] list of [WorkerRegistration], by worker name.
func (p *WorkerPool) Registrations() map[string]*WorkerRegistration {
	p.mu.Lock()
	defer p.mu.Unlock()

	registrations := make(map[string]*WorkerRegistration, len(p.plans))
	for name, planned := range p.plans {
		registrations[name] = planned.registration
	}

	return registrations
}

// Registration returns the [WorkerRegistration] from the [WorkerPool] for a given worker name, or an error that names it if
// there is none.
func (p *WorkerPool) Registration(name string) (*WorkerRegistration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	planned, ok := p.plans[name]
	if !ok {
		return nil, errNotRegistered(name)
	}

	return planned.registration, nil
}

func errNotRegistered(name string) error {
	return fmt.Errorf("registration for worker %s was not found", name)
}

// Executions returns a copy of the [WorkerPool] list of [WorkerExecution], by worker name: those of the last Start, running or
// ended. It is empty before the first. The executions themselves are live.
func (p *WorkerPool) Executions() map[string]*WorkerExecution {
	supervisors := p.supervisors()

	executions := make(map[string]*WorkerExecution, len(supervisors))
	for _, s := range supervisors {
		executions[s.plan.name] = &s.execution
	}

	return executions
}

// Execution returns the live [WorkerExecution] from the [WorkerPool] for a given worker name, or an error that names it if the
// worker was not started.
func (p *WorkerPool) Execution(name string) (*WorkerExecution, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.current != nil {
		if s, ok := p.current.supervisors[name]; ok {
			return &s.execution, nil
		}
	}

	return nil, fmt.Errorf("execution for worker %s was not found", name)
}

// Start starts all [Worker] registered in the [WorkerPool], and does not wait for them ([WorkerPool.WaitReady] does). They begin in
// registration order: each is launched once the one before has its first event.
//
// The workers' contexts derive from ctx: its values and its logger reach them, and once it is done the pool stops, as
// [WorkerPool.Stop] does it but with ctx's own cause. So it must last as long as the pool: the context of a start hook, which ends
// with the start, would stop it again. The pool counts as started until it is stopped, even if all its workers have ended. After a
// stop, Start begins anew: with new executions, at attempt 1.
//
// It returns an error and starts nothing if a registration or an option is not valid, or if the pool was started before and
// has not wholly stopped ([ErrPoolAlreadyStarted]); the error names what is wrong, or the workers that have not ended.
func (p *WorkerPool) Start(ctx context.Context) error {
	_, err := p.start(ctx)

	return err
}

func (p *WorkerPool) start(ctx context.Context) (*generation, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if p.plans == nil {
		return nil, errNotMade
	}

	g := newGeneration(p, ctx)
	first, err := p.startGeneration(g)
	if err != nil {
		g.cancel(nil) // without the lock, since ctx's methods are user code
		return nil, err
	}
	g.logStart()

	// Each launches the next with its first event.
	if first != nil {
		go first.body()
	}

	return g, nil
}

// startGeneration makes the workers ready to run, and returns the first, nil if there is none.
func (p *WorkerPool) startGeneration(g *generation) (first *supervisor, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if err := p.startableLocked(); err != nil {
		return nil, err
	}

	p.current = g
	g.outer.noteNested(p) // before a stop can forget it
	g.supervisors = make(map[string]*supervisor, len(p.order))
	g.order = make([]*supervisor, 0, len(p.order))
	for _, planned := range p.order {
		g.addDependentLocked(planned)
		g.firstStage = min(g.firstStage, planned.options.StopStage)
	}
	var before *supervisor
	for _, planned := range p.order {
		s := p.launchLocked(g, planned)
		if before != nil {
			before.successor = s
		} else {
			first = s
		}
		before = s
	}
	g.unwatch = context.AfterFunc(g.ctx, g.followContext)
	p.signalLocked()

	return first, nil
}

// startableLocked returns why the pool cannot be started now, nil if it can.
func (p *WorkerPool) startableLocked() error {
	if alive := p.currentLocked().aliveNames(); len(alive) > 0 || p.current != nil && p.current.state != PoolStopped {
		return errAlreadyStarted(p.current, alive)
	}
	refused := p.refused
	p.refused = nil
	if problems := slices.Concat(p.problems, refused); len(problems) > 0 {
		return joined(problems)
	}

	return checkGraph(p.plans, p.order, true)
}

// invalid returns what is wrong with the pool, nil if nothing is.
func (p *WorkerPool) invalid() error {
	p.mu.Lock()
	defer p.mu.Unlock()

	return joined(appendError(slices.Clone(p.problems), checkGraph(p.plans, p.order, false)))
}
