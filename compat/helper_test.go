package compat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ankorstore/yokai/fxcore"
	"github.com/ankorstore/yokai/healthcheck"
	"github.com/ankorstore/yokai/log/logtest"
	"github.com/ankorstore/yokai/trace/tracetest"
	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/compat"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"
)

const (
	timeout = 10 * time.Second     // for what takes a fraction of a second, so that only a hang exceeds it
	tick    = 5 * time.Millisecond // between two polls
)

// moduleInfo is what yokai's core expects of the values in the Fx group "core-module-infos".
type moduleInfo interface {
	Name() string
	Data() map[string]any
}

// service is a compat.Service with what its tests look at. Its tests cannot run in parallel: the configuration is read
// from the environment, and fxtrace sets OpenTelemetry's global tracer provider.
type service struct {
	app      *fxtest.App
	pool     *worker.WorkerPool
	orders   compat.Orders
	checker  *healthcheck.Checker
	logs     logtest.TestLogBuffer
	spans    tracetest.TestTraceExporter
	registry *prometheus.Registry
	infos    []any
}

// newService returns a service that is built, but not started, with the configuration of the given environment.
func newService(t *testing.T, env string, options ...fx.Option) *service {
	t.Helper()
	t.Setenv("APP_CONFIG_PATH", "testdata/config")
	t.Setenv("APP_ENV", env)

	s := &service{}
	s.app = fxtest.New(
		t,
		fx.Supply(fx.Annotate(context.Background(), fx.As(new(context.Context)))), // as fxcore's bootstrapper does
		fx.NopLogger,
		fxcore.FxCoreModule,
		compat.Service,
		fx.Options(options...),
		fx.Populate(&s.pool, &s.orders, &s.checker, &s.logs, &s.spans, &s.registry),
		fx.Populate(fx.Annotate(&s.infos, fx.ParamTags(`group:"core-module-infos"`))),
	)

	return s
}

// runService runs a service until its workers have done all that they do, then stops it.
func runService(t *testing.T, env string, options ...fx.Option) *service {
	t.Helper()

	s := newService(t, env, options...)
	s.app.RequireStart()
	s.settle(t)
	s.stop(t)

	return s
}

// settle returns once the workers that end have ended and those that last are at work.
func (s *service) settle(t *testing.T) {
	t.Helper()

	select {
	case s.orders <- "order 1":
	case <-time.After(timeout):
		require.FailNow(t, "the relay takes no order")
	}

	require.Eventually(t, func() bool {
		return s.execution(t, "ClassicWorker").Status() == worker.Success &&
			s.execution(t, "CancellableWorker").Status() == worker.Running &&
			s.execution(t, "ErrorWorker").HasEvent("max execution attempts reached") &&
			s.execution(t, "PanicWorker").HasEvent("max execution attempts reached")
	}, timeout, tick)
}

// stop stops the service and verifies that no goroutine outlives it.
func (s *service) stop(t *testing.T) {
	t.Helper()
	s.app.RequireStop()
	goleak.VerifyNone(t)
}

func (s *service) execution(t *testing.T, name string) *worker.WorkerExecution {
	t.Helper()

	execution, err := s.pool.Execution(name)
	require.NoError(t, err)

	return execution
}

// workerLines returns the raw log lines of the workers. It reads the buffer without its lock, so only once they are
// stopped. It leaves out the two lines that fxworker logs on the pool as a whole.
func (s *service) workerLines() []string {
	var lines []string
	for line := range strings.Lines(s.logs.Buffer().String()) {
		ofPool := strings.Contains(line, `"starting worker pool"`) || strings.Contains(line, `"stopping worker pool"`)
		if strings.Contains(line, `"module":"worker"`) && !ofPool {
			lines = append(lines, line)
		}
	}

	return lines
}

func messages(execution *worker.WorkerExecution) []string {
	var texts []string
	for _, event := range execution.Events() {
		texts = append(texts, event.Message())
	}

	return texts
}
