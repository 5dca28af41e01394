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

// The names of probes that were given no other.
const (
	DefaultProbeName          = "worker"
	DefaultLivenessProbeName  = "worker-liveness"
	DefaultReadinessProbeName = "worker-readiness"
)

// WorkerProbe is a [healthcheck.CheckerProbe] on all workers of a pool. It is safe for concurrent use, but for SetName.
type WorkerProbe struct {
	name    string
	pool    *worker.WorkerPool
	fails   func(execution *worker.WorkerExecution, status worker.WorkerStatus) bool
	started bool // whether the pool must be started
	all     bool // whether the message tells of all workers
}

// NewWorkerProbe returns a new [WorkerProbe] on a pool: it fails where the status of a worker is unknown or error, and succeeds on
// a pool that was never started. Its message is "NAME: STATUS" of each worker, sorted by name and joined by a comma.
func NewWorkerProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{
		name: DefaultProbeName, pool: pool, all: true,
		fails: func(_ *worker.WorkerExecution, status worker.WorkerStatus) bool {
			return status == worker.Unknown || status == worker.Error
		},
	}
}

// NewWorkerLivenessProbe returns a new [WorkerProbe] that tells whether the process should go on: it fails on a worker that is
// stuck, and on one with [worker.WithStopPoolOnFailure] that gave up. Its message names those as [NewWorkerProbe]'s does.
func NewWorkerLivenessProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{
		name: DefaultLivenessProbeName, pool: pool,
		fails: func(execution *worker.WorkerExecution, status worker.WorkerStatus) bool {
			return status == worker.Stuck || execution.StopPoolOnFailure() && execution.GaveUp()
		},
	}
}

// NewWorkerReadinessProbe returns a new [WorkerProbe] that tells whether the process should get traffic: it fails before the start
// of the pool and from its stop on, with the state of the pool as its message, and on a worker that has not begun, is deferred,
// waits, has failed or is stuck. Its message names those as [NewWorkerProbe]'s does.
func NewWorkerReadinessProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{
		name: DefaultReadinessProbeName, pool: pool, started: true,
		fails: func(_ *worker.WorkerExecution, status worker.WorkerStatus) bool {
			return status != worker.Running && status != worker.Success && status != worker.Stopped
		},
	}
}

// Name returns the name of the [WorkerProbe], the default one of its kind unless it was set.
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
	state, statuses, failing := p.look()
	success := state == "" && len(failing) == 0

	if state != "" {
		return healthcheck.NewCheckerProbeResult(success, fmt.Sprintf("pool: %s", state))
	}
	if !p.all {
		statuses = failing
	}
	messages := make([]string, 0, len(statuses))
	for _, name := range slices.Sorted(maps.Keys(statuses)) {
		messages = append(messages, fmt.Sprintf("%s: %s", name, statuses[name]))
	}

	return healthcheck.NewCheckerProbeResult(success, strings.Join(messages, ", "))
}

// Failing checks the workers as Check does. It returns the status of each that fails the probe, by name, and whether the probe
// succeeds: one that needs a started pool may fail though no worker does.
func (p *WorkerProbe) Failing() (workers map[string]worker.WorkerStatus, ok bool) {
	state, _, failing := p.look()

	return failing, state == "" && len(failing) == 0
}

// look returns the state of the pool if that fails the probe, or else the status of each worker, and of those that fail it.
func (p *WorkerProbe) look() (state worker.PoolState, statuses, failing map[string]worker.WorkerStatus) {
	if state = p.pool.State(); p.started && state != worker.PoolStarted {
		return state, nil, nil
	}

	statuses, failing = map[string]worker.WorkerStatus{}, map[string]worker.WorkerStatus{}
	for name, execution := range p.pool.Executions() {
		status := execution.Status()
		statuses[name] = status
		if p.fails(execution, status) {
			failing[name] = status
		}
	}

	return "", statuses, failing
}
