package worker

import (
	"context"
	"runtime/pprof"
	"time"

	"github.com/ankorstore/yokai/generate/uuid"
)

// How a supervisor is made, launched and stopped: all of it that is not a step.

func (s *supervisor) init(p *WorkerPool, g *generation, planned *plan) {
	s.plan, s.pool, s.generation = planned, p, g
	s.stage = g.stageLocked(planned.options.StopStage)
	s.goroutineLabels = planned.ownLabel
	if g.labels != nil {
		s.goroutineLabels = pprof.WithLabels(g.labels, pprof.Labels(pprofLabel, planned.name))
	}
	s.renewContext()

	// Made here, these do not grow the stack of the worker's goroutine: an idle worker should fit into the smallest. Done makes its
	// channel. The default generator is not user code, so it may be called here.
	s.ctx.Done()
	if own, ok := p.options.Generator.(*uuid.DefaultUuidGenerator); ok {
		s.id = own.Generate()
	}
	s.execution.init(s.id, planned.name, &planned.options, p.options.GlobalMaxEvents)
}

// launchSuccessor launches the worker that was registered after this one, once: so the workers of a Start begin in order.
func (s *supervisor) launchSuccessor() {
	if s.successor != nil {
		go s.successor.run()
		s.successor = nil
	}
}

// renewContext makes the context of the coming attempt. It is a child of the stage's, so that nothing nests.
func (s *supervisor) renewContext() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.ctx, s.cancel = context.WithCancelCause(s.stage.ctx)
	if s.stopped {
		s.cancel(ErrWorkerStopped)
	}
}

// requestStop makes the worker end.
func (s *supervisor) requestStop() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.stopped = true
	s.cancel(ErrWorkerStopped)
}

// stopping reports whether the worker must end. It asks the contexts, never the error that a worker returned.
func (s *supervisor) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.stopped || s.stage.ctx.Err() != nil
}

// mayRunAgain reports whether another attempt may follow. None does once the pool has begun to stop, even if a running worker may go
// on until it is its stage's turn.
func (s *supervisor) mayRunAgain() bool {
	select {
	case <-s.generation.quit:
		return false
	case <-s.generation.ctx.Done():
		return false
	default:
		return !s.stopping()
	}
}

// finished stands in overdueSince for a worker that has nothing more to record.
const finished = -1

// markOverdue notes that a stop has given up waiting for the worker, so that its end will be recorded. It returns false if the worker
// has finished already.
func (s *supervisor) markOverdue() bool {
	return s.overdueSince.CompareAndSwap(0, time.Now().UnixNano()) || s.overdueSince.Load() != finished
}
