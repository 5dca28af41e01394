package contender

import (
	"context"
	"sync"
)

// goroutines is what one writes without any library.
type goroutines struct {
	setup  Setup
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newGoroutines(setup Setup) Group {
	return &goroutines{setup: setup}
}

func (g *goroutines) Start() {
	ctx, cancel := context.WithCancel(g.setup.context())
	g.cancel = cancel

	for _, w := range g.setup.Workers {
		g.wg.Go(func() { _ = w.Run(ctx) })
	}
}

func (g *goroutines) Stop() {
	g.cancel()
	g.wg.Wait()
}
