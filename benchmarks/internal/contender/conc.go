package contender

import (
	"context"

	"github.com/sourcegraph/conc"
)

type concGroup struct {
	setup  Setup
	cancel context.CancelFunc
	wg     conc.WaitGroup
}

func newConc(setup Setup) Group {
	return &concGroup{setup: setup}
}

func (g *concGroup) Start() {
	ctx, cancel := context.WithCancel(g.setup.context())
	g.cancel = cancel

	for _, w := range g.setup.Workers {
		g.wg.Go(func() { _ = w.Run(ctx) })
	}
}

func (g *concGroup) Stop() {
	g.cancel()
	g.wg.Wait()
}
