package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/pprof"
	"slices"
	"sync"

	"github.com/rs/zerolog"
)

// WorkerPool is the [Worker] pool: it runs each registered worker on a goroutine of its own, from [WorkerPool.Start] to
// [WorkerPool.Stop]. All methods are safe for concurrent use, from inside workers too.
type WorkerPool struct {
	options PoolOptions // except Registrations, which are in plans

	mu       sync.Mutex // guards the fields below, and is not held while a user's code runs
	plans    map[string]*plan
	order    []*plan // the same, in registration order
	problems []error // why the pool cannot be started
	current  *generation
}

// plan is a valid registration, with everything that can be prepared before a start.
type plan struct {
	registration *WorkerRegistration
	name         string
	options      ExecutionOptions
	firstStart   string // the text of the start of the first attempt
	series       *workerSeries
	ownLabel     context.Context // carries the profiler label of the worker, and nothing else
}

// NewWorkerPool returns a new [WorkerPool], with optional [WorkerPoolOption]. What is wrong with them is the error of
// [WorkerPool.Start]; [WorkerPoolFactory.Create] tells it at once.
func NewWorkerPool(options ...WorkerPoolOption) *WorkerPool {
	resolved, problems := resolvePoolOptions(options)
	p := &WorkerPool{options: resolved, plans: map[string]*plan{}, problems: problems}

	seen := map[*WorkerRegistration]bool{}
	for _, registration := range resolved.registered {
		seen[registration] = true
		// One that was replaced, or taken out of the map by another option, is not registered.
		if registration.err != nil || resolved.Registrations[registration.name] == registration {
			p.Register(registration)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(resolved.Registrations)) {
		registration := resolved.Registrations[name]
		if seen[registration] {
			continue
		}
		if registration != nil && registration.name != name {
			p.problems = append(p.problems, fmt.Errorf("registration %q is of worker %q", name, registration.name))
			continue
		}
		p.Register(registration)
	}

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

// Register registers new [WorkerRegistration] onto the [WorkerPool], and returns the pool.
//
// A worker of the same name is replaced. On a started pool the worker is started at once; there, a name whose worker is
// still alive is refused, and the refusal is logged. So is a registration that is not valid; on a pool that is not started,
// Start returns the error from then on.
func (p *WorkerPool) Register(registrations ...*WorkerRegistration) *WorkerPool {
	for _, registration := range registrations {
		if logger, err := p.register(registration); err != nil && logger != nil {
			// A writer's panic or Goexit is not the caller's.
			_ = guard(func() { logger.Error().Err(err).Msg("worker registration refused") })
		}
	}

	return p
}

// register adds a registration. On a running pool a refusal is returned, with the logger for it; otherwise an invalid registration
// becomes an error of Start.
func (p *WorkerPool) register(registration *WorkerRegistration) (*zerolog.Logger, error) {
	planned, err := p.plan(registration)

	p.mu.Lock()
	defer p.mu.Unlock()

	g := p.currentLocked()
	switch {
	case err != nil && (g == nil || g.stopping):
		p.problems = append(p.problems, err)
		return nil, nil
	case err != nil:
		return g.logger, err
	}

	name := registration.name
	if g != nil && g.aliveLocked(name) {
		return g.logger, fmt.Errorf("worker %s is still running", name)
	}

	if old, replaced := p.plans[name]; replaced {
		p.order = slices.DeleteFunc(p.order, func(other *plan) bool { return other == old })
	}
	p.plans[name] = planned
	p.order = append(p.order, planned)

	if g != nil && !g.stopping {
		p.launchLocked(g, planned)
	}

	return nil, nil
}

// plan checks a registration and resolves its options.
func (p *WorkerPool) plan(registration *WorkerRegistration) (*plan, error) {
	if registration == nil {
		return nil, errors.New("nil worker registration")
	}
	if registration.worker == nil {
		return nil, errors.New("nil worker")
	}
	if registration.err != nil {
		return nil, registration.err
	}

	options, err := p.options.executionOptions(registration.options)
	if err != nil {
		return nil, fmt.Errorf("worker %s: %w", registration.name, err)
	}

	return &plan{
		registration: registration,
		name:         registration.name,
		options:      options,
		firstStart:   transitions[starting].message(1, options.MaxExecutionsAttempts, ""),
		series:       p.options.Metrics.of(registration.name),
		ownLabel:     pprof.WithLabels(context.Background(), pprof.Labels(pprofLabel, registration.name)),
	}, nil
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
		return nil, fmt.Errorf("registration for worker %s was not found", name)
	}

	return planned.registration, nil
}

// Executions returns a copy of the [WorkerPool] list of [WorkerExecution], by worker name: those of the last Start, running or
// ended. It is empty before the first. The executions themselves are live.
func (p *WorkerPool) Executions() map[string]*WorkerExecution {
	p.mu.Lock()
	defer p.mu.Unlock()

	executions := map[string]*WorkerExecution{}
	if p.current != nil {
		for name, s := range p.current.supervisors {
			executions[name] = &s.execution
		}
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

// Start starts all [Worker] registered in the [WorkerPool], and does not wait for them. They begin in registration order: each is
// launched once the one before has its first event, or asks a generator of [WithGenerator] for its id.
//
// The workers' contexts derive from ctx: its values and its logger reach them, and once it is done the pool stops, as
// [WorkerPool.Stop] does it but with ctx's own cause. The pool counts as started until it is stopped, even if all its workers have
// ended. After a stop, Start begins anew: with new executions, at attempt 1. Each worker that is not deferred is run at least once,
// even if ctx is done already.
//
// It returns an error and starts nothing if a registration or an option is not valid, or if the pool was started before and
// has not wholly stopped ([ErrPoolAlreadyStarted]); the error names what is wrong, or the workers that have not ended.
func (p *WorkerPool) Start(ctx context.Context) error {
	_, err := p.start(ctx)

	return err
}

func (p *WorkerPool) start(ctx context.Context) (*generation, error) {
	if ctx == nil {
		return nil, errors.New("nil context")
	}

	g := newGeneration(ctx)

	p.mu.Lock()
	defer p.mu.Unlock()

	if err := p.startableLocked(); err != nil {
		g.cancel(err)
		return nil, err
	}

	p.current = g
	g.supervisors = make(map[string]*supervisor, len(p.order))
	g.order = make([]*supervisor, 0, len(p.order))
	for i, planned := range p.order {
		if n := planned.options.StopStage; i == 0 || n < g.firstStage {
			g.firstStage = n
		}
	}
	// One allocation for all is much cheaper than one for each.
	supervisors := make([]supervisor, len(p.order))
	for i, planned := range p.order {
		p.admitLocked(g, planned, &supervisors[i])
		if i > 0 {
			supervisors[i-1].successor = &supervisors[i]
		}
	}
	// Each launches the next with its first event.
	if len(supervisors) > 0 {
		go supervisors[0].run()
	}
	g.unwatch = context.AfterFunc(g.ctx, func() { p.beginStop(g, context.Cause(g.ctx)) })

	return g, nil
}

// invalid returns what is wrong with the pool, nil if nothing is.
func (p *WorkerPool) invalid() error {
	p.mu.Lock()
	defer p.mu.Unlock()

	return errors.Join(p.problems...)
}
