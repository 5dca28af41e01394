package recipes_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stopTimeout is below the pod's terminationGracePeriodSeconds, so that the pool gives up first, and says who hangs.
const stopTimeout = 25 * time.Second

func newPool(listener net.Listener, mailer worker.Worker) *worker.WorkerPool {
	pool := worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(stopTimeout),
		worker.WithWorker(mailer,
			worker.WithMaxExecutionsAttempts(5),
			worker.WithBackoff(worker.ExponentialBackoff(time.Second, time.Minute)),
			worker.WithHealthyAfter(time.Minute),
			worker.WithStopPoolOnFailure(), // it has given up: a new process may do better
		),
	)

	// The probes are answered until all other workers have ended.
	return pool.Register(worker.NewWorkerRegistration(
		newServer("http", listener, workerhttp.NewHandler(pool)),
		worker.WithStopStage(1),
		worker.WithStopPoolOnFailure(),
	))
}

func newServer(name string, listener net.Listener, handler http.Handler) worker.Worker {
	return worker.NewFuncWorker(name, func(ctx context.Context) error {
		server := &http.Server{Handler: handler}
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()

		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return server.Shutdown(context.WithoutCancel(ctx))
		}
	})
}

func run(listener net.Listener, mailer worker.Worker) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	return newPool(listener, mailer).Run(ctx)
}

func TestKubernetes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	stopping, release := make(chan struct{}), make(chan struct{})
	mailer := worker.NewFuncWorker("mailer", func(ctx context.Context) error {
		<-ctx.Done()
		close(stopping)
		<-release // the last mail

		return nil
	})
	ended := make(chan error, 1)
	go func() { ended <- run(listener, mailer) }()

	probe := func(path string) int {
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(
			fmt.Sprintf("http://%s%s", listener.Addr(), path))
		if err != nil {
			return 0
		}
		defer response.Body.Close()

		return response.StatusCode
	}

	require.Eventually(t, func() bool { return probe("/readyz") == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, http.StatusOK, probe("/livez"))

	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(os.Interrupt))
	<-stopping
	assert.Equal(t, http.StatusServiceUnavailable, probe("/readyz"), "no traffic while it stops")
	assert.Equal(t, http.StatusOK, probe("/livez"), "but no restart either")

	close(release)
	require.NoError(t, <-ended)
	assert.Zero(t, probe("/livez"))
}

// idleListener is a listener that nobody asks, and that a bubble's time does not wait for.
type idleListener struct {
	net.Listener
	closed chan struct{}
}

func (l idleListener) Accept() (net.Conn, error) {
	<-l.closed

	return nil, net.ErrClosed
}

func (l idleListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l idleListener) Close() error {
	close(l.closed)

	return nil
}

// A pod whose worker has failed is ready again, or ends: it is never left live and unready.
func TestKubernetesFailure(t *testing.T) {
	ready := func(pool *worker.WorkerPool) bool {
		return healthcheck.NewWorkerReadinessProbe(pool).Check(t.Context()).Success
	}
	synctest.Test(t, func(t *testing.T) {
		failures := 1
		pool := newPool(idleListener{closed: make(chan struct{})}, worker.NewFuncWorker("mailer", func(ctx context.Context) error {
			if failures--; failures >= 0 {
				return errNoConnection
			}

			return block(ctx)
		}))
		require.NoError(t, pool.Start(context.Background()))
		synctest.Wait()
		assert.False(t, ready(pool), "after the failure")

		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.True(t, ready(pool), "once it is tried again")
		require.NoError(t, pool.Stop())
	})
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(idleListener{closed: make(chan struct{})}, worker.NewFuncWorker("mailer", func(context.Context) error {
			return errNoConnection
		}))
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		require.ErrorIs(t, pool.Run(ctx), errNoConnection)
		require.NoError(t, ctx.Err(), "the process ends")
	})
}

// The manifest of the recipe has to fit the constant above.
func TestKubernetesGracePeriod(t *testing.T) {
	recipes, err := os.ReadFile("../../docs/recipes.md")
	require.NoError(t, err)

	found := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindSubmatch(recipes)
	require.Len(t, found, 2)
	seconds, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	assert.Greater(t, time.Duration(seconds)*time.Second, stopTimeout)
}
