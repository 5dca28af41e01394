package otlp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	bad  = "\xff"
	name = "mail" + bad + "er"

	maxText  = 4 << 10 // of a name or a message
	maxStack = 32 << 10
)

// receiver is an OTLP receiver that keeps the spans it gets, by their names.
type receiver struct {
	mu       sync.Mutex // guards the fields below
	spans    map[string][]*trace.Span
	requests int
	err      error // of the last request that was not understood
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.requests++
	body, err := io.ReadAll(request.Body)
	var export collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &export)); err != nil {
		r.err = err
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				r.spans[span.GetName()] = append(r.spans[span.GetName()], span)
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func TestBatchArrivesWholeWhateverAWorkerSays(t *testing.T) {
	long := strings.Repeat("long "+bad, 100<<10/len("long "+bad))
	for what, test := range map[string]struct {
		run  func() error
		text string // its message begins with this
		kind string
	}{
		"error":      {func() error { return errors.New(bad + "boom") }, "\uFFFDboom", "*errors.errorString"},
		"long error": {func() error { return errors.New(long) }, "long \uFFFDlong", "*errors.errorString"},
		"wrapped":    {func() error { return worker.Permanent(fmt.Errorf("%s: %w", bad, io.EOF)) }, "\uFFFD: EOF", "*fmt.wrapError"},
		"panic":      {func() error { panic(bad + "ouch") }, "recovered panic: \uFFFDouch", "*worker.PanicError"},
		"long panic": {func() error { panic(long) }, "recovered panic: long \uFFFDlong", "*worker.PanicError"},
	} {
		t.Run(what, func(t *testing.T) {
			received := export(t, test.run)

			require.Len(t, received["beside"], 1, "a span of another part of the program")
			require.Len(t, received["work"], 1, "a span of the worker's own")
			assert.Equal(t, "mail\uFFFDer", attributes(received["work"][0].GetAttributes())["Worker"])

			require.Len(t, received["worker mail\uFFFDer"], 1)
			span := received["worker mail\uFFFDer"][0]
			assert.Equal(t, "mail\uFFFDer", attributes(span.GetAttributes())["Worker"])
			assert.Equal(t, test.kind, attributes(span.GetAttributes())["error.type"])
			assert.Equal(t, trace.Status_STATUS_CODE_ERROR, span.GetStatus().GetCode())
			checkText(t, test.text, span.GetStatus().GetMessage())

			require.Len(t, span.GetEvents(), 1)
			exception := attributes(span.GetEvents()[0].GetAttributes())
			assert.Equal(t, test.kind, exception["exception.type"])
			checkText(t, test.text, exception["exception.message"])
			assert.LessOrEqual(t, len(exception["exception.stacktrace"]), maxStack)
		})
	}
}

func checkText(t *testing.T, want, got string) {
	t.Helper()
	assert.True(t, strings.HasPrefix(got, want), "%.40q", got)
	assert.LessOrEqual(t, len(got), maxText)
}

// export runs a worker that does as told, and returns the spans that have arrived by then, in one batch.
func export(t *testing.T, run func() error) map[string][]*trace.Span {
	t.Helper()
	received := &receiver{spans: map[string][]*trace.Span{}}
	server := httptest.NewServer(received)
	defer server.Close()

	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"))
	require.NoError(t, err)
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	worker.AnnotateTracerProvider(provider)

	_, beside := provider.Tracer("beside").Start(t.Context(), "beside")
	beside.End()
	pool := worker.NewWorkerPool(worker.WithTracerProvider(provider), worker.WithGlobalMiddlewares(worker.NewTracingMiddleware()),
		worker.WithWorker(worker.NewFuncWorker(name, func(ctx context.Context) error {
			_, span := worker.CtxTracer(ctx).Start(ctx, "work")
			span.End() // not in a defer: one that a panic ends records its value as it is

			return run()
		})))
	require.Error(t, pool.Run(t.Context()))
	require.NoError(t, provider.ForceFlush(t.Context()))
	require.NoError(t, provider.Shutdown(t.Context()))

	received.mu.Lock()
	defer received.mu.Unlock()
	require.NoError(t, received.err)
	assert.Equal(t, 1, received.requests)

	return received.spans
}

func attributes(pairs []*common.KeyValue) map[string]string {
	attributes := map[string]string{}
	for _, pair := range pairs {
		attributes[pair.GetKey()] = pair.GetValue().GetStringValue()
	}

	return attributes
}
