package worker_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// start is the time at which every synctest bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// sequence generates the ids id-1, id-2 and so on.
type sequence struct {
	mu sync.Mutex
	n  int
}

func (s *sequence) Generate() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++

	return fmt.Sprintf("id-%d", s.n)
}

// logBuffer keeps raw log lines.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buffer.Write(p)
}

func (b *logBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return strings.Split(strings.TrimSuffix(b.buffer.String(), "\n"), "\n")
}

// context returns one whose logger writes to the buffer.
func (b *logBuffer) context() context.Context {
	return zerolog.New(b).WithContext(context.Background())
}

// newPool makes a pool that numbers its execution ids, and whose transitions come from where their rows say.
func newPool(t testing.TB, options ...worker.WorkerPoolOption) *worker.WorkerPool {
	t.Helper()
	options = append([]worker.WorkerPoolOption{worker.WithGenerator(&sequence{}), checkFrom(t)}, options...)
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
	require.NoError(t, err)

	return pool
}

// checkFrom is a listener that fails the test where a transition comes from a status that its row does not name.
func checkFrom(t testing.TB) worker.WorkerPoolOption {
	return worker.WithGlobalListener(func(transition worker.Transition) {
		if !transition.Kind.MayComeFrom(transition.From) {
			t.Errorf("worker %s went from %s to %s by %q", transition.Worker, transition.From, transition.To, transition.Kind)
		}
	})
}

func execution(t testing.TB, pool *worker.WorkerPool, name string) *worker.WorkerExecution {
	t.Helper()
	e, err := pool.Execution(name)
	require.NoError(t, err)

	return e
}

// timeline returns the events of an execution, each as "+OFFSET ID MESSAGE", the offset since the bubble began.
func timeline(e *worker.WorkerExecution) []string {
	lines := []string{}
	for _, event := range e.Events() {
		lines = append(lines, fmt.Sprintf("+%s %s %s", event.Timestamp().Sub(start), event.ExecutionId(), event.Message()))
	}

	return lines
}

func messages(e *worker.WorkerExecution) []string {
	lines := []string{}
	for _, event := range e.Events() {
		lines = append(lines, event.Message())
	}

	return lines
}

// metricsText returns the samples of a metric family in the text format, without its head.
func metricsText(t testing.TB, collector prometheus.Collector, family string) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(collector))

	return samples(registry, family)
}

// samples returns the samples of a metric family in the text format.
func samples(registry *prometheus.Registry, family string) []string {
	samples := []string{}
	for line := range strings.Lines(scrape(registry)) {
		if strings.HasPrefix(line, family+"{") {
			samples = append(samples, strings.TrimSuffix(line, "\n"))
		}
	}

	return samples
}

// scrape returns what Prometheus gets of a registry.
func scrape(registry *prometheus.Registry) string {
	response := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.PanicOnError}).
		ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))

	return response.Body.String()
}

// executionsText returns the samples of the executions counter.
func executionsText(t testing.TB, pool *worker.WorkerPool) []string {
	t.Helper()

	return metricsText(t, pool.Metrics(), "worker_executions_total")
}

// bubble runs a test in a bubble of fake time, and fails it if anything of it is left running.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

// within is a context that is done after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)

	return ctx
}

// script runs one worker for a time and returns all that happened to it.
func script(t *testing.T, d time.Duration, run worker.Worker, options ...worker.WorkerExecutionOption) *worker.WorkerExecution {
	t.Helper()
	pool := newPool(t, worker.WithWorker(run, options...))
	require.NoError(t, pool.Start(t.Context()))
	time.Sleep(d)
	require.NoError(t, pool.Stop())

	return execution(t, pool, "job")
}

// separate returns the errors that others are joined of.
func separate(err error) (all []error) {
	_, stop := err.(*worker.StopError)
	if _, dependent := err.(*worker.DependencyError); dependent {
		return []error{err}
	}
	if _, failed := err.(*worker.WorkerError); failed {
		return []error{err}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case stop, !ok:
		return []error{err}
	}
	for _, part := range joined.Unwrap() {
		all = append(all, separate(part)...)
	}

	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)

	return string(content)
}

// update is the flag of tests that compare a file.
var update = flag.Bool("update", false, "write the golden files anew")

// heap returns how many bytes are in use once everything is collected that can be.
func heap() int64 {
	var stats runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)

	return int64(stats.HeapAlloc)
}

// size is how many there are of something, fewer with the race detector, which takes its time, and memory for each goroutine ever.
func size(n int) int {
	if raceEnabled {
		return n / 20
	}

	return n
}

// soon is how late something may be on a busy machine.
func soon(d time.Duration) time.Duration {
	if raceEnabled {
		return 50 * d
	}

	return d
}
