package worker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"weak"

	"github.com/rs/zerolog"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// generation is the state of the pool from one Start to the end of its stop.
type generation struct {
	pool      *WorkerPool
	ctx       context.Context // of Start, the parent of the attempts that may end with it
	cancel    context.CancelCauseFunc
	detached  context.Context       // its values alone, the parent of the attempts that are told in their turn
	unwatch   func() bool           // ends the watch on ctx
	startDone <-chan struct{}       // Done of Start's context
	outer     *attempt              // the attempt that Start was called in, nil if none
	logger    *zerolog.Logger       // nil if nothing is logged
	span      oteltrace.SpanContext // of Start's context
	trace     traceIDs              // the same, for log records
	labels    context.Context       // carries the profiler labels of Start's context, and nothing else; nil if there are none
	begun     chan struct{}         // closed when its stop begins
	expired   chan struct{}         // closed when the stop has taken longer than WithGlobalStopTimeout
	ended     chan struct{}         // closed when it has stopped, as the last act of its stop
	stacks    stacks
	startedAt time.Time

	// The pool's mu guards the fields below.
	state       PoolState // PoolStarted, PoolStopping, PoolStopped
	supervisors map[string]*supervisor
	order       []*supervisor // in registration order
	byName      []*supervisor // sorted, nil when it is out of date
	alive       int           // workers that have not ended
	empty       chan struct{} // made by who waits for that, closed when alive becomes 0
	dependents  map[string]*dependents
	firstStage  int
	stop        stopping
	lastMuster  weak.Pointer[muster] // of who gave up last, while that goes on
}

func newGeneration(p *WorkerPool, ctx context.Context) *generation {
	base := newUserContext(ctx)
	g := &generation{
		pool:       p,
		startDone:  base.done,
		labels:     baseLabels(base),
		begun:      make(chan struct{}),
		expired:    make(chan struct{}),
		ended:      make(chan struct{}),
		state:      PoolStarted,
		startedAt:  time.Now(),
		firstStage: math.MaxInt,
	}
	_ = guard(func() { g.logger = baseLogger(base) })
	_ = guard(func() { g.span = oteltrace.SpanContextFromContext(base) })
	g.stacks.isWorker = func(name string) bool { return g.supervisorOf(name) != nil }
	g.outer, g.trace = attemptOf(base), idsOf(g.span)
	g.ctx, g.cancel = context.WithCancelCause(base)
	g.detached = context.WithoutCancel(g.ctx)

	return g
}

// currentLocked returns the generation of the last Start, nil before the first. The end of its context begins its stop, seen here no
// later than by its workers.
func (p *WorkerPool) currentLocked() *generation {
	g := p.current
	if g != nil && g.state == PoolStarted && g.ctx.Err() != nil {
		p.beginStopLocked(g, context.Cause(g.ctx))
	}

	return g
}

// followContext begins the stop of the pool once Start's context is done.
func (g *generation) followContext() {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()

	g.pool.beginStopLocked(g, context.Cause(g.ctx))
}

// aliveNames returns who has not ended.
func (g *generation) aliveNames() (names []string) {
	if g != nil && g.alive > 0 {
		for _, s := range g.order {
			if s.alive {
				names = append(names, s.plan.name)
			}
		}
	}

	return names
}

func errAlreadyStarted(g *generation, alive []string) error {
	if g.state == PoolStarted || len(alive) == 0 {
		return ErrPoolAlreadyStarted
	}

	return fmt.Errorf("%w: still stopping %s", ErrPoolAlreadyStarted, strings.Join(alive, ", "))
}

// launchLocked makes one worker ready to run, in the place of an earlier one of its name.
func (p *WorkerPool) launchLocked(g *generation, planned *plan) *supervisor {
	s := newSupervisor(p, g, planned)

	if old, ok := g.supervisors[planned.name]; ok {
		s.index = old.index
		g.order[s.index] = s
		if at, ok := slices.BinarySearchFunc(g.byName, planned.name, byName); ok {
			g.byName[at] = s
		}
	} else {
		s.index = len(g.order)
		g.order = append(g.order, s)
		g.byName = nil
	}
	g.supervisors[planned.name] = s
	g.alive++
	planned.execution.Store(&s.execution)
	g.awaitDependenciesLocked(s)

	return s
}

func byName(s *supervisor, name string) int {
	return strings.Compare(s.plan.name, name)
}

// workerEnded is the last act of a worker's goroutine. What was asked for while it was ending happens here.
func (p *WorkerPool) workerEnded(s *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()

	g := s.generation
	if s.gaveUp && s.plan.options.StopPoolOnFailure {
		p.beginStopLocked(g, s.failure)
	}

	s.alive = false
	g.waitNoMoreLocked(s)
	relaunch := s.request == restartRequested && p.currentLocked() == g && g.state == PoolStarted
	if relaunch {
		// Before the count of the living goes down: Run and Wait must not take the time between for the end of all workers.
		go p.launchLocked(g, p.plans[s.plan.name]).body()
	} else {
		g.dependencyEndedLocked(s)
	}
	g.releaseLocked(s)
	if s.request == removalRequested {
		p.forgetLocked(g, s.plan)
	}
	if s.left != nil {
		close(s.left)
	}

	g.alive--
	if g.alive == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
	g.advanceLocked()
	p.signalLocked()
}

// supervisors returns those of the last Start in the order of their registration.
func (p *WorkerPool) supervisors() []*supervisor {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.current == nil {
		return nil
	}

	return slices.Clone(p.current.order)
}

// sortedLocked returns the supervisors in the order of their names. They are sorted anew only where there are new names.
func (g *generation) sortedLocked() []*supervisor {
	if g.byName == nil {
		g.byName = slices.Clone(g.order)
		slices.SortFunc(g.byName, func(a, b *supervisor) int { return byName(a, b.plan.name) })
	}

	return slices.Clone(g.byName)
}
