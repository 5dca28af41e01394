package contender_test

import (
	"io"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
)

// BenchmarkScrape does what a handler for metrics does with those of workers that run: it gathers them and writes them as text.
func BenchmarkScrape(b *testing.B) {
	each(b, []contender.Contender{contender.Ours, contender.Published}, func(b *testing.B, c contender.Contender) {
		registry, setup := prometheus.NewRegistry(), alone
		setup.Registry = func() *prometheus.Registry { return registry }
		defer lap(c, setup, residents, wait)()()
		for b.Loop() {
			families, err := registry.Gather()
			require.NoError(b, err)
			encoder := expfmt.NewEncoder(io.Discard, expfmt.NewFormat(expfmt.TypeTextPlain))
			for _, family := range families {
				require.NoError(b, encoder.Encode(family))
			}
		}
	})
}
