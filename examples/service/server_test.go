package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHandlerServesTheMetricsOfRuntimeAndWorkers(t *testing.T) {
	t.Parallel()

	metrics := worker.NewWorkerMetrics("", "").IncrementWorkerExecutionStart("some-worker")
	handler := newHandler(worker.NewWorkerPool(worker.WithMetrics(metrics)))

	for path, want := range map[string]struct {
		code int
		text []string
	}{
		"/metrics": {http.StatusOK, []string{`worker_executions_total{status="started",worker="some_worker"} 1`, "go_goroutines "}},
		"/":        {http.StatusOK, []string{"<title>Workers</title>"}},
		"/report":  {http.StatusOK, []string{`"state":"new"`}},
		"/livez":   {http.StatusOK, []string{`"ok":true`}},
		"/readyz":  {http.StatusServiceUnavailable, []string{`"ok":false`}},
		"/else":    {http.StatusNotFound, nil},
	} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		require.Equal(t, want.code, recorder.Code, path)
		for _, text := range want.text {
			assert.Contains(t, recorder.Body.String(), text)
		}
	}
}

func TestServiceURL(t *testing.T) {
	t.Parallel()

	for addr, want := range map[string]string{
		"127.0.0.1:8080":     "http://127.0.0.1:8080/metrics",
		"[::1]:80":           "http://[::1]:80/metrics",
		"[fe80::1%eth0]:443": "http://[fe80::1%25eth0]:443/metrics",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		assert.Equal(t, want, serviceURL(tcp, metricsPath))
	}
}

func TestServerIsReadyOnceItServesAndDrains(t *testing.T) {
	t.Parallel()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	requested, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(requested)
		<-release
		w.WriteHeader(http.StatusTeapot)
	})
	pool := worker.NewWorkerPool(worker.WithWorker(newServer(listener, handler), worker.WithReadiness(serverReadyWithin)))
	require.NoError(t, pool.Start(t.Context()))
	require.NoError(t, pool.WaitReady(t.Context()))

	answered := make(chan int, 1)

	go func() {
		defer close(answered)

		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if response, err := client.Get(serviceURL(listener.Addr(), "/")); err == nil {
			answered <- response.StatusCode
			_ = response.Body.Close()
		}
	}()

	<-requested

	stopped := make(chan error, 1)
	go func() { stopped <- pool.Stop() }()

	// It takes no connections any more, and waits for the answer.
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			_ = connection.Close()
		}

		return err != nil
	}, drainTimeout, time.Millisecond)

	execution, err := pool.Execution(serverName)
	require.NoError(t, err)
	assert.Equal(t, worker.Running, execution.Status())
	close(release)
	require.NoError(t, <-stopped)
	assert.Equal(t, http.StatusTeapot, <-answered)
	assert.Equal(t, worker.Stopped, execution.Status())
}
