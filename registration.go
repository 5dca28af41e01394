package worker

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/rs/zerolog"
)

// WorkerRegistration is a [Worker] registration, with optional [WorkerExecutionOption]. It never changes once made, and may
// be registered on several pools.
type WorkerRegistration struct {
	worker  Worker
	options []WorkerExecutionOption
	name    string // what Name returned, the one time it was asked
	err     error  // why the worker cannot be registered, nil if it can
}

// NewWorkerRegistration returns a new [WorkerRegistration] for a given [Worker] and an optional list of
// [WorkerExecutionOption].
//
// It calls the worker's Name, this once. A nil worker, an empty name and a Name that panics are errors of
// [WorkerPoolFactory.Create], [WorkerPool.Add] or [WorkerPool.Start], whichever is called first for the pool that it is registered
// on.
func NewWorkerRegistration(worker Worker, options ...WorkerExecutionOption) *WorkerRegistration {
	r := &WorkerRegistration{worker: worker, options: slices.Clone(options)}
	r.name, r.err = readName(worker)

	return r
}

// Worker returns the [Worker] of the [WorkerRegistration].
func (r *WorkerRegistration) Worker() Worker {
	return r.worker
}

// Options returns a copy of the list of [WorkerExecutionOption] of the [WorkerRegistration].
func (r *WorkerRegistration) Options() []WorkerExecutionOption {
	return slices.Clone(r.options)
}

// readName asks a worker for its name, once.
func readName(worker Worker) (name string, err error) {
	if worker == nil {
		return "", errors.New("nil worker")
	}

	if err := guard(func() { name = worker.Name() }); err != nil {
		return "", fmt.Errorf("name of worker %T: %w", worker, err)
	}

	if name == "" {
		return "", fmt.Errorf("worker %T has an empty name", worker)
	}

	// The package's own workers were given more that may be wrong.
	if w, ok := worker.(interface{ invalid() error }); ok {
		var wrong error
		err := guard(func() { wrong = w.invalid() }) // of a nil pointer to what embeds one, say
		if err == nil {
			err = wrong
		}
		if err != nil {
			return "", fmt.Errorf("worker %s: %w", name, err)
		}
	}

	return name, nil
}

// Register registers new [WorkerRegistration] onto the [WorkerPool], and returns the pool: it is [WorkerPool.Add] for each, and logs
// what that refuses.
func (p *WorkerPool) Register(registrations ...*WorkerRegistration) *WorkerPool {
	for _, registration := range registrations {
		if err := p.Add(registration); err != nil {
			p.logRefusal(err)
		}
	}

	return p
}

// Add registers a new [WorkerRegistration], and returns an error that says why where it is refused; then nothing has changed.
//
// A worker of the same name is replaced. On a started pool the worker is started at once; there, a name whose worker is still alive
// is refused, and so is a worker that depends on one that is not registered. On a pool that is not started, the error of an invalid
// registration is also returned by the next Start, once: [WorkerPool.Register] has no other way to tell it.
func (p *WorkerPool) Add(registration *WorkerRegistration) error {
	if p.plans == nil {
		return errNotMade
	}
	planned, err := p.plan(registration)

	p.mu.Lock()
	defer p.mu.Unlock()

	g := p.currentLocked()
	running := g != nil && g.state == PoolStarted
	if err != nil {
		if !running {
			p.refused = append(p.refused, err)
		}
		return err
	}
	if err := p.admissibleLocked(g, planned); err != nil {
		return err
	}

	p.placeLocked(planned)
	if running {
		go p.launchLocked(g, planned).body()
	}

	return nil
}

// admissibleLocked returns why a plan cannot take its place, nil if it can.
func (p *WorkerPool) admissibleLocked(g *generation, planned *plan) error {
	if g == nil {
		return nil
	}
	if s, ok := g.supervisors[planned.name]; ok && s.alive {
		return fmt.Errorf("worker %s is still running", planned.name)
	}
	if g.state != PoolStarted {
		return nil // Start will check the whole
	}
	if len(planned.options.DependsOn) == 0 && !g.depended(planned.name) {
		return nil
	}

	plans := maps.Clone(p.plans)
	plans[planned.name] = planned

	return checkGraph(plans, slices.Collect(maps.Values(plans)), true)
}

// placeLocked puts a plan into the place of an earlier one of its name.
func (p *WorkerPool) placeLocked(planned *plan) {
	planned.series = p.options.Metrics.join(planned)
	if old, replaced := p.plans[planned.name]; replaced {
		planned.execution.Store(old.execution.Load()) // which the pool tells of until the next start
		p.removeLocked(old)
		p.options.Metrics.leave(old)
	}
	p.plans[planned.name] = planned
	p.order = append(p.order, planned)
}

func (p *WorkerPool) removeLocked(old *plan) {
	delete(p.plans, old.name)
	p.order = slices.DeleteFunc(p.order, func(other *plan) bool { return other == old })
}

// logRefusal tells of a registration that was refused.
func (p *WorkerPool) logRefusal(err error) {
	p.mu.Lock()
	g := p.current
	p.mu.Unlock()

	if g != nil && g.logger != nil {
		briefly(func() {
			event := g.logger.Error()
			if guard(func() { event.Err(err) }) != nil {
				event = g.logger.Error().Str(zerolog.ErrorFieldName, textOf(err))
			}
			event.Msg("worker registration refused")
		})
	}
}
