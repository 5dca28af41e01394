package compat_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ankorstore/yokai/fxgenerate/fxgeneratetest/uuid"
	"github.com/ankorstore/yokai/fxworker"
	"github.com/ankorstore/yokai/healthcheck"
	"github.com/ankorstore/yokai/log/logtest"
	"github.com/ankorstore/yokai/worker"
	workerhealthcheck "github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/fx"
	"go.uber.org/goleak"
)

// lifecycle is what each worker of the service goes through in the environment test, as module info shows it.
var lifecycle = map[string]struct {
	status   string
	messages []string
}{
	"ClassicWorker": {"success", []string{
		"starting execution attempt 1/3",
		"stopping execution attempt 1/3 with success",
	}},
	"CancellableWorker": {"success", []string{
		"starting execution attempt 1/3",
		"stopping execution attempt 1/3 with success",
	}},
	"ErrorWorker": {"error", []string{
		"starting execution attempt 1/2",
		"stopping execution attempt 1/2 with error: custom error",
		"restarting after error",
		"starting execution attempt 2/2",
		"stopping execution attempt 2/2 with error: custom error",
		"max execution attempts reached",
	}},
	"PanicWorker": {"error", []string{
		"starting execution attempt 1/3",
		"stopping execution attempt 1/3 with recovered panic: custom panic",
		"restarting after panic recovery",
		"starting execution attempt 2/3",
		"stopping execution attempt 2/3 with recovered panic: custom panic",
		"restarting after panic recovery",
		"starting execution attempt 3/3",
		"stopping execution attempt 3/3 with recovered panic: custom panic",
		"max execution attempts reached",
	}},
	"order-relay": {"success", []string{
		"deferring execution attempt for 0.05 seconds",
		"starting execution attempt 1/3",
		"stopping execution attempt 1/3 with success",
	}},
}

func TestModuleInfo(t *testing.T) {
	s := runService(t, "test")

	position := slices.IndexFunc(s.infos, func(info any) bool {
		named, ok := info.(moduleInfo)

		return ok && named.Name() == fxworker.ModuleName
	})
	require.NotEqual(t, -1, position)
	info, _ := s.infos[position].(moduleInfo)

	workers := map[string]any{}
	for name, want := range lifecycle {
		recorded := s.execution(t, name).Events()
		require.Len(t, recorded, len(want.messages), name)

		var events []map[string]string
		for i, message := range want.messages {
			events = append(events, map[string]string{
				"execution": recorded[i].ExecutionId(),
				"message":   message,
				"time":      recorded[i].Timestamp().Format(time.DateTime),
			})
		}
		workers[name] = map[string]any{"status": want.status, "events": events}
	}
	assert.Equal(t, map[string]any{"workers": workers}, info.Data())
}

func TestLogs(t *testing.T) {
	s := runService(t, "test")

	for name, want := range lifecycle {
		execution := s.execution(t, name)
		assert.Equal(t, want.messages, messages(execution), name)

		for _, event := range execution.Events() {
			logtest.AssertHasLogRecord(t, s.logs, map[string]any{
				"level":             levelOf(event.Message()),
				"service":           "orders",
				"module":            "worker",
				"worker":            name,
				"workerExecutionID": event.ExecutionId(),
				"message":           event.Message(),
			})
		}
	}

	logtest.AssertHasLogRecord(t, s.logs, map[string]any{
		"message": "stopping execution attempt 2/2 with error: custom error",
		"error":   "custom error",
	})
	logtest.AssertContainLogRecord(t, s.logs, map[string]any{
		"message": "stopping execution attempt 3/3 with recovered panic: custom panic",
		"stack":   "PanicWorker",
	})

	// What the workers log themselves is correlated in the same way.
	classicID := s.execution(t, "ClassicWorker").Id()
	logtest.AssertHasLogRecord(t, s.logs, map[string]any{
		"service":           "orders",
		"module":            "worker",
		"worker":            "ClassicWorker",
		"workerExecutionID": classicID,
		"message":           "running worker ClassicWorker [id " + classicID + "]",
	})
	logtest.AssertHasLogRecord(t, s.logs, map[string]any{
		"service":           "orders",
		"module":            "worker",
		"worker":            "order-relay",
		"workerExecutionID": s.execution(t, "order-relay").Id(),
		"message":           "relayed order 1",
	})
}

