//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	library = "github.com/ankorstore/yokai/worker"
	timeout = 30 * time.Second // for what takes a second, so that only a hang exceeds it
)

// What is new here, and in no way of the published module.
var (
	newFields   = []string{"stack", "cause"} // of a panic, and of a cancellation
	newFamilies = []string{
		"orders_worker_consecutive_failures",
		"orders_worker_execution_duration_seconds",
		"orders_worker_gave_up",
		"orders_worker_last_success_timestamp_seconds",
		"orders_worker_panics_total",
		"orders_worker_ready",
		"orders_worker_started_timestamp_seconds",
		"orders_worker_stop_timeouts_total",
		"orders_worker_stuck",
		"orders_worker_up",
	}
)

// TestSwappedByOneLine runs the same service on the published module and on this repository's, and compares all that it shows.
func TestSwappedByOneLine(t *testing.T) {
	dir := t.TempDir()
	published, here := filepath.Join(dir, "published"), filepath.Join(dir, "here")
	root, err := filepath.Abs("../..")
	require.NoError(t, err)

	// The one line. The go.sum stays, and nothing may be written to either.
	swapped := filepath.Join(dir, "swapped.mod")
	require.NoError(t, os.WriteFile(swapped, []byte(read(t, "go.mod")+"\nreplace "+library+" => "+root+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "swapped.sum"), []byte(read(t, "go.sum")), 0o600))
	command(t, "build", "-mod=readonly", "-o", published, ".")
	command(t, "build", "-mod=readonly", "-modfile", swapped, "-o", here, ".")

	moved := modules(t, published)
	for module, version := range modules(t, here) {
		assert.Equal(t, moved[module], version, "the replace has moved %s", module)
	}

	want, got := run(t, published), run(t, here)
	assert.Equal(t, want.status, got.status)
	assert.Equal(t, want.health, got.health)
	require.Equal(t, slices.Sorted(maps.Keys(want.lines)), slices.Sorted(maps.Keys(got.lines)))
	require.Contains(t, want.lines, "worker Import Orders")
	for source, lines := range want.lines {
		assert.Equal(t, strings.Join(lines, "\n"), strings.Join(got.lines[source], "\n"), source)
	}
	require.Contains(t, want.spans, "order-relay")
	assert.Equal(t, want.spans, got.spans)
	assert.Equal(t, want.metrics, without(got.metrics, newFamilies))
	assert.NotEqual(t, want.metrics, got.metrics)
	assert.NotEmpty(t, want.metrics)
}

// shown is what an operator sees of a run.
type shown struct {
	status  int
	health  []string
	lines   map[string][]string // log lines in their order, by who has written them
	spans   map[string][]string // by worker
	metrics []string
}

// run runs a service until its workers have done what they do, asks it for its health and metrics, and ends it by a signal.
func run(t *testing.T, program string) shown {
	t.Helper()
	address := freeAddress(t)
	service := exec.CommandContext(t.Context(), program)
	service.Env = append(os.Environ(), "MODULES_CORE_SERVER_ADDRESS="+address)
	output, err := service.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, service.Start())

	var raw []string
	relayed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(output)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			raw = append(raw, strings.ReplaceAll(lines.Text(), address, "ADDRESS"))
			if strings.Contains(lines.Text(), `"relayed"`) {
				close(relayed)
			}
		}
	}()
	select {
	case <-relayed:
	case <-ended:
		require.FailNow(t, "ended too early", strings.Join(raw, "\n"))
	case <-time.After(timeout):
		require.FailNow(t, "no order was relayed")
	}

	var s shown
	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		s.health = append(s.health, sortedHealth(get(t, address, path)))
	}
	s.metrics = comparedMetrics(get(t, address, "/metrics"))
	require.NoError(t, service.Process.Signal(syscall.SIGTERM))
	<-ended
	_ = service.Wait()
	s.status = service.ProcessState.ExitCode()
	s.lines, s.spans = parse(t, raw)

	return s
}

