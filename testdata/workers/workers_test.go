package workers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/log/logtest"
	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/testdata/workers"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	otelsdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// Every published symbol with its published type: a change of one does not compile.
var (
	_ func() *workers.ClassicWorker     = workers.NewClassicWorker
	_ func() *workers.CancellableWorker = workers.NewCancellableWorker
	_ func() *workers.ErrorWorker       = workers.NewErrorWorker
	_ func() *workers.PanicWorker       = workers.NewPanicWorker
)

type ids struct{}

func (ids) Generate() string { return "id" }

// TestWorkers runs each sample for 35 ms in a pool, and compares what it logs, and when.
func TestWorkers(t *testing.T) {
	for name, test := range map[string]struct {
		worker worker.Worker
		status worker.WorkerStatus
		logs   []string
		took   time.Duration
		spans  int
	}{
		"ClassicWorker":     {workers.NewClassicWorker(), worker.Success, []string{"running worker ClassicWorker [id id]", "stopped"}, 10, 1},
		"CancellableWorker": {workers.NewCancellableWorker(), worker.Success, []string{"running", "running", "running", "running", "stopping", "stopped"}, 45, 0},
		"ErrorWorker":       {workers.NewErrorWorker(), worker.Error, []string{"running"}, 10, 0},
		"PanicWorker":       {workers.NewPanicWorker(), worker.Error, []string{"running"}, 10, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, name, test.worker.Name())
				buffer, exporter := logtest.NewDefaultTestLogBuffer(), tracetest.NewInMemoryExporter()
				pool, err := worker.NewDefaultWorkerPoolFactory().Create(
					worker.WithGenerator(ids{}), worker.WithWorker(test.worker),
					worker.WithTracerProvider(otelsdktrace.NewTracerProvider(otelsdktrace.WithSyncer(exporter))),
				)
				require.NoError(t, err)
				require.NoError(t, pool.Start(zerolog.New(buffer).WithContext(context.Background())))
				time.Sleep(35 * time.Millisecond)
				require.NoError(t, pool.Stop())

				execution, err := pool.Execution(name)
				require.NoError(t, err)
				assert.Equal(t, test.status, execution.Status())
				events := execution.Events()
				assert.Equal(t, test.took*time.Millisecond, events[1].Timestamp().Sub(events[0].Timestamp()))

				records, err := buffer.Records()
				require.NoError(t, err)
				var logs []string
				for _, record := range records {
					message, err := record.Message()
					require.NoError(t, err)
					if !execution.HasEvent(message) {
						logs = append(logs, message)
					}
				}
				assert.Equal(t, test.logs, logs)
				require.Len(t, exporter.GetSpans(), test.spans)
				for _, span := range exporter.GetSpans() {
					assert.Equal(t, "one shot span", span.Name)
				}
			})
		})
	}
}

func TestErrorsOfTheSamples(t *testing.T) {
	assert.Equal(t, errors.New("custom error"), workers.NewErrorWorker().Run(t.Context()))
	assert.PanicsWithValue(t, "custom panic", func() { _ = workers.NewPanicWorker().Run(t.Context()) })

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, workers.NewErrorWorker().Run(cancelled))
	require.NoError(t, workers.NewPanicWorker().Run(cancelled))
}
