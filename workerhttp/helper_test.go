package workerhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// hostile is what a worker may call itself, and what it may fail with.
const hostile = `</script><img src=x onerror=alert(1)> "'&` + "\u202e\x00"

// block runs until it is cancelled.
func block(ctx context.Context) error {
	<-ctx.Done()

	return ctx.Err()
}

// ignore runs on after it is cancelled, until release is closed.
func ignore(release <-chan struct{}) worker.HandlerFunc {
	return func(context.Context) error {
		<-release
		return nil
	}
}

// inOrder runs one function per execution; the last stands for all that follow.
func inOrder(runs ...worker.HandlerFunc) worker.HandlerFunc {
	n := 0 // executions of one worker never overlap

	return func(ctx context.Context) error {
		run := runs[min(n, len(runs)-1)]
		n++

		return run(ctx)
	}
}

func fail(context.Context) error {
	return errors.New("broken")
}

func succeed(context.Context) error {
	return nil
}

// newPool makes a pool that no test starts twice.
func newPool(t *testing.T, options ...worker.WorkerPoolOption) *worker.WorkerPool {
	t.Helper()

	pool, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
	require.NoError(t, err)

	return pool
}

// do adds a worker to a pool.
func do(name string, run worker.HandlerFunc, options ...worker.WorkerExecutionOption) worker.WorkerPoolOption {
	return worker.WithWorker(worker.NewFuncWorker(name, run), options...)
}

// started starts a pool within a bubble and returns its handler once all workers do nothing but wait.
func started(t *testing.T, pool *worker.WorkerPool) http.Handler {
	t.Helper()

	require.NoError(t, pool.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, pool.Stop()) })
	synctest.Wait()

	return workerhttp.NewHandler(pool)
}

// get asks a handler, as a client of a server would.
func get(t testing.TB, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()

	return ask(t, h, http.MethodGet, target)
}

func ask(t testing.TB, h http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()

	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), method, target, nil))

	return recorder
}

// report is what a client reads.
type report struct {
	State   string         `json:"state"`
	Workers []workerReport `json:"workers"`
}

type workerReport struct {
	Name      string `json:"name"`
	Status    string `json:"status"`
	LastError string `json:"lastError"`
	LastStack string `json:"lastStack"`
	Events    []struct {
		Message string `json:"message"`
	} `json:"events"`
}

// getReport asks for a report, which must come.
func getReport(t *testing.T, h http.Handler, target string) report {
	t.Helper()

	response := get(t, h, target)
	require.Equal(t, http.StatusOK, response.Code, response.Body)

	var got report
	require.NoError(t, json.Unmarshal(response.Body.Bytes(), &got))

	return got
}

// names returns the workers in the order of the report.
func (r report) names() []string {
	names := []string{}
	for _, w := range r.Workers {
		names = append(names, w.Name)
	}

	return names
}
