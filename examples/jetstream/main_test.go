package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const patience = 30 * time.Second

// output collects what a command writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.text.String()
}

// launch runs a command until the returned function is called, which returns
// the exit status.
func launch(t *testing.T, args ...string) (*output, func() int) {
	t.Helper()

	ctx, cancel := context.WithCancel(context.Background())
	written, status := &output{}, make(chan int, 1)
	go func() { status <- run(ctx, args, written) }()
	stop := sync.OnceValue(func() int {
		cancel()
		return <-status
	})
	t.Cleanup(func() { stop() })

	return written, stop
}

// find waits until a command has written what pattern describes, and returns
// the pattern's group.
func find(t *testing.T, written *output, pattern string) string {
	t.Helper()

	expression := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return expression.MatchString(written.String()) }, patience, 10*time.Millisecond,
		"%s not in %s", pattern, written)

	return expression.FindStringSubmatch(written.String())[1]
}

func TestThreeReplicas(t *testing.T) {
	server, stopServer := launch(t, "serve", "-addr", "127.0.0.1:0", "-dir", t.TempDir())
	url := find(t, server, `"url":"(nats://[^"]+)"`)
	require.Equal(t, exitOK, run(t.Context(), []string{"produce", "-nats", url, "-n", "2500"}, &output{}))

	var stops []func() int
	var pages []string
	var logs []*output
	for range 3 {
		written, stop := launch(t, "work", "-nats", url, "-http", "127.0.0.1:0")
		pages = append(pages, find(t, written, `"url":"(http://[^"]+)"`))
		stops, logs = append(stops, stop), append(logs, written)
	}

	require.Eventually(t, func() bool {
		handled := 0.0
		for _, page := range pages {
			handled += sample(t, page, `worker_messages_handled_total{worker="shipping"}`)
		}
		return handled == 2500
	}, patience, 50*time.Millisecond)
	for _, path := range []string{"", "report", "livez", "readyz"} {
		response, err := http.Get(pages[0] + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusOK, response.StatusCode, path)
	}
	reporters := func() (n int) {
		for _, written := range logs {
			if strings.Contains(written.String(), `"message":"orders"`) {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return reporters() > 0 }, patience, 50*time.Millisecond)
	assert.Equal(t, 1, reporters())
	for _, stop := range stops {
		assert.Equal(t, exitOK, stop())
	}
	assert.Equal(t, exitOK, stopServer())
}

// sample returns the value of a series, 0 where there is none yet.
func sample(t *testing.T, page, series string) float64 {
	t.Helper()

	response, err := http.Get(page + "metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	require.NoError(t, err)
	for line := range strings.Lines(text.String()) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			var number float64
			require.NoError(t, yaml.Unmarshal([]byte(value), &number))
			return number
		}
	}

	return 0
}

func TestCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		status int
		text   string
	}{
		"nothing":        {nil, exitUsage, "usage: orders serve|produce|work"},
		"unknown":        {[]string{"sing"}, exitUsage, "usage: orders serve|produce|work"},
		"unknown flag":   {[]string{"work", "-x"}, exitUsage, "-x"},
		"too much":       {[]string{"produce", "more"}, exitUsage, `unexpected argument "more"`},
		"help":           {[]string{"serve", "-h"}, exitOK, "-dir folder"},
		"bad address":    {[]string{"serve", "-addr", "nowhere"}, exitFailure, "cannot serve -addr"},
		"no such server": {[]string{"produce", "-nats", "nats://127.0.0.1:1"}, exitFailure, "connecting to nats://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			var written output
			assert.Equal(t, test.status, run(t.Context(), test.args, &written))
			assert.Contains(t, written.String(), test.text)
		})
	}
}

// TestKubernetesManifest reads the manifest strictly as the types of the
// Kubernetes API, and compares its times with the program's.
func TestKubernetesManifest(t *testing.T) {
	data, err := os.ReadFile("kubernetes.yaml")
	require.NoError(t, err)
	parts := strings.Split(string(data), "\n---\n")
	require.Len(t, parts, 2)

	var deployment appsv1.Deployment
	require.NoError(t, yaml.UnmarshalStrict([]byte(parts[0]), &deployment))
	var budget policyv1.PodDisruptionBudget
	require.NoError(t, yaml.UnmarshalStrict([]byte(parts[1]), &budget))
	pod := deployment.Spec.Template
	assert.Equal(t, deployment.Spec.Selector.MatchLabels, pod.Labels)
	assert.Equal(t, budget.Spec.Selector.MatchLabels, pod.Labels)
	grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
	assert.Less(t, stopTimeout, grace)
	assert.Less(t, drainTimeout, stopTimeout)
	assert.Equal(t, "/livez", pod.Spec.Containers[0].LivenessProbe.HTTPGet.Path)
	assert.Equal(t, "/readyz", pod.Spec.Containers[0].ReadinessProbe.HTTPGet.Path)
	assert.Equal(t, "work", pod.Spec.Containers[0].Args[0])
}
