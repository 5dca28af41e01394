package contender

import (
	"context"

	"golang.org/x/sync/errgroup"
)

type errGroup struct {
	setup  Setup
	cancel context.CancelFunc
	group  *errgroup.Group
}

func newErrgroup(setup Setup) Group {
	return &errGroup{setup: setup}
}

func (g *errGroup) Start() {
	ctx, cancel := context.WithCancel(g.setup.context())
	g.cancel = cancel
	g.group, ctx = errgroup.WithContext(ctx)

	for _, w := range g.setup.Workers {
		g.group.Go(func() error { return w.Run(ctx) })
	}
}

func (g *errGroup) Stop() {
	g.cancel()
	_ = g.group.Wait()
}
