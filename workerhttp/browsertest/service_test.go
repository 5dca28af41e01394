package browsertest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/require"
)

// mount is where the services have their page: not at the root, so that each link must be relative.
const mount = "/ops/workers"

// service serves the page of a pool, on one address however often it is started.
type service struct {
	t       *testing.T
	address string
	pool    *worker.WorkerPool
	server  *http.Server
	served  chan error
}

// serve starts a pool and serves it on an address of its own.
func serve(t *testing.T, pool *worker.WorkerPool) *service {
	t.Helper()

	s := &service{t: t, address: "127.0.0.1:0"}
	s.start(pool)
	t.Cleanup(s.stop)

	return s
}

func (s *service) start(pool *worker.WorkerPool) {
	s.t.Helper()

	require.NoError(s.t, pool.Start(context.Background()))
	listener, err := net.Listen("tcp", s.address)
	require.NoError(s.t, err)

	mux := http.NewServeMux()
	mux.Handle(mount, http.StripPrefix(mount, workerhttp.NewHandler(pool)))
	mux.Handle(mount+"/", http.StripPrefix(mount, workerhttp.NewHandler(pool)))
	s.address, s.pool, s.served = listener.Addr().String(), pool, make(chan error, 1)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func(server *http.Server, served chan<- error) { served <- server.Serve(listener) }(s.server, s.served)
}

// stop ends the service, as the end of its process would; a stopped one stays so.
func (s *service) stop() {
	if s.server == nil {
		return
	}

	require.NoError(s.t, s.server.Close())
	require.ErrorIs(s.t, <-s.served, http.ErrServerClosed)
	require.NoError(s.t, s.pool.Stop())
	s.server = nil
}

func (s *service) url() string {
	return "http://" + s.address + mount + "/"
}

func newPool(t *testing.T, options ...worker.WorkerPoolOption) *worker.WorkerPool {
	t.Helper()

	pool, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
	require.NoError(t, err)

	return pool
}

func do(name string, run worker.HandlerFunc, options ...worker.WorkerExecutionOption) worker.WorkerPoolOption {
	return worker.WithWorker(worker.NewFuncWorker(name, run), options...)
}

// block runs until it is cancelled.
func block(ctx context.Context) error {
	<-ctx.Done()

	return ctx.Err()
}

func succeed(context.Context) error {
	return nil
}

// fail fails with a text.
func fail(text string) worker.HandlerFunc {
	return func(context.Context) error { return errors.New(text) }
}

// lasting runs for a while before it does something else.
func lasting(d time.Duration, run worker.HandlerFunc) worker.HandlerFunc {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return run(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inOrder runs one function per attempt; the last stands for all that follow.
func inOrder(runs ...worker.HandlerFunc) worker.HandlerFunc {
	attempt := 0 // attempts never overlap

	return func(ctx context.Context) error {
		run := runs[min(attempt, len(runs)-1)]
		attempt++

		return run(ctx)
	}
}

// gate is a generator of ids that can be shut: a worker that waits for its id has no status yet.
type gate struct {
	open chan struct{}
	mu   sync.Mutex // guards the field below
	shut bool
}

// Generate returns an id, once the gate is not shut.
func (g *gate) Generate() string {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut {
		<-g.open
	}

	return time.Now().Format("150405.000000000")
}
