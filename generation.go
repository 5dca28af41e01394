package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"
)

// generation is the state of the pool from one Start to the end of its stop.
type generation struct {
	ctx     context.Context // the parent of the workers' contexts
	cancel  context.CancelCauseFunc
	unwatch func() bool // ends the watch on ctx
	logger  *zerolog.Logger
	labels  context.Context // carries the profiler labels of Start's context, and nothing else; nil if there are none
	quit    chan struct{}   // closed when it begins to stop
	stopped chan struct{}   // closed when it has stopped, as the last act of its stop
	stacks  recentStacks

	// The pool's mu guards the fields below, which stay as they are once the generation is stopping.
	supervisors map[string]*supervisor
	order       []*supervisor // in registration order
	byName      []*supervisor // see byNameLocked
	stages      map[int]*stage
	firstStage  int
	stopping    bool
	cause       error // of the stop

	gate gate // guarded by the pool's mu, as those of the stages are
}

// stage is the context of all workers that stop together.
type stage struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	gate   gate
}

func newGeneration(ctx context.Context) *generation {
	g := &generation{
		logger:  baseLogger(ctx),
		labels:  baseLabels(ctx),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
		stages:  map[int]*stage{},
	}
	g.ctx, g.cancel = context.WithCancelCause(ctx)

	return g
}

// lastGeneration returns the generation of the last Start, nil before the first.
func (p *WorkerPool) lastGeneration() *generation {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.currentLocked()
}

// currentLocked returns the generation of the last Start, nil before the first. The end of its context begins its stop, seen here no
// later than by its workers.
func (p *WorkerPool) currentLocked() *generation {
	g := p.current
	if g != nil && g.ctx.Err() != nil {
		p.beginStopLocked(g, context.Cause(g.ctx))
	}

	return g
}

// startableLocked returns why the pool cannot be started now, nil if it can.
func (p *WorkerPool) startableLocked() error {
	if len(p.problems) > 0 {
		return errors.Join(p.problems...)
	}
	g := p.currentLocked()
	if g == nil {
		return nil
	}
	if !g.stopping {
		return ErrPoolAlreadyStarted
	}

	var alive []string
	for _, s := range g.order {
		if s.gate.alive > 0 {
			alive = append(alive, s.name)
		}
	}
	if len(alive) > 0 {
		return fmt.Errorf("%w: still stopping %s", ErrPoolAlreadyStarted, strings.Join(alive, ", "))
	}

	return nil
}

// launchLocked starts one worker.
func (p *WorkerPool) launchLocked(g *generation, planned *plan) {
	s := &supervisor{}
	p.admitLocked(g, planned, s)
	go s.run()
}

// admitLocked makes one worker ready to run, in the place of an earlier one of its name.
func (p *WorkerPool) admitLocked(g *generation, planned *plan, s *supervisor) {
	s.init(p, g, planned)

	if old, ok := g.supervisors[s.name]; ok {
		s.index = old.index
		g.order[s.index] = s
	} else {
		s.index = len(g.order)
		g.order = append(g.order, s)
	}
	g.supervisors[s.name] = s
	g.byName = nil

	s.gate.enter()
	s.stage.gate.enter()
	g.gate.enter()
	planned.series.launched.Store(true)
}

// workerEnded is the last act of a worker's goroutine.
func (p *WorkerPool) workerEnded(s *supervisor) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if s.gaveUp && s.options.StopPoolOnFailure {
		p.beginStopLocked(s.generation, s.failure)
	}
	s.gate.leave()
	s.stage.gate.leave()
	s.generation.gate.leave()
}

// stageLocked returns a stage, and makes it the first time. The first stage ends with the context of Start, as its child; the
// others are cancelled in their turn.
func (g *generation) stageLocked(n int) *stage {
	if made, ok := g.stages[n]; ok {
		return made
	}

	parent := g.ctx
	if n > g.firstStage {
		parent = context.WithoutCancel(parent)
	}

	made := &stage{}
	made.ctx, made.cancel = context.WithCancelCause(parent)
	g.stages[n] = made

	return made
}

func (g *generation) aliveLocked(name string) bool {
	s, ok := g.supervisors[name]

	return ok && s.gate.alive > 0
}