// parse takes off the output what differs between any two runs: times, durations, identifiers. Of a key that is written twice in a
// line, as the published module does from the second attempt on (difference 8), the last counts.
func parse(t *testing.T, raw []string) (lines, spans map[string][]string) {
	t.Helper()
	lines, spans = map[string][]string{}, map[string][]string{}
	identifiers := map[string]map[string]string{} // by worker, so that its lines and spans are seen to be of one another
	named := func(worker, id string) string {
		if identifiers[worker] == nil {
			identifiers[worker] = map[string]string{}
		}
		ids := identifiers[worker]
		if ids[id] == "" {
			ids[id] = fmt.Sprintf("id %d", len(ids)+1)
		}

		return ids[id]
	}

	for _, line := range raw {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		if _, span := fields["SpanContext"]; span {
			worker, text := spanText(t, fields, named)
			spans[worker] = append(spans[worker], text)

			continue
		}

		source := fmt.Sprint(fields["module"])
		worker := ""
		if source == "worker" && fields["worker"] != nil {
			worker = fmt.Sprint(fields["worker"])
			source += " " + worker
		}
		for _, key := range []string{"workerExecutionID", "traceID", "spanID", "requestID"} {
			if id, ok := fields[key].(string); ok {
				fields[key] = named(worker, id)
			}
		}
		if source == "core" && fields["worker"] != nil { // the probe's message
			fields["worker"] = sortedHealth(fmt.Sprint(fields["worker"]))
		}
		for _, key := range append([]string{"time", "runtime", "latency"}, newFields...) {
			delete(fields, key)
		}
		lines[source] = append(lines[source], encode(t, fields))
	}

	return lines, spans
}

// spanText returns the worker of a span, and the span without what differs between any two runs.
func spanText(t *testing.T, span map[string]any, named func(worker, id string) string) (string, string) {
	t.Helper()
	attributes := map[string]string{}
	list, _ := span["Attributes"].([]any)
	for _, attribute := range list {
		var pair struct {
			Key   string
			Value struct{ Value string }
		}
		require.NoError(t, json.Unmarshal([]byte(encode(t, attribute)), &pair))
		attributes[pair.Key] = pair.Value.Value
	}
	worker := attributes["Worker"]
	require.NotEmpty(t, worker, span)
	attributes["WorkerExecutionID"] = named(worker, attributes["WorkerExecutionID"])
	span["Attributes"] = attributes

	for _, key := range []string{"SpanContext", "Parent"} {
		identity, _ := span[key].(map[string]any)
		for _, id := range []string{"TraceID", "SpanID"} {
			identity[id] = named(worker, fmt.Sprint(identity[id]))
		}
	}
	delete(span, "StartTime")
	delete(span, "EndTime")

	return worker, encode(t, span)
}

// comparedMetrics returns of the metrics in their text format each line of the workers' families, and only the names of the others.
func comparedMetrics(text string) []string {
	var kept []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "_worker_") || strings.HasPrefix(line, "# TYPE ") {
			kept = append(kept, strings.TrimSpace(line))
		}
	}

	return kept
}

// without leaves the lines of some families out.
func without(lines, families []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return slices.ContainsFunc(families, func(family string) bool { return strings.Contains(line, family) })
	})
}

// sortedHealth brings the workers in a probe's message into an order. The published module has none.
func sortedHealth(text string) string {
	workers := []string{"Import Orders: success", "export: error", "migration: success", "order-relay: running"}
	for _, worker := range workers {
		text = strings.Replace(text, worker, "WORKER", 1)
	}

	return text
}

// modules returns the modules in a program and their versions, but for the one that is replaced.
func modules(t *testing.T, program string) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for line := range strings.Lines(command(t, "version", "-m", program)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" && fields[1] != library {
			versions[fields[1]] = fields[2]
		}
	}
	require.NotEmpty(t, versions)

	return versions
}

func get(t *testing.T, address, path string) string {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)

	return string(body)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()

	return listener.Addr().String()
}

func command(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", arguments...).CombinedOutput()
	require.NoError(t, err, "%s", output)

	return string(output)
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)

	return string(content)
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)

	return string(text)
}
