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

// The names of the probes, unless SetName sets another one.
const (
	DefaultProbeName          = "worker"
	DefaultLivenessProbeName  = "worker-liveness"
	DefaultReadinessProbeName = "worker-readiness"
)

// WorkerProbe is a [healthcheck.CheckerProbe] on all workers of a pool. It is safe for concurrent use, except SetName.
type WorkerProbe struct {
	name string
	pool *worker.WorkerPool
}

// NewWorkerProbe returns a new [WorkerProbe] on a pool: it fails where the status of a worker is unknown or error, and succeeds on
// a pool that was never started. Its message is "NAME: STATUS" of each worker, sorted by name and joined by a comma.
func NewWorkerProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{name: DefaultProbeName, pool: pool}
}

// Name returns the name of the [WorkerProbe], "worker" unless it was set.
func (p *WorkerProbe) Name() string {
	return p.name
}

// SetName sets the name of the [WorkerProbe].
func (p *WorkerProbe) SetName(name string) *WorkerProbe {
	p.name = name

	return p
}

// Check checks the workers as they are now. It does not block.
func (p *WorkerProbe) Check(context.Context) *healthcheck.CheckerProbeResult {
	success := true
	statuses := map[string]worker.WorkerStatus{}
	for name, execution := range p.pool.Executions() {
		status := execution.Status()
		statuses[name] = status
		success = success && status != worker.Unknown && status != worker.Error
	}

	return healthcheck.NewCheckerProbeResult(success, message(statuses))
}

// WorkerLivenessProbe is a [healthcheck.CheckerProbe] that tells whether the process should go on. It is safe for concurrent use,
// except SetName.
type WorkerLivenessProbe struct {
	name string
	pool *worker.WorkerPool
}

// NewWorkerLivenessProbe returns a new [WorkerLivenessProbe] on a pool. It fails while [worker.WorkerPool.Health] says that the
// pool is not live. Its message then lists the workers that are the reason, in the form of [NewWorkerProbe].
func NewWorkerLivenessProbe(pool *worker.WorkerPool) *WorkerLivenessProbe {
	return &WorkerLivenessProbe{name: DefaultLivenessProbeName, pool: pool}
}

// Name returns the name of the [WorkerLivenessProbe], "worker-liveness" unless it was set.
func (p *WorkerLivenessProbe) Name() string {
	return p.name
}

// SetName sets the name of the [WorkerLivenessProbe].
func (p *WorkerLivenessProbe) SetName(name string) *WorkerLivenessProbe {
	p.name = name

	return p
}

// Failing returns the status of each worker that fails the probe, by name, and whether the probe succeeds.
func (p *WorkerLivenessProbe) Failing() (workers map[string]worker.WorkerStatus, ok bool) {
	health := p.pool.Health()

	return health.NotLive, health.Live
}

// Check checks the workers as they are now. It does not block.
func (p *WorkerLivenessProbe) Check(context.Context) *healthcheck.CheckerProbeResult {
	health := p.pool.Health()

	return healthcheck.NewCheckerProbeResult(health.Live, message(health.NotLive))
}

// WorkerReadinessProbe is a [healthcheck.CheckerProbe] that tells whether the process should get traffic. It is safe for concurrent
// use, except SetName.
type WorkerReadinessProbe struct {
	name string
	pool *worker.WorkerPool
}

// NewWorkerReadinessProbe returns a new [WorkerReadinessProbe] on a pool. It fails while [worker.WorkerPool.Health] says that the
// pool is not ready. Its message then lists the workers that are the reason, in the form of [NewWorkerProbe]; for a pool that is
// not started it is the pool's state, such as "pool: stopping".
func NewWorkerReadinessProbe(pool *worker.WorkerPool) *WorkerReadinessProbe {
	return &WorkerReadinessProbe{name: DefaultReadinessProbeName, pool: pool}
}

// Name returns the name of the [WorkerReadinessProbe], "worker-readiness" unless it was set.
func (p *WorkerReadinessProbe) Name() string {
	return p.name
}

// SetName sets the name of the [WorkerReadinessProbe].
func (p *WorkerReadinessProbe) SetName(name string) *WorkerReadinessProbe {
	p.name = name

	return p
}

// Failing returns the status of each worker that fails the probe, by name, and whether the probe succeeds. A pool that is not
// started fails the probe even if no worker does.
func (p *WorkerReadinessProbe) Failing() (workers map[string]worker.WorkerStatus, ok bool) {
	health := p.pool.Health()

	return health.NotReady, health.Ready
}

// Check checks the workers as they are now. It does not block.
func (p *WorkerReadinessProbe) Check(context.Context) *healthcheck.CheckerProbeResult {
	health := p.pool.Health()
	if health.State != worker.PoolStarted {
		return healthcheck.NewCheckerProbeResult(false, fmt.Sprintf("pool: %s", health.State))
	}

	return healthcheck.NewCheckerProbeResult(health.Ready, message(health.NotReady))
}

// message tells the status of each worker, sorted by name.
func message(statuses map[string]worker.WorkerStatus) string {
	messages := make([]string, 0, len(statuses))
	for _, name := range slices.Sorted(maps.Keys(statuses)) {
		messages = append(messages, fmt.Sprintf("%s: %s", name, statuses[name]))
	}

	return strings.Join(messages, ", ")
}
