package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// httpTimeout bounds how long a request's header, and the answers to the last
// requests, may take.
const httpTimeout = 5 * time.Second

// withServer serves the pool's status page, probes and metrics for as long as f
// runs.
func withServer(
	ctx context.Context,
	addr string,
	pool *worker.WorkerPool,
	metrics *workerjetstream.Metrics,
	f func() error,
) error {
	registry := prometheus.NewRegistry()
	if err := errors.Join(registry.Register(metrics), pool.Metrics().Register(registry)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/", workerhttp.NewHandler(pool))

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("cannot serve -http: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: httpTimeout}
	served := make(chan error, 1) // holds why serving ended
	go func() { served <- server.Serve(listener) }()
	zerolog.Ctx(ctx).Info().Str("url", "http://"+listener.Addr().String()+"/").Msg("status page")

	result := f()
	// The server goes last, so that the probes tell of the stop.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpTimeout)
	defer cancel()
	result = errors.Join(result, server.Shutdown(stopping))
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		result = errors.Join(result, err)
	}

	return result
}
