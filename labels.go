package worker

import (
	"context"
	"runtime/pprof"
)

// pprofLabel is the label that a worker's goroutine bears in profiles, and those that it starts. A user's own may take its place.
const pprofLabel = "worker"

// withLabel adds the profiler label of a worker.
func withLabel(ctx context.Context, name string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(pprofLabel, name))
}

// baseLabels returns a context with the profiler labels of ctx and nothing else, nil if there are none.
func baseLabels(ctx context.Context) context.Context {
	var labels []string
	pprof.ForLabels(ctx, func(key, value string) bool {
		labels = append(labels, key, value)

		return true
	})
	if labels == nil {
		return nil
	}

	return pprof.WithLabels(context.Background(), pprof.Labels(labels...))
}
