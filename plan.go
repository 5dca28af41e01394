package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
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

// withLabel adds the profiler label of a worker.
func withLabel(ctx context.Context, name string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(pprofLabel, name))
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
