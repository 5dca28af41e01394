package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	serverName = "http"

	// serverReadyWithin bounds how long the server may take to serve. It has its
	// listener already, so that is no time at all.
	serverReadyWithin = 5 * time.Second

	metricsPath = "/metrics"

	// readHeaderTimeout bounds how long a client may take to send a request's
	// header, so that silent connections do not pile up.
	readHeaderTimeout = 5 * time.Second

	// drainTimeout bounds how long a stop waits for requests being answered.
	drainTimeout = 5 * time.Second
)

// server is a worker that serves HTTP on a listener. It runs once, as the
// listener is closed with it.
type server struct {
	listener net.Listener
	handler  http.Handler
}

func newServer(listener net.Listener, handler http.Handler) *server {
	return &server{listener: listener, handler: handler}
}

// Name returns the name of the worker.
func (s *server) Name() string {
	return serverName
}

// Run serves until ctx is done, and then waits for the requests being answered,
// no longer than [drainTimeout]. It is ready once it serves. It fails if serving
// ends by itself. It does not keep ctx for requests: one under way when ctx ends
// is answered.
func (s *server) Run(ctx context.Context) error {
	logger := worker.CtxLogger(ctx)
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog:          log.New(logger, "", 0),
		BaseContext: func(net.Listener) context.Context {
			worker.Ready(ctx) // it accepts connections now

			return context.Background()
		},
	}

	logger.Info().Str("url", serviceURL(s.listener.Addr(), "/")).Msg("listening")

	done := make(chan error, 1) // holds 1, so that the sender never blocks
	go func() { done <- server.Serve(s.listener) }()

	select {
	case err := <-done:
		return fmt.Errorf("serving HTTP failed: %w", err)
	case <-ctx.Done():
		drain(ctx, server)
		<-done

		return ctx.Err()
	}
}

// drain ends serving. What is still open after [drainTimeout] is a slow reader,
// and not a failure of the server's.
func drain(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()

	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

// newHandler serves the metrics of the Go runtime, the process and the workers,
// and below / the workers' status page, report and probes.
func newHandler(pool *worker.WorkerPool) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		pool.Metrics(),
	)

	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/", workerhttp.NewHandler(pool))

	return mux
}

// serviceURL returns the URL of what is served under path on addr.
func serviceURL(addr net.Addr, path string) string {
	u := url.URL{Scheme: "http", Host: addr.String(), Path: path}

	return u.String()
}
