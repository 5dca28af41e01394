package worker_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stackField matches the value of the field "stack", which differs from run to run.
var stackField = regexp.MustCompile(`"stack":"goroutine [^"]*"`)

// TestLifecycle runs a worker through a script, stops its pool after a second, and compares all that can be seen of it.
func TestLifecycle(t *testing.T) {
	t.Parallel()

	line := func(level, id, fields, message string) string {
		return `{"level":"` + level + `","worker":"job","workerExecutionID":"` + id + `"` + fields + `,"message":"` + message + `"}`
	}

	cases := map[string]struct {
		runs    []run
		options []worker.WorkerExecutionOption
		status  worker.WorkerStatus
		attempt int
		events  []string
		lines   []string
		metrics []string
	}{
		"success": {
			runs:    []run{succeed},
			status:  worker.Success,
			attempt: 1,
			events: []string{
				"+0s id-1 starting execution attempt 1/1",
				"+0s id-1 stopping execution attempt 1/1 with success",
			},
			lines: []string{
				line("info", "id-1", "", "starting execution attempt 1/1"),
				line("info", "id-1", "", "stopping execution attempt 1/1 with success"),
			},
			metrics: []string{
				`worker_executions_total{status="started",worker="job"} 1`,
				`worker_executions_total{status="success",worker="job"} 1`,
			},
		},
		"success after a deferral": {
			runs:    []run{succeed},
			options: []worker.WorkerExecutionOption{worker.WithDeferredStartThreshold(0.25)},
			status:  worker.Success,
			attempt: 1,
			events: []string{
				"+0s id-1 deferring execution attempt for 0.25 seconds",
				"+250ms id-1 starting execution attempt 1/1",
				"+250ms id-1 stopping execution attempt 1/1 with success",
			},
			lines: []string{
				line("info", "id-1", "", "deferring execution attempt for 0.25 seconds"),
				line("info", "id-1", "", "starting execution attempt 1/1"),
				line("info", "id-1", "", "stopping execution attempt 1/1 with success"),
			},
			metrics: []string{
				`worker_executions_total{status="started",worker="job"} 1`,
				`worker_executions_total{status="success",worker="job"} 1`,
			},
		},
		"stopped while deferred": {
			runs:    []run{succeed},
			options: []worker.WorkerExecutionOption{worker.WithDeferredStartThreshold(5)},
			status:  worker.Stopped,
			attempt: 0,
			events: []string{
				"+0s id-1 deferring execution attempt for 5 seconds",
				"+1s id-1 stopping before first execution attempt",
			},
			lines: []string{
				line("info", "id-1", "", "deferring execution attempt for 5 seconds"),
				line("info", "id-1", `,"cause":"worker pool was stopped"`, "stopping before first execution attempt"),
			},
			metrics: []string{},
		},
		"two failed attempts": {
			runs:    []run{fail},
			options: []worker.WorkerExecutionOption{worker.WithMaxExecutionsAttempts(2)},
			status:  worker.Error,
			attempt: 2,
			events: []string{
				"+0s id-1 starting execution attempt 1/2",
				"+0s id-1 stopping execution attempt 1/2 with error: boom",
				"+0s id-1 restarting after error",
				"+0s id-2 starting execution attempt 2/2",
				"+0s id-2 stopping execution attempt 2/2 with error: boom",
				"+0s id-2 max execution attempts reached",
			},
			lines: []string{
				line("info", "id-1", "", "starting execution attempt 1/2"),
				line("error", "id-1", `,"error":"boom"`, "stopping execution attempt 1/2 with error: boom"),
				line("info", "id-1", "", "restarting after error"),
				line("info", "id-2", "", "starting execution attempt 2/2"),
				line("error", "id-2", `,"error":"boom"`, "stopping execution attempt 2/2 with error: boom"),
				line("info", "id-2", "", "max execution attempts reached"),
			},
			metrics: []string{
				`worker_executions_total{status="error",worker="job"} 2`,
				`worker_executions_total{status="restarted",worker="job"} 1`,
				`worker_executions_total{status="started",worker="job"} 2`,
			},
		},
		"panic, then success": {
			runs:    []run{panics, succeed},
			options: []worker.WorkerExecutionOption{worker.WithMaxExecutionsAttempts(3)},
			status:  worker.Success,
			attempt: 2,
			events: []string{
				"+0s id-1 starting execution attempt 1/3",
				"+0s id-1 stopping execution attempt 1/3 with recovered panic: ouch",
				"+0s id-1 restarting after panic recovery",
				"+0s id-2 starting execution attempt 2/3",
				"+0s id-2 stopping execution attempt 2/3 with success",
			},
			lines: []string{
				line("info", "id-1", "", "starting execution attempt 1/3"),
				line("error", "id-1", `,"stack":"STACK"`, "stopping execution attempt 1/3 with recovered panic: ouch"),
				line("info", "id-1", "", "restarting after panic recovery"),
				line("info", "id-2", "", "starting execution attempt 2/3"),
				line("info", "id-2", "", "stopping execution attempt 2/3 with success"),
			},
			metrics: []string{
				`worker_executions_total{status="error",worker="job"} 1`,
				`worker_executions_total{status="restarted",worker="job"} 1`,
				`worker_executions_total{status="started",worker="job"} 2`,
				`worker_executions_total{status="success",worker="job"} 1`,
			},
		},
		"Goexit, then stopped, attempts unlimited": {
			runs: []run{goexits, block},
			options: []worker.WorkerExecutionOption{
				worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0)),
			},
			status:  worker.Stopped,
			attempt: 2,
			events: []string{
				"+0s id-1 starting execution attempt 1/unlimited",
				"+0s id-1 stopping execution attempt 1/unlimited with runtime.Goexit",
				"+0s id-1 restarting after runtime.Goexit",
				"+0s id-2 starting execution attempt 2/unlimited",
				"+1s id-2 stopping execution attempt 2/unlimited on cancellation",
			},
			lines: []string{
				line("info", "id-1", "", "starting execution attempt 1/unlimited"),
				line("error", "id-1", `,"stack":"STACK"`, "stopping execution attempt 1/unlimited with runtime.Goexit"),
				line("info", "id-1", "", "restarting after runtime.Goexit"),
				line("info", "id-2", "", "starting execution attempt 2/unlimited"),
				line("info", "id-2", `,"cause":"worker pool was stopped"`, "stopping execution attempt 2/unlimited on cancellation"),
			},
			metrics: []string{
				`worker_executions_total{status="error",worker="job"} 1`,
				`worker_executions_total{status="restarted",worker="job"} 1`,
				`worker_executions_total{status="started",worker="job"} 2`,
				`worker_executions_total{status="stopped",worker="job"} 1`,
			},
		},
		"failure while stopping": {
			runs:    []run{failLate},
			options: []worker.WorkerExecutionOption{worker.WithMaxExecutionsAttempts(2)},
			status:  worker.Error,
			attempt: 1,
			events: []string{
				"+0s id-1 starting execution attempt 1/2",
				"+1s id-1 stopping execution attempt 1/2 with error: boom",
				"+1s id-1 skipping restart on cancellation",
			},
			lines: []string{
				line("info", "id-1", "", "starting execution attempt 1/2"),
				line("error", "id-1", `,"error":"boom"`, "stopping execution attempt 1/2 with error: boom"),
				line("info", "id-1", `,"cause":"worker pool was stopped"`, "skipping restart on cancellation"),
			},
			metrics: []string{
				`worker_executions_total{status="error",worker="job"} 1`,
				`worker_executions_total{status="started",worker="job"} 1`,
			},
		},
	}

	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var logs logBuffer
				pool := newPool(t, worker.WithWorker(inOrder("job", test.runs...), test.options...))
				require.NoError(t, pool.Start(logs.context()))
				time.Sleep(time.Second)
				require.NoError(t, pool.Stop())

				e := execution(t, pool, "job")
				assert.Equal(t, test.events, timeline(e))
				assert.Equal(t, test.status, e.Status())
				assert.Equal(t, test.attempt, e.CurrentExecutionAttempt())
				assert.Equal(t, test.metrics, executionsText(t, pool))

				lines := logs.lines()
				for i := range lines {
					lines[i] = stackField.ReplaceAllString(lines[i], `"stack":"STACK"`)
				}
				assert.Equal(t, test.lines, lines)
			})
		})
	}
}
