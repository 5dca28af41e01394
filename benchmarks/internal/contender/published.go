package contender

import (
	"context"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
)

// publishedPool is a pool of the published module, through its documented API alone.
type publishedPool struct {
	ctx      context.Context
	pool     *worker.WorkerPool
	registry *prometheus.Registry
}

func newPublished(setup Setup) Group {
	options := []worker.WorkerPoolOption{worker.WithGlobalMaxExecutionsAttempts(max(setup.Attempts, 1))}
	for _, w := range setup.Workers {
		options = append(options, worker.WithWorker(w))
	}

	g := &publishedPool{ctx: setup.context(), registry: prometheus.NewRegistry()}
	g.pool = must(worker.NewDefaultWorkerPoolFactory().Create(options...))
	check(g.pool.Metrics().Register(g.registry))

	return g
}

func (g *publishedPool) Start() { check(g.pool.Start(g.ctx)) }

func (g *publishedPool) Stop() { check(g.pool.Stop()) }

// Report reads what there is to read of an execution but for its events.
func (g *publishedPool) Report() int {
	type state struct {
		id, name, status  string
		attempt, attempts int
	}

	var states []state
	for _, e := range g.pool.Executions() {
		states = append(states, state{
			e.Id(), e.Name(), e.Status().String(), e.CurrentExecutionAttempt(), e.MaxExecutionsAttempts(),
		})
	}

	return len(states)
}

func (g *publishedPool) Metrics() prometheus.Gatherer { return g.registry }