// levelOf returns the level at which the transition with the given text is logged.
func levelOf(message string) string {
	if strings.Contains(message, " with error: ") || strings.Contains(message, " with recovered panic: ") {
		return "error"
	}

	return "info"
}

// A parsed record cannot show that a key was written twice: the last one wins.
func TestRawLogLinesBearEachFieldOnce(t *testing.T) {
	s := runService(t, "test")

	lines := s.workerLines()
	require.NotEmpty(t, lines)
	for _, line := range lines {
		for _, field := range []string{"service", "module", "worker", "workerExecutionID", "message"} {
			assert.Equal(t, 1, strings.Count(line, `"`+field+`":`), "field %s in %s", field, line)
		}
	}
}

func TestEachAttemptHasItsOwnExecutionID(t *testing.T) {
	s := runService(t, "test")

	seen := map[string]bool{}
	for name, attempts := range map[string]int{"ErrorWorker": 2, "PanicWorker": 3} {
		// Three events per attempt: starting, stopping, and restarting or giving up, which belongs to the attempt
		// that it ends.
		events := s.execution(t, name).Events()
		require.Len(t, events, 3*attempts, name)
		for attempt := range slices.Chunk(events, 3) {
			id := attempt[0].ExecutionId()
			assert.NotEmpty(t, id)
			assert.False(t, seen[id], "execution id %s was used before", id)
			seen[id] = true

			for _, event := range attempt {
				assert.Equal(t, id, event.ExecutionId(), event.Message())
			}
		}
		assert.True(t, seen[s.execution(t, name).Id()])
	}
}

func TestSpans(t *testing.T) {
	const executionID = "test-execution-id"

	s := runService(t, "test",
		fx.Supply(fx.Annotate(executionID, fx.ResultTags(`name:"generate-test-uuid-value"`))),
		fx.Decorate(uuid.NewFxTestUuidGeneratorFactory),
	)

	tests := []struct {
		span, scope, worker string
	}{
		{"one shot span", worker.TracerName, "ClassicWorker"},
		{"relay order", "yokai", "order-relay"},
	}
	require.Len(t, s.spans.Spans(), len(tests))
	for _, test := range tests {
		span, err := s.spans.Span(test.span)
		require.NoError(t, err)
		assert.Equal(t, test.scope, span.Snapshot().InstrumentationScope().Name)
		assert.ElementsMatch(t, []attribute.KeyValue{
			attribute.String(worker.TraceSpanAttributeWorkerName, test.worker),
			attribute.String(worker.TraceSpanAttributeWorkerExecutionId, executionID),
		}, span.Attributes)

		// A line logged inside a span names it.
		logtest.AssertHasLogRecord(t, s.logs, map[string]any{
			"worker":            test.worker,
			"workerExecutionID": executionID,
			"traceID":           span.SpanContext.TraceID().String(),
			"spanID":            span.SpanContext.SpanID().String(),
		})
	}
}

func TestMetrics(t *testing.T) {
	tests := []struct {
		env, family, series string
	}{
		{
			env:    "test",
			family: "worker_executions_total",
			series: `
				{status="error",worker="errorworker"} 2
				{status="error",worker="panicworker"} 3
				{status="restarted",worker="errorworker"} 1
				{status="restarted",worker="panicworker"} 2
				{status="started",worker="cancellableworker"} 1
				{status="started",worker="classicworker"} 1
				{status="started",worker="errorworker"} 2
				{status="started",worker="order_relay"} 1
				{status="started",worker="panicworker"} 3
				{status="success",worker="cancellableworker"} 1
				{status="success",worker="classicworker"} 1
				{status="success",worker="order_relay"} 1
			`,
		},
		{
			env:    "namespaced",
			family: "order_service_back_office_worker_executions_total",
			series: `
				{status="error",worker="errorworker"} 2
				{status="error",worker="panicworker"} 1
				{status="restarted",worker="errorworker"} 1
				{status="started",worker="cancellableworker"} 1
				{status="started",worker="classicworker"} 1
				{status="started",worker="errorworker"} 2
				{status="started",worker="order_relay"} 1
				{status="started",worker="panicworker"} 1
				{status="success",worker="cancellableworker"} 1
				{status="success",worker="classicworker"} 1
				{status="success",worker="order_relay"} 1
			`,
		},
	}
	for _, test := range tests {
		t.Run(test.env, func(t *testing.T) {
			s := runService(t, test.env)

			text := "# HELP " + test.family + " Total number of workers executions\n" +
				"# TYPE " + test.family + " counter\n"
			for line := range strings.Lines(strings.TrimSpace(test.series)) {
				text += test.family + strings.TrimSpace(line) + "\n"
			}
			assert.NoError(t, testutil.GatherAndCompare(s.registry, strings.NewReader(text), test.family))
		})
	}
}

