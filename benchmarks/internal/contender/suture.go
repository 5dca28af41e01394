package contender

import (
	"context"
	"math"
	"time"

	"github.com/thejerf/suture/v4"
)

// sutureGroup is one supervisor that restarts at once, however often.
type sutureGroup struct {
	setup      Setup
	supervisor *suture.Supervisor
	cancel     context.CancelFunc
	done       <-chan error
}

func newSuture(setup Setup) Group {
	hook := func(suture.Event) {}
	if setup.Logger != nil {
		hook = func(e suture.Event) { setup.Logger.Error().Fields(e.Map()).Msg("service event") }
	}

	g := &sutureGroup{setup: setup, supervisor: suture.New("benchmark", suture.Spec{
		EventHook:        hook,
		FailureThreshold: math.MaxFloat64,
		Timeout:          time.Hour,
	})}
	for _, w := range setup.Workers {
		g.supervisor.Add(w)
	}

	return g
}

func (g *sutureGroup) Start() {
	ctx, cancel := context.WithCancel(g.setup.context())
	g.cancel = cancel
	g.done = g.supervisor.ServeBackground(ctx)
}

func (g *sutureGroup) Stop() {
	g.cancel()
	<-g.done
}
