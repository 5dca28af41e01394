package contender

import (
	"context"

	worker "github.com/ankorstore/yokai/worker/next"
	"github.com/prometheus/client_golang/prometheus"
)

// ourPool is a pool of this repository.
type ourPool struct {
	ctx      context.Context
	pool     *worker.WorkerPool
	registry *prometheus.Registry
}

func newOurs(setup Setup) Group {
	options := []worker.WorkerPoolOption{worker.WithGlobalMaxExecutionsAttempts(max(setup.Attempts, 1))}
	for _, w := range setup.Workers {
		options = append(options, worker.WithWorker(w))
	}

	g := &ourPool{ctx: setup.context(), registry: prometheus.NewRegistry()}
	g.pool = must(worker.NewDefaultWorkerPoolFactory().Create(options...))
	check(g.pool.Metrics().Register(g.registry))

	return g
}

func (g *ourPool) Start() { check(g.pool.Start(g.ctx)) }

func (g *ourPool) Stop() { check(g.pool.Stop()) }

// Report takes a snapshot of the whole pool, all events too.
func (g *ourPool) Report() int { return len(g.pool.Report().Workers) }

func (g *ourPool) Metrics() prometheus.Gatherer { return g.registry }
