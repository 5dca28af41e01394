// Package healthcheck reports the workers of a pool to yokai's health checker.
package healthcheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ankorstore/yokai/healthcheck"
	"github.com/ankorstore/yokai/worker"
)

// DefaultProbeName is the name of a [WorkerProbe] that was given no other.
const DefaultProbeName = "worker"

// WorkerProbe is a [healthcheck.CheckerProbe] on all workers of a pool. It is safe for concurrent use, but for SetName.
type WorkerProbe struct {
	name string
	pool *worker.WorkerPool
}

// NewWorkerProbe returns a new [WorkerProbe] on a pool.
func NewWorkerProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{name: DefaultProbeName, pool: pool}
}

// Name returns the name of the [WorkerProbe], [DefaultProbeName] unless it was set.
func (p *WorkerProbe) Name() string {
	return p.name
}

// SetName sets the name of the [WorkerProbe]. It must not be called once the probe is in use.
func (p *WorkerProbe) SetName(name string) *WorkerProbe {
	p.name = name

	return p
}

// Check fails where the status of a worker is unknown or error, and succeeds on a pool that was never started. Its message
// is "NAME: STATUS" of each worker, sorted by name and joined by a comma. It does not block.
func (p *WorkerProbe) Check(context.Context) *healthcheck.CheckerProbeResult {
	executions := p.pool.Executions()
	success := true
	messages := make([]string, 0, len(executions))

	for _, name := range slices.Sorted(maps.Keys(executions)) {
		status := executions[name].Status()
		if status == worker.Unknown || status == worker.Error {
			success = false
		}

		messages = append(messages, fmt.Sprintf("%s: %s", name, status))
	}

	return healthcheck.NewCheckerProbeResult(success, strings.Join(messages, ", "))
}
