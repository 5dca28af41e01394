package main

import (
	"context"
	"encoding/json"
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSamplerLogsEverySecond(t *testing.T) {
	t.Parallel()

	url := newMetricsServer(t, alwaysGood)

	synctest.Test(t, func(t *testing.T) {
		ctx, logs := loggingContext(t)
		ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
		defer cancel()

		require.NoError(t, runPool(ctx, newServicePool(t, url)))
		assert.Equal(t, 3, logs.count(`"message":"runtime sample"`))
	})
}

func TestSamplerReadsTheRuntime(t *testing.T) {
	t.Parallel()

	ctx, logs := loggingContext(t)
	s := newSampler()

	require.NoError(t, s.sample(ctx))
	runtime.GC()
	require.NoError(t, s.sample(ctx))

	var line struct {
		Goroutines     int
		HeapBytes      int
		GCPauses       int
		LongestGCPause string
	}
	require.NoError(t, json.Unmarshal([]byte(logs.lines()[1]), &line))
	assert.Positive(t, line.Goroutines)
	assert.Positive(t, line.HeapBytes)
	assert.Positive(t, line.GCPauses)

	longest, err := time.ParseDuration(line.LongestGCPause)
	require.NoError(t, err)
	assert.Positive(t, longest)
}

func TestNewPauses(t *testing.T) {
	t.Parallel()

	histogram := &metrics.Float64Histogram{
		Counts:  []uint64{1, 5, 0, 2},
		Buckets: []float64{math.Inf(-1), 0.001, 0.002, 0.003, math.Inf(1)},
	}

	tests := map[string]struct {
		before  []uint64
		count   uint64
		longest time.Duration
	}{
		"all are new": {nil, 8, 3 * time.Millisecond},
		"some are":    {[]uint64{1, 1, 0, 2}, 4, 2 * time.Millisecond},
		"none is":     {[]uint64{1, 5, 0, 2}, 0, 0},
	}

	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			count, longest := newPauses(histogram, test.before)
			assert.Equal(t, test.count, count)
			assert.Equal(t, test.longest, longest)
		})
	}
}
