package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/ankorstore/yokai/generate/uuid"
)

// plan is a valid registration, with everything that can be prepared before a start.
type plan struct {
	registration *WorkerRegistration
	name         string
	options      *ExecutionOptions // never written to; those without any of their own share the pool's
	series       *workerSeries
	labels       context.Context                 // carries the profiler labels of the worker, and nothing else
	execution    atomic.Pointer[WorkerExecution] // the last one, nil before the first
}

// plan checks a registration and resolves its options.
func (p *WorkerPool) plan(registration *WorkerRegistration) (*plan, error) {
	if registration == nil {
		return nil, errors.New("nil worker registration")
	}
	if registration.err != nil {
		return nil, registration.err
	}
	if registration.worker == nil {
		return nil, errors.New("nil worker")
	}

	planned := &plan{registration: registration, name: registration.name, options: p.shared}
	if len(registration.options) > 0 || p.shared == nil {
		var err error
		if planned.options, err = p.options.executionOptions(registration.options); err != nil {
			return nil, fmt.Errorf("worker %s: %w", registration.name, err)
		}
	}
	planned.labels = withLabel(context.Background(), registration.name)

	return planned, nil
}

// resolvePoolOptions applies options to the defaults, and returns what is wrong with them.
func resolvePoolOptions(options []WorkerPoolOption) (PoolOptions, []error) {
	o := DefaultWorkerPoolOptions()
	o.Registrations = make(map[string]*WorkerRegistration, len(options))
	var problems []error

	for i, option := range options {
		if option == nil {
			problems = append(problems, fmt.Errorf("pool option %d is nil", i+1))
		} else if err := guard(func() { option(&o) }); err != nil {
			problems = append(problems, fmt.Errorf("pool option %d: %w", i+1, err))
		}
	}

	return o, append(problems, o.normalize()...)
}

// normalize puts the defaults into the place of what is nil or not valid, and returns what is not.
func (o *PoolOptions) normalize() (problems []error) {
	if o.Metrics != nil && o.Metrics.families == nil {
		problems = append(problems, errMetrics)
		o.Metrics = nil
	}
	if o.Metrics == nil {
		o.Metrics = NewWorkerMetrics(DefaultMetricsNamespace, DefaultMetricsSubsystem)
	}
	if isNil(o.Generator) {
		o.Generator = uuid.NewDefaultUuidGenerator()
	}
	if isNil(o.TracerProvider) {
		o.TracerProvider = nil
	}
	if o.GlobalRestartPolicy != RestartOnFailure && o.GlobalRestartPolicy != RestartAlways {
		problems = append(problems, fmt.Errorf("unknown global restart policy %d", o.GlobalRestartPolicy))
		o.GlobalRestartPolicy = RestartOnFailure
	}
	if i := slices.Index(o.GlobalMiddlewares, nil); i >= 0 {
		problems = append(problems, fmt.Errorf("global middleware %d is nil", i+1))
		o.GlobalMiddlewares = nil
	}
	if math.IsNaN(o.GlobalDeferredStartThreshold) {
		problems = append(problems, errors.New("global deferred start threshold is not a number"))
		o.GlobalDeferredStartThreshold = DefaultDeferredStartThreshold
	}

	return problems
}

// byHand returns the registrations that an option of a user's has put into the map, by name.
func (o *PoolOptions) byHand() map[string]*WorkerRegistration {
	isTheirs := func(r *WorkerRegistration) bool { return o.Registrations[r.name] != r }
	if len(o.registered) == len(o.Registrations) && !slices.ContainsFunc(o.registered, isTheirs) {
		return nil // nearly always, and without a copy
	}

	theirs := maps.Clone(o.Registrations)
	for _, registration := range o.registered {
		if !isTheirs(registration) {
			delete(theirs, registration.name)
		}
	}

	return theirs
}

// executionOptions returns the options of one worker: the global ones, then its own in order.
func (o *PoolOptions) executionOptions(own []WorkerExecutionOption) (*ExecutionOptions, error) {
	options := DefaultWorkerExecutionOptions()
	e := &options
	e.DeferredStartThreshold = o.GlobalDeferredStartThreshold
	e.MaxExecutionsAttempts = o.GlobalMaxExecutionsAttempts
	e.Middlewares = append(e.Middlewares, o.GlobalMiddlewares...)
	e.Backoff = o.GlobalBackoff
	e.HealthyAfter = o.GlobalHealthyAfter
	e.RestartPolicy = o.GlobalRestartPolicy
	e.RestartLimit, e.RestartLimitWithin = o.GlobalRestartLimit, o.GlobalRestartLimitWithin
	e.AttemptTimeout = o.GlobalAttemptTimeout
	e.StopErrors = o.GlobalStopErrors

	for i, option := range own {
		if option == nil {
			return nil, fmt.Errorf("option %d is nil", i+1)
		}
		if err := guard(func() { option(e) }); err != nil {
			return nil, fmt.Errorf("option %d: %w", i+1, err)
		}
	}

	e.ownRestartPolicy = e.ownRestartPolicy || e.RestartPolicy != o.GlobalRestartPolicy
	if len(own) > 0 {
		e = e.clone()
	}

	return e, e.normalize()
}

// clone returns a copy of options, since an option may have kept what it was given.
func (o *ExecutionOptions) clone() *ExecutionOptions {
	own := *o
	own.Middlewares = slices.Clone(o.Middlewares)

	return &own
}

// checkGraph returns what is wrong with the dependencies of plans. Names that nobody has registered are wrong only where all must be
// known.
func checkGraph(plans map[string]*plan, order []*plan, allKnown bool) error {
	if !slices.ContainsFunc(order, func(one *plan) bool { return len(one.options.DependsOn) > 0 }) {
		return nil
	}

	var problems []error
	state := map[string]int{} // 1 on the way, 2 done

	var visit func(path []string, one *plan)
	visit = func(path []string, one *plan) {
		if state[one.name] == 2 {
			return
		}
		if state[one.name] == 1 {
			cycle := append(path[slices.Index(path, one.name):], one.name)
			problems = append(problems, fmt.Errorf("dependency cycle: %s", strings.Join(cycle, " -> ")))
			return
		}

		state[one.name] = 1
		for _, name := range one.options.DependsOn {
			dependency, ok := plans[name]
			switch {
			case name == one.name:
				problems = append(problems, fmt.Errorf("worker %s depends on itself", name))
			case ok:
				problems = appendError(problems, checkStages(one, dependency))
				visit(append(path, one.name), dependency)
			case allKnown:
				problems = append(problems, fmt.Errorf("worker %s depends on %s, which is not registered", one.name, name))
			}
		}
		state[one.name] = 2
	}
	for _, one := range order {
		visit(nil, one)
	}

	return joined(problems)
}

func checkStages(dependent, dependency *plan) error {
	if dependent.options.StopStage <= dependency.options.StopStage {
		return nil
	}

	return fmt.Errorf("worker %s of stop stage %d depends on %s of stop stage %d, which would stop before it",
		dependent.name, dependent.options.StopStage, dependency.name, dependency.options.StopStage)
}

func appendError(all []error, err error) []error {
	if err != nil {
		all = append(all, err)
	}

	return all
}
