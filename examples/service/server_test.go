package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHandlerServesTheMetricsOfRuntimeAndWorkers(t *testing.T) {
	t.Parallel()

	metrics := worker.NewWorkerMetrics("", "").IncrementWorkerExecutionStart("some-worker")
	handler := newHandler(worker.NewWorkerPool(worker.WithMetrics(metrics)))

	for path, want := range map[string]int{
		"/metrics": http.StatusOK,
		"/":        http.StatusNotFound,
	} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		require.Equal(t, want, recorder.Code, path)

		if want == http.StatusOK {
			assert.Contains(t, recorder.Body.String(), `worker_executions_total{status="started",worker="some_worker"} 1`)
			assert.Contains(t, recorder.Body.String(), "go_goroutines ")
		}
	}
}

func TestMetricsURL(t *testing.T) {
	t.Parallel()

	for addr, want := range map[string]string{
		"127.0.0.1:8080":     "http://127.0.0.1:8080/metrics",
		"[::1]:80":           "http://[::1]:80/metrics",
		"[fe80::1%eth0]:443": "http://[fe80::1%25eth0]:443/metrics",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		assert.Equal(t, want, metricsURL(tcp))
	}
}
