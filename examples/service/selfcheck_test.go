package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSelfcheck(t *testing.T) {
	t.Parallel()

	const body = "# TYPE worker_executions_total counter\n" +
		"worker_executions_total{status=\"started\",worker=\"a\"} 1\n"

	tests := map[string]struct {
		status int
		body   string
		want   string // part of the error; empty for none
	}{
		"good":           {http.StatusOK, body, ""},
		"not found":      {http.StatusNotFound, body, "answered 404 Not Found"},
		"server error":   {http.StatusInternalServerError, body, "answered 500 Internal Server Error"},
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
			assert.Equal(t, err, newSelfcheck(server.URL).Run(t.Context()), "it ends the worker")
		})
	}
}

func TestSelfcheckFailsWithoutAServer(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()

	require.ErrorContains(t, newSelfcheck(server.URL).Run(t.Context()), "connection refused")
}

func TestSelfcheckFailsWithoutAnAnswerInTime(t *testing.T) {
	t.Parallel()

	server, _ := newHangingServer(t)

	s := newSelfcheck(server.URL)
	s.client.Timeout = 10 * time.Millisecond

	err := s.Run(t.Context())
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
	assert.Equal(t, context.Canceled, newSelfcheck(server.URL).Run(ctx))
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
