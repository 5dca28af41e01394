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
	name  string
	check func() *healthcheck.CheckerProbeResult
}

// NewWorkerProbe returns a new [WorkerProbe] on a pool: it fails where the status of a worker is unknown or error, and succeeds on
// a pool that was never started. Its message is "NAME: STATUS" of each worker, sorted by name and joined by a comma.
func NewWorkerProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{DefaultProbeName, func() *healthcheck.CheckerProbeResult {
		executions := pool.Executions()
		success := true
		messages := make([]string, 0, len(executions))

		for _, name := range slices.Sorted(maps.Keys(executions)) {
			status := executions[name].Status()
			if status == worker.Unknown || status == worker.Error {
				success = false
			}

			messages = append(messages, describe(name, status))
		}

		return healthcheck.NewCheckerProbeResult(success, strings.Join(messages, ", "))
	}}
}

// NewWorkerLivenessProbe returns a new [WorkerProbe] that tells whether the process should go on: it fails on a worker that is
// stuck, and on one with [worker.WithStopPoolOnFailure] that gave up. Its message names those as [NewWorkerProbe]'s does.
func NewWorkerLivenessProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{DefaultLivenessProbeName, func() *healthcheck.CheckerProbeResult {
		return failing(pool.Report(), func(w worker.WorkerReport) bool {
			return w.Status == worker.Stuck || w.GaveUp && w.StopPoolOnFailure
		})
	}}
}

// NewWorkerReadinessProbe returns a new [WorkerProbe] that tells whether the process should get traffic: it fails before the start
// of the pool and from its stop on, with the state of the pool as its message, and on a worker that has not begun, is deferred,
// waits, has failed or is stuck. Its message names those as [NewWorkerProbe]'s does.
func NewWorkerReadinessProbe(pool *worker.WorkerPool) *WorkerProbe {
	return &WorkerProbe{DefaultReadinessProbeName, func() *healthcheck.CheckerProbeResult {
		report := pool.Report()
		if report.State != worker.PoolStarted {
			return healthcheck.NewCheckerProbeResult(false, fmt.Sprintf("pool: %s", report.State))
		}

		return failing(report, func(w worker.WorkerReport) bool {
			return w.Status != worker.Running && w.Status != worker.Success && w.Status != worker.Stopped
		})
	}}
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
	return p.check()
}

// failing is a success if no worker fails.
func failing(report worker.PoolReport, fails func(worker.WorkerReport) bool) *healthcheck.CheckerProbeResult {
	var messages []string
	for _, w := range report.Workers {
		if fails(w) {
			messages = append(messages, describe(w.Name, w.Status))
		}
	}

	return healthcheck.NewCheckerProbeResult(len(messages) == 0, strings.Join(messages, ", "))
}

func describe(name string, status worker.WorkerStatus) string {
	return fmt.Sprintf("%s: %s", name, status)
}
