package compat_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/ankorstore/yokai/fxhealthcheck"
	"github.com/ankorstore/yokai/healthcheck"
	workerhealthcheck "github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/stretchr/testify/assert"
)

// fxhealthcheck finds a probe by its type: of two probes of one type a random one would run, so they have types of their own. Six starts,
// since a random choice may be right five times.
func TestEachProbeRunsWhereItWasRegistered(t *testing.T) {
	for range 6 {
		s := newService(t, "test",
			fxhealthcheck.AsCheckerProbe(workerhealthcheck.NewWorkerLivenessProbe, healthcheck.Liveness),
			fxhealthcheck.AsCheckerProbe(workerhealthcheck.NewWorkerReadinessProbe, healthcheck.Readiness),
		)
		s.app.RequireStart()
		for kind, want := range map[healthcheck.ProbeKind][]string{
			healthcheck.Startup:   {"worker"},
			healthcheck.Liveness:  {"worker", "worker-liveness"},
			healthcheck.Readiness: {"worker", "worker-readiness"},
		} {
			result := s.checker.Check(t.Context(), kind)
			assert.Equal(t, want, slices.Sorted(maps.Keys(result.ProbesResults)), kind)
		}
		s.app.RequireStop()
	}
}