func TestWorkerOptionsWinOverConfiguration(t *testing.T) {
	s := runService(t, "namespaced")

	for name, deferral := range map[string]string{
		"ClassicWorker": "deferring execution attempt for 0.02 seconds",
		"order-relay":   "deferring execution attempt for 0.05 seconds",
	} {
		assert.Equal(t, []string{
			deferral,
			"starting execution attempt 1/1",
			"stopping execution attempt 1/1 with success",
		}, messages(s.execution(t, name)))
	}
	assert.Contains(t, messages(s.execution(t, "ErrorWorker")), "starting execution attempt 2/2")
}

func TestHealth(t *testing.T) {
	s := newService(t, "test")
	check := func() *healthcheck.CheckerProbeResult {
		result := s.checker.Check(t.Context(), healthcheck.Readiness)
		probe := result.ProbesResults[workerhealthcheck.DefaultProbeName]
		require.NotNil(t, probe)
		assert.Equal(t, probe.Success, result.Success)

		return probe
	}

	assert.Equal(t, healthcheck.NewCheckerProbeResult(true, ""), check())

	s.app.RequireStart()
	s.settle(t)
	assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "CancellableWorker: running, ClassicWorker: success, "+
		"ErrorWorker: error, PanicWorker: error, order-relay: running"), check())

	s.stop(t)
	assert.Equal(t, healthcheck.NewCheckerProbeResult(false, "CancellableWorker: success, ClassicWorker: success, "+
		"ErrorWorker: error, PanicWorker: error, order-relay: success"), check())
}

func TestStopWaitsForWorkersAtWork(t *testing.T) {
	s := newService(t, "test")
	s.app.RequireStart()
	s.settle(t)

	cancellable := s.execution(t, "CancellableWorker")
	line := func(message string) map[string]any {
		return map[string]any{
			"module":            "worker",
			"worker":            "CancellableWorker",
			"workerExecutionID": cancellable.Id(),
			"message":           message,
		}
	}
	require.Eventually(t, func() bool {
		running, err := s.logs.HasRecord(line("running"))

		return err == nil && running
	}, timeout, tick)

	// Asserted before goleak, which would give a late worker the time to end.
	s.app.RequireStop()
	logtest.AssertHasLogRecord(t, s.logs, line("stopping"))
	logtest.AssertHasLogRecord(t, s.logs, line("stopped"))
	assert.Equal(t, worker.Success, cancellable.Status())
	goleak.VerifyNone(t)
}

// A deferral beyond Fx's stop timeout must not make the stop fail.
func TestStopInterruptsDeferral(t *testing.T) {
	t.Setenv("MODULES_WORKER_DEFER", "3600")
	s := newService(t, "test")
	s.app.RequireStart()

	deferred := s.execution(t, "ClassicWorker")
	require.Eventually(t, func() bool { return deferred.Status() == worker.Deferred }, timeout, tick)

	s.stop(t)
	assert.Equal(t, worker.Stopped, deferred.Status())
	assert.Equal(t, []string{
		"deferring execution attempt for 3600 seconds",
		"stopping before first execution attempt",
	}, messages(deferred))
	assert.Empty(t, s.spans.Spans(), "the worker ran after the stop")
}
