package contender_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
)

func TestEachContenderRunsAndStopsEachWorker(t *testing.T) {
	for _, c := range contender.All() {
		t.Run(c.Name, func(t *testing.T) {
			var running sync.WaitGroup
			var stopped atomic.Int64
			running.Add(10)

			group := c.New(contender.Setup{Workers: contender.NewWorkers(10, func(ctx context.Context) error {
				running.Done()
				<-ctx.Done()
				stopped.Add(1)

				return nil
			})})
			group.Start()
			running.Wait()
			group.Stop()

			assert.Equal(t, int64(10), stopped.Load())
		})
	}
}

func TestContendersThatRestartRunAFailedWorkerAgain(t *testing.T) {
	for _, c := range contender.All() {
		if !c.Restarts {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			var log bytes.Buffer
			logger := zerolog.New(zerolog.SyncWriter(&log))
			attempts := 0
			done := make(chan struct{})

			group := c.New(contender.Setup{Attempts: 5, Logger: &logger, Workers: contender.NewWorkers(1,
				func(ctx context.Context) error {
					if attempts++; attempts < 5 {
						return errors.New("failed")
					}
					close(done)
					<-ctx.Done()

					return nil
				})})
			group.Start()
			<-done
			group.Stop()

			assert.Equal(t, 5, attempts)
			assert.Contains(t, log.String(), "failed")
		})
	}
}

func TestFind(t *testing.T) {
	found, ok := contender.Find(contender.Ours)
	assert.True(t, ok)
	assert.Equal(t, contender.Ours, found.Name)

	_, ok = contender.Find("nobody")
	assert.False(t, ok)
}
