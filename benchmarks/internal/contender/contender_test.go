package contender_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
)

func TestEachContenderRunsAndStopsEachWorker(t *testing.T) {
	for _, c := range contender.All {
		var stopped atomic.Int64
		stop := lap(c, alone, 10, func(ctx context.Context) {
			<-ctx.Done()
			stopped.Add(1)
		})()
		assert.Zero(t, stopped.Load(), c.Name)
		stop()
		assert.Equal(t, int64(10), stopped.Load(), c.Name)
	}
}

func TestContendersThatRestartLogAndRunAFailedWorkerAgain(t *testing.T) {
	for _, c := range pools {
		var log bytes.Buffer
		logger := zerolog.New(zerolog.SyncWriter(&log))
		s := &streak{n: 5}
		workers, ctx := contender.NewWorkers(1, s.fail), logger.WithContext(t.Context())
		s.run(c, contender.Setup{Logger: &logger, Context: ctx, Workers: workers, Attempts: 5})

		assert.Equal(t, 5, s.attempt, c.Name)
		assert.GreaterOrEqual(t, bytes.Count(log.Bytes(), []byte(`"worker-0"`)), 4, c.Name)
		assert.Contains(t, log.String(), errFailed.Error(), c.Name)
	}
}
