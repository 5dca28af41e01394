package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childEnv makes the test binary behave as the command, for tests that need a
// process of their own.
const childEnv = "SERVICE_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main() // does not return
	}

	goleak.VerifyTestMain(m)
}

// output collects what is written to it. It is safe for concurrent use.
type output struct {
	mu      sync.Mutex // guards the fields below
	changed *sync.Cond
	text    bytes.Buffer
	ended   bool
}

func newOutput() *output {
	o := &output{}
	o.changed = sync.NewCond(&o.mu)

	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	o.changed.Broadcast()

	return o.text.Write(p)
}

// end says that nothing more will be written.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()

	o.ended = true
	o.changed.Broadcast()
}

// waitFor blocks until all texts have been written, and fails the test if the
// output ends before.
func (o *output) waitFor(t *testing.T, texts ...string) {
	t.Helper()

	o.mu.Lock()
	defer o.mu.Unlock()

	for _, text := range texts {
		for !strings.Contains(o.text.String(), text) {
			require.Falsef(t, o.ended, "ended without %q:\n%s", text, &o.text)
			o.changed.Wait()
		}
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.text.String()
}

// lines returns the lines written so far, without their line breaks.
func (o *output) lines() []string {
	return strings.Split(strings.TrimSuffix(o.String(), "\n"), "\n")
}

// count returns how many of the lines written so far contain text.
func (o *output) count(text string) int {
	n := 0

	for _, line := range o.lines() {
		if strings.Contains(line, text) {
			n++
		}
	}

	return n
}

// loggingContext returns a context whose logger writes JSON lines to the
// output, as workers get one from a pool.
func loggingContext(t *testing.T) (context.Context, *output) {
	t.Helper()

	logs := newOutput()

	return zerolog.New(logs).WithContext(t.Context()), logs
}

// service is a run of the whole command but for its signals.
type service struct {
	stdout, stderr *output
	cancel         context.CancelFunc
	status         chan int // receives the exit status; holds 1, so that the sender never blocks
}

// startService runs the command until it ends by itself or stop is called.
func startService(t *testing.T, args ...string) *service {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	s := &service{stdout: newOutput(), stderr: newOutput(), cancel: cancel, status: make(chan int, 1)}

	go func() {
		status := run(ctx, args, s.stdout, s.stderr)
		s.stdout.end()
		s.stderr.end()
		s.status <- status
	}()

	return s
}

// stop ends the command as a signal does, and returns its exit status.
func (s *service) stop() int {
	s.cancel()

	return <-s.status
}

// wait returns the exit status once the command has ended by itself.
func (s *service) wait() int {
	defer s.cancel()

	return <-s.status
}

// lastLine returns the last line that the command wrote to standard error.
func (s *service) lastLine() string {
	lines := s.stderr.lines()

	return lines[len(lines)-1]
}

// newServicePool returns the service's own pool, which indexes one file and
// checks the metrics at url, with a worker that is ready at once in place of
// the HTTP server.
func newServicePool(t *testing.T, url string) *worker.WorkerPool {
	t.Helper()

	return newUnservedPool(t, url).Register(worker.NewWorkerRegistration(
		worker.NewFuncWorker(serverName, func(ctx context.Context) error {
			<-ctx.Done()

			return ctx.Err()
		}),
		worker.WithStopStage(1),
	))
}

// newUnservedPool returns the service's own pool without its HTTP server.
func newUnservedPool(t *testing.T, url string) *worker.WorkerPool {
	t.Helper()

	dir := writeTree(t, map[string]string{"a.go": "a\n"})
	pool, err := newPool(config{dir: dir, out: filepath.Join(t.TempDir(), "index.json")}, url, nil)
	require.NoError(t, err)

	return pool
}

const goodMetrics = "# TYPE worker_executions_total counter\n" +
	"worker_executions_total{status=\"started\",worker=\"a\"} 1\n"

// newMetricsServer starts a server of [goodMetrics], which it serves as long as
// good, called at each request, returns true. It returns the server's URL. It
// must not be called in a synctest bubble, whose time would wait for it.
func newMetricsServer(t *testing.T, good func() bool) (url string) {
	t.Helper()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !good() {
			w.WriteHeader(http.StatusInternalServerError)
		}

		_, _ = io.WriteString(w, goodMetrics)
	}))
	t.Cleanup(server.Close)

	return server.URL
}

func alwaysGood() bool {
	return true
}

// writeTree creates a tree of files, given by slash-separated path and content,
// and returns its root.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()

	root := filepath.Join(t.TempDir(), "tree")
	require.NoError(t, os.Mkdir(root, 0o755))

	for path, content := range files {
		name := filepath.Join(root, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o644))
	}

	return root
}

// assertEmptyDir asserts that nothing is in the directory, hidden files included.
func assertEmptyDir(t *testing.T, dir string) {
	t.Helper()

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
