package main

import (
	"context"
	"errors"
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
	"github.com/rs/zerolog"
)

const (
	metricsPath = "/metrics"

	// readHeaderTimeout bounds how long a client may take to send a request's
	// header, so that silent connections do not pile up.
	readHeaderTimeout = 5 * time.Second

	// drainTimeout bounds how long a stop waits for requests being answered.
	drainTimeout = 5 * time.Second
)

// server serves what the service tells about itself over HTTP.
type server struct {
	http *http.Server
	done chan error // receives why serving ended; holds 1, so that the sender never blocks
}

// startServer serves the pool's [newHandler] on listener until stop is called,
// and logs the address. If serving ends for another reason it calls failed with
// it. It does not keep ctx for requests: a request under way when ctx ends is
// answered.
func startServer(
	ctx context.Context,
	listener net.Listener,
	pool *worker.WorkerPool,
	failed context.CancelCauseFunc,
) *server {
	logger := zerolog.Ctx(ctx)
	s := &server{
		http: &http.Server{
			Handler:           newHandler(pool),
			ReadHeaderTimeout: readHeaderTimeout,
			ErrorLog:          log.New(logger, "", 0),
		},
		done: make(chan error, 1),
	}

	go s.serve(listener, failed)
	logger.Info().Str("url", serviceURL(listener.Addr(), "/")).Msg("listening")

	return s
}

func (s *server) serve(listener net.Listener, failed context.CancelCauseFunc) {
	err := s.http.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	} else {
		err = fmt.Errorf("serving HTTP failed: %w", err)
		failed(err)
	}

	s.done <- err
}

// stop waits for the requests being answered, no longer than [drainTimeout],
// and then for serving to end. The error tells why serving ended by itself.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()

	if s.http.Shutdown(ctx) != nil {
		// What is still open is a slow reader, not a failure of ours.
		_ = s.http.Close()
	}

	return <-s.done
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
