package contender_test

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// pools are the contenders that restart workers, and log that.
var pools = contender.All[:3]

// each runs a benchmark for each of some contenders.
func each(b *testing.B, contenders []contender.Contender, measure func(*testing.B, contender.Contender)) {
	for _, c := range contenders {
		b.Run("by="+c.Name, func(b *testing.B) { measure(b, c) })
	}
}

// alone has nothing but what a contender cannot do without.
var alone = contender.Setup{Context: context.Background()}

// asInService adds what services give their workers: a logger, a context that can end, and a registry for their metrics.
func asInService(b *testing.B, w io.Writer) contender.Setup {
	logger := zerolog.New(w).With().Timestamp().Logger()

	return contender.Setup{Context: logger.WithContext(b.Context()), Logger: &logger, Registry: prometheus.NewRegistry}
}

// lap returns a function that builds and starts n workers, and returns what stops them, once all run and wait for their contexts.
func lap(c contender.Contender, setup contender.Setup, n int, wait func(context.Context)) func() (stop func()) {
	var running sync.WaitGroup
	setup.Workers = contender.NewWorkers(n, func(ctx context.Context) error {
		running.Done()
		wait(ctx)

		return nil
	})

	return func() func() {
		running.Add(n)
		start, stop := c.New(setup)
		start()
		running.Wait()
		return stop
	}
}

func wait(ctx context.Context) { <-ctx.Done() }
