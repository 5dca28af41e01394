package board

import (
	"context"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
)

// Measure takes the samples in rounds: each of them once in every round, so that what slows the machine down for a while
// meets all of them. It ends early once ctx is done, and then returns its error.
func Measure(ctx context.Context, results *Results, samples []sample.Sample, rounds int, round func(int)) error {
	for i := range rounds {
		round(i + 1)
		for _, s := range samples {
			if results.GivenUp(s) || i > 0 && s.Once() {
				continue
			}
			values, err := s.TakeApart(ctx, results.boundOf(s))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			results.Add(s, values, err)
		}
	}

	return nil
}
