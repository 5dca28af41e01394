package main

import (
	"context"
	"math"
	"runtime/metrics"
	"time"

	"github.com/ankorstore/yokai/worker"
)

const (
	samplerName     = "sampler"
	samplerInterval = time.Second

	goroutinesMetric = "/sched/goroutines:goroutines"
	heapMetric       = "/memory/classes/heap/objects:bytes"
	gcPausesMetric   = "/sched/pauses/total/gc:seconds"
)

// sampler logs the state of the Go runtime: the goroutines alive, the bytes of
// heap objects, and how many pauses the garbage collector has made since the
// sample before and how long the longest of them was at most.
type sampler struct {
	samples []metrics.Sample // goroutines, heap, pauses
	pauses  []uint64         // number of pauses in each bucket, as of the last sample
}

func newSampler() *sampler {
	return &sampler{
		samples: []metrics.Sample{
			{Name: goroutinesMetric},
			{Name: heapMetric},
			{Name: gcPausesMetric},
		},
	}
}

// sample takes and logs one sample. It never fails.
func (s *sampler) sample(ctx context.Context) error {
	ctx, span := worker.CtxTracer(ctx).Start(ctx, "sample")
	defer span.End()

	metrics.Read(s.samples)

	pauses := s.samples[2].Value.Float64Histogram()
	count, longest := newPauses(pauses, s.pauses)
	s.pauses = append(s.pauses[:0], pauses.Counts...)

	worker.CtxLogger(ctx).Info().
		Uint64("goroutines", s.samples[0].Value.Uint64()).
		Uint64("heapBytes", s.samples[1].Value.Uint64()).
		Uint64("gcPauses", count).
		Str("longestGCPause", longest.String()).
		Msg("runtime sample")

	return nil
}

// newPauses returns how many pauses histogram counts beyond those of before,
// and the upper bound of the longest new one; 0 if there is none. Before holds
// earlier counts of the same buckets, nil if there are none.
func newPauses(histogram *metrics.Float64Histogram, before []uint64) (count uint64, longest time.Duration) {
	for i, n := range histogram.Counts {
		if before != nil {
			n -= before[i]
		}

		if n == 0 {
			continue
		}

		count += n
		longest = bucketBound(histogram.Buckets[i], histogram.Buckets[i+1])
	}

	return count, longest
}

// bucketBound returns the upper bound of the bucket from low to high seconds,
// or its lower bound if it has no upper one.
func bucketBound(low, high float64) time.Duration {
	if math.IsInf(high, 1) {
		high = low
	}

	return time.Duration(high * float64(time.Second)).Round(time.Microsecond)
}
