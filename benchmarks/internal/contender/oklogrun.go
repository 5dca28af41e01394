package contender

import (
	"context"

	"github.com/oklog/run"
)

// oklogRun has a context for each actor, as its documentation shows: an interrupt is for one actor.
type oklogRun struct {
	cancel context.CancelFunc
	group  run.Group
	done   chan struct{} // closed once Run has returned
}

func newOklogRun(setup Setup) Group {
	ctx, cancel := context.WithCancel(setup.context())
	g := &oklogRun{cancel: cancel, done: make(chan struct{})}

	for _, w := range setup.Workers {
		own, interrupt := context.WithCancel(ctx)
		g.group.Add(func() error { return w.Run(own) }, func(error) { interrupt() })
	}

	return g
}

func (g *oklogRun) Start() {
	go func() {
		defer close(g.done)
		_ = g.group.Run()
	}()
}

func (g *oklogRun) Stop() {
	g.cancel()
	<-g.done
}
