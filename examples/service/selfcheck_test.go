package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSelfcheck(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		status int
		body   string
		want   string // part of the error; empty for none
	}{
		"good":           {http.StatusOK, goodMetrics, ""},
		"not found":      {http.StatusNotFound, goodMetrics, "answered 404 Not Found"},
		"server error":   {http.StatusInternalServerError, goodMetrics, "answered 500 Internal Server Error"},
		"redirect":       {http.StatusNotModified, "", "answered 304 Not Modified"},
		"empty":          {http.StatusOK, "", "has no worker_executions_total"},
		"other families": {http.StatusOK, "go_goroutines 7\n", "has no worker_executions_total"},
		"no series":      {http.StatusOK, "# TYPE worker_executions_total counter\n", "has no worker_executions_total"},
	}

	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}))
			defer server.Close()

			err := newSelfcheck(server.URL).check(t.Context())
			if test.want == "" {
				require.NoError(t, err)

				return
			}

			require.ErrorContains(t, err, server.URL)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestSelfcheckFailsWithoutAServer(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()

	require.ErrorContains(t, newSelfcheck(server.URL).check(t.Context()), "connection refused")
}

func TestSelfcheckFailsWithoutAnAnswerInTime(t *testing.T) {
	t.Parallel()

	server, _ := newHangingServer(t)

	s := newSelfcheck(server.URL)
	s.client.Timeout = 10 * time.Millisecond

	err := s.check(t.Context())
	require.Error(t, err)
	assert.ErrorContains(t, err, "Client.Timeout exceeded")
}

func TestSelfcheckStopsInTheMiddleOfARequest(t *testing.T) {
	t.Parallel()

	server, requested := newHangingServer(t)
	ctx, cancel := context.WithCancelCause(t.Context())

	go func() {
		<-requested
		cancel(errDurationPassed)
	}()

	// As the context's own error, not as a failed request with whatever cause.
	assert.Equal(t, context.Canceled, newSelfcheck(server.URL).check(ctx))
}

func TestSelfcheckRecoversThroughItsBackoff(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		checks  string // "." for one that gets the metrics, "x" for one that fails; the last goes on for ever
		waits   int    // before another attempt
		attempt int    // the last one
		gaveUp  bool
	}{
		"no failure":                     {".", 0, 1, false},
		"one failure":                    {strings.Repeat(".", 30) + "x.", 1, 2, false},
		"one failure less than too many": {"xxxx.", 4, 5, false},
		"too many failures":              {"x", 4, 5, true},
		"too many in a short time":       {"xxxx..x", 4, 5, true},
		"as many, but healthy between":   {"xxxx" + strings.Repeat(".", 11) + "xxxx.", 8, 5, false},
	}

	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made := 0
			url := newMetricsServer(t, func() bool {
				made++

				return test.checks[min(made, len(test.checks))-1] == '.'
			})

			synctest.Test(t, func(t *testing.T) {
				ctx, logs := loggingContext(t)
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()

				pool := newServicePool(t, url)
				err := runPool(ctx, pool)

				execution, notFound := pool.Execution(selfcheckName)
				require.NoError(t, notFound)
				assert.Equal(t, test.attempt, execution.CurrentExecutionAttempt())
				assert.Equal(t, test.waits, logs.count(" before execution attempt ")-2, "and two of flaky")

				if test.gaveUp {
					require.EqualError(t, err, "worker selfcheck: "+url+" answered 500 Internal Server Error")
					assert.Equal(t, worker.Error, execution.Status())
				} else {
					require.NoError(t, err)
					assert.Equal(t, worker.Stopped, execution.Status())
					assert.Greater(t, logs.count(`"message":"metrics are served"`), 30, "it goes on")
				}
			})
		})
	}
}

// newHangingServer returns a server that answers no request before its client
// has gone, and a channel that is closed at its first request.
func newHangingServer(t *testing.T) (*httptest.Server, <-chan struct{}) {
	t.Helper()

	requested := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(requested)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)

	return server, requested
}
