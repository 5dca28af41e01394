package recipes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// poller is the worker under test: it asks every minute, and gives up after three failures in a row.
type poller struct {
	ask func(ctx context.Context) error
}

func (p *poller) Name() string { return "poller" }

func (p *poller) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()

	for failures := 0; failures < 3; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}

		failures++
		if p.ask(ctx) == nil {
			failures = 0
		}
	}

	return errors.New("no answer three times")
}

func TestPoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []time.Duration
		p := &poller{ask: func(context.Context) error {
			asked = append(asked, time.Since(start))

			return errNoConnection
		}}

		// The pool is made inside of the bubble, and stopped before its end.
		pool := worker.NewWorkerPool(worker.WithWorker(p,
			worker.WithMaxExecutionsAttempts(2),
			worker.WithBackoff(worker.ConstantBackoff(24*time.Hour)),
		))
		require.NoError(t, pool.Start(t.Context()))

		time.Sleep(10 * time.Minute) // takes no time
		synctest.Wait()              // until every worker waits for something
		assert.Equal(t, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, asked)
		assert.Equal(t, worker.Waiting, status(pool, "poller"))

		require.EqualError(t, pool.Wait(t.Context()), "worker poller: no answer three times")
		assert.Equal(t, 24*time.Hour+6*time.Minute, time.Since(start), "to the nanosecond")
		require.NoError(t, pool.Stop())
	})
}
