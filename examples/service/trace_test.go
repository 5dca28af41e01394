package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
)

func TestServiceWritesTheSpansOfItsWorkers(t *testing.T) {
	dir := t.TempDir()

	s := startService(t, "-trace", "-addr", "127.0.0.1:0", "-dir", dir, "-out", filepath.Join(dir, "index.json"))
	s.stderr.waitFor(t, "recovered, running on", "indexed", "metrics are served", "runtime sample")
	require.Equal(t, exitOK, s.stop(), s.stderr)

	workers := make(map[string]string)

	for _, text := range s.stdout.lines() {
		var line spanLine
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		require.Len(t, line.TraceID, 32, text)
		require.Len(t, line.SpanID, 16, text)
		require.NotEmpty(t, line.Attributes["WorkerExecutionID"], text)
		assert.GreaterOrEqual(t, line.Duration, 0.0)

		name, _ := line.Attributes["Worker"].(string)
		workers[name] = line.Name
	}

	assert.Equal(t, map[string]string{
		indexerName:   "index",
		samplerName:   "sample",
		selfcheckName: "GET /metrics",
		flakyName:     "attempt",
	}, workers)
}

func TestSpanWriter(t *testing.T) {
	t.Parallel()

	out := newOutput()
	tracer := newTracerProvider(out).Tracer("test")

	ctx, parent := tracer.Start(t.Context(), "parent")
	_, child := tracer.Start(ctx, "child")
	child.SetAttributes(attribute.Int("n", 1), attribute.String("s", "<>"))
	endSpan(child, errors.New("it failed"))
	endSpan(parent, nil)

	lines := out.lines()
	require.Len(t, lines, 2)

	var first, second map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &second))

	assert.Equal(t, "child", first["name"])
	assert.Equal(t, "it failed", first["error"])
	assert.Equal(t, map[string]any{"n": 1.0, "s": "<>"}, first["attributes"])
	assert.Equal(t, parent.SpanContext().TraceID().String(), first["traceID"])
	assert.Equal(t, parent.SpanContext().SpanID().String(), first["parentSpanID"])

	assert.Equal(t, "parent", second["name"])
	assert.Equal(t, parent.SpanContext().SpanID().String(), second["spanID"])
	assert.NotContains(t, second, "error")
	assert.NotContains(t, second, "parentSpanID")
	assert.NotContains(t, second, "attributes")
}
