package worker

import (
	"context"
	"fmt"
	"maps"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// How a stop goes through a generation: it begins, tells the workers stage after stage, and dependents before what they depend on,
// and finishes once all have ended. Each end takes it further (advanceLocked), so that no goroutine waits for them.

// stopping is how far the stop of a generation is.
type stopping struct {
	cause     error
	at        time.Time
	calls     int         // of Stop and Shutdown
	delay     *time.Timer // until the first are told, nil if there is none
	timeout   *time.Timer // until the stop expires, nil if there is no bound
	ahead     *lookAhead  // of that
	telling   bool
	current   *stage   // whose turn it is, nil before the first
	later     []*stage // whose turn has not come
	finishing bool
	err       error // set before expired is closed

	asked   sync.Once // for the text of the cause, sets the two fields below
	askedAt time.Time
	said    <-chan struct{} // closed once the text is there, or will not come
	text    atomic.Pointer[string]
}

// stage is all workers that stop together.
type stage struct {
	members []*supervisor
	holding int // those that hold the next stage up
}

// beginStopLocked begins to stop a generation, unless that has begun already. No attempt begins in it from then on.
func (p *WorkerPool) beginStopLocked(g *generation, cause error) {
	if g.state != PoolStarted {
		return
	}
	g.state, g.stop.cause, g.stop.at = PoolStopping, cause, time.Now()
	close(g.begun)

	if d := p.options.GlobalStopTimeout; d > 0 {
		g.stop.ahead = g.stacks.ahead(d)
		g.stop.timeout = time.AfterFunc(d, g.expire)
	}
	if d := p.options.GlobalStopDelay; d > 0 && g.alive > 0 {
		g.stop.delay = time.AfterFunc(d, g.endDelay)
	} else {
		g.beginTellingLocked()
	}
	g.advanceLocked()
	p.signalLocked()
}

func (g *generation) endDelay() {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()

	g.beginTellingLocked()
}

// beginTellingLocked begins to tell the workers, the lowest stage first.
func (g *generation) beginTellingLocked() {
	if g.stop.telling {
		return
	}
	g.stop.telling = true

	stages := map[int]*stage{}
	for _, s := range g.order {
		n := s.plan.options.StopStage
		if stages[n] == nil {
			stages[n] = &stage{}
		}
		if s.alive && !s.released {
			s.stage = stages[n]
			s.stage.holding++
		}
		stages[n].members = append(stages[n].members, s)
	}
	for _, n := range slices.Sorted(maps.Keys(stages)) {
		g.stop.later = append(g.stop.later, stages[n])
	}
	g.advanceLocked()
}

// advanceLocked tells the next stage once nobody holds it up any more, and finishes the stop once all workers have ended.
func (g *generation) advanceLocked() {
	if g.state != PoolStopping {
		return
	}

	for stop := &g.stop; len(stop.later) > 0 && (stop.current == nil || stop.current.holding == 0); {
		stop.current, stop.later = stop.later[0], stop.later[1:]
		for _, s := range stop.current.members {
			s.turn = true
			g.tellInTurnLocked(s)
		}
	}
	if g.alive == 0 && !g.stop.finishing {
		g.stop.finishing = true
		go g.finish()
	}
}

// tellInTurnLocked tells a worker to stop, if it is its turn and no other depends on it any more.
func (g *generation) tellInTurnLocked(s *supervisor) {
	if d := g.dependents[s.plan.name]; s.alive && s.turn && (d == nil || d.holding == 0) {
		s.tell(g.stop.cause)
	}
}

// releaseLocked lets a worker hold up nobody any more: it has ended, or is overdue.
func (g *generation) releaseLocked(s *supervisor) {
	if s.released {
		return
	}
	s.released = true

	if s.stage != nil {
		s.stage.holding--
	}
	for _, name := range s.plan.options.DependsOn {
		g.dependents[name].holding--
		if dependency := g.supervisors[name]; dependency != nil && g.state == PoolStopping {
			g.tellInTurnLocked(dependency)
		}
	}
}

// overdue is called when a worker has not ended within its own stop timeout.
func (s *supervisor) overdue() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()

	s.generation.releaseLocked(s)
	s.generation.advanceLocked()
}

// expire is called when the stop has taken longer than WithGlobalStopTimeout.
func (g *generation) expire() {
	err := g.giveUp(context.DeadlineExceeded, g.stop.ahead)
	if err == nil {
		return
	}
	g.stop.err = err

	if g.logger != nil { // first, since a main may end the process with the error; but nobody waits for a log writer that takes long
		await(launch(func() { g.logStragglers(err) }), logPatience)
	}
	close(g.expired)
}

// logPatience is by how much a stop may be late for the records of those who hang.
const logPatience = 5 * time.Millisecond

func (g *generation) logStragglers(err *StopError) {
	for _, stuck := range err.Workers {
		if s := g.supervisorOf(stuck.Name); s != nil {
			s.logStraggler(stuck)
		}
	}
}

func (g *generation) supervisorOf(name string) *supervisor {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()

	return g.supervisors[name]
}

// giveUp waits no longer: it tells all workers, whatever their turn, and returns who has not ended, nil if all have.
func (g *generation) giveUp(cause error, ahead *lookAhead) *StopError {
	since := time.Now()
	g.pool.mu.Lock()
	m, isNew := g.musterLocked(since)
	if isNew {
		g.tellAllLocked()
	}
	g.pool.mu.Unlock()

	return m.stopError(g, cause, ahead)
}

func (g *generation) tellAllLocked() {
	g.stop.telling, g.stop.later = true, nil
	for _, s := range g.order {
		if s.alive {
			s.tell(g.stop.cause)
		}
	}
}

// causeText returns the text of the stop's cause. It is asked for once; where it does not come, the cause's type tells.
func (g *generation) causeText() string {
	if isPlain(g.stop.cause) {
		return g.stop.cause.Error()
	}
	g.stop.asked.Do(func() {
		g.stop.askedAt = time.Now()
		g.stop.said = launch(func() {
			text := textOf(g.stop.cause)
			g.stop.text.Store(&text)
		})
	})
	await(g.stop.said, patience-time.Since(g.stop.askedAt)) // not in asked, whose lock a synctest bubble would not see

	if text := g.stop.text.Load(); text != nil {
		return *text
	}

	return fmt.Sprintf("%T", g.stop.cause)
}

// finish is the last act of a stop. It takes the generation off Start's context, so that this keeps nothing of it.
func (g *generation) finish() {
	pprof.SetGoroutineLabels(context.Background()) // less those of the last worker, which launched it

	detach := func() { g.unwatch(); g.cancel(nil) }
	if g.startDone == nil { // then nothing of Start's context is called
		detach()
	} else {
		briefly(detach)
	}

	g.logEnd()
	g.outer.forgetNested(g.pool)
	g.pool.mu.Lock()
	for _, timer := range []*time.Timer{g.stop.delay, g.stop.timeout} {
		if timer != nil {
			timer.Stop()
		}
	}
	g.stop.ahead.stop()
	g.state = PoolStopped
	g.pool.signalLocked()
	g.pool.mu.Unlock()
	close(g.ended)
}
