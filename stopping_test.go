package worker_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Stops: what no longer begins, and what bounds them, whoever began them.

// TestStopBeginsNoFirstAttempt is in real time: the first of 3,000 workers stops the pool while the others are being launched.
func TestStopBeginsNoFirstAttempt(t *testing.T) {
	for name, stop := range map[string]func(pool *worker.WorkerPool, cancel func()){
		"by its context": func(_ *worker.WorkerPool, cancel func()) { cancel() },
		"by Shutdown": func(pool *worker.WorkerPool, _ func()) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = pool.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var pool *worker.WorkerPool
			var stopped atomic.Bool
			var begun, live atomic.Int32
			options := []worker.WorkerPoolOption{worker.WithGenerator(nil), worker.WithGlobalListener(func(transition worker.Transition) {
				if transition.Kind == worker.TransitionStarting && !stopped.Swap(true) {
					stop(pool, cancel)
				}
			})}
			for i := range 3000 {
				options = append(options, worker.WithWorker(do(fmt.Sprint(i), func(ctx context.Context) error {
					if begun.Add(1); ctx.Err() == nil {
						live.Add(1)
					}
					return block(ctx)
				})))
			}
			pool = newPool(t, options...)
			require.NoError(t, pool.Start(ctx))
			require.NoError(t, pool.Wait(context.Background()))
			require.NoError(t, pool.Stop())

			assert.Less(t, begun.Load(), int32(1000), "only those that had begun before the stop, of 3,000")
			assert.Less(t, live.Load(), int32(1000))
			started := 0
			for _, line := range metricsText(t, pool.Metrics(), "worker_executions_total") {
				if strings.Contains(line, `status="started"`) {
					started++
				}
			}
			assert.EqualValues(t, started, begun.Load())
			unbegun := 0
			for _, e := range pool.Executions() {
				if e.HasEvent("stopping before first execution attempt") {
					assert.Equal(t, worker.Stopped, e.Status())
					unbegun++
				}
			}
			assert.Equal(t, 3000-started, unbegun, "and no other")
		})
	}
}

func TestNothingBeginsInALaterStageDuringAStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ran := false
		pool := newPool(t, worker.WithWorker(do("producer", drain(20*time.Second))),
			worker.WithWorker(do("consumer", func(context.Context) error { ran = true; return nil }), worker.WithStopStage(1),
				worker.WithDeferredStartThreshold(10)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(5 * time.Second)
		require.NoError(t, pool.Stop())
		assert.False(t, ran)
		assert.Equal(t, []string{
			"+0s id-2 deferring execution attempt for 10 seconds",
			"+5s id-2 stopping before first execution attempt",
		}, timeline(execution(t, pool, "consumer")))
	})
}

func TestGlobalStopTimeoutBoundsAStopThatNobodyCalled(t *testing.T) {
	for name, cause := range map[string]func(pool *worker.WorkerPool, cancel func()){
		"the end of Start's context": func(_ *worker.WorkerPool, cancel func()) { cancel() },
		"a worker that gave up":      func(pool *worker.WorkerPool, _ func()) { pool.Register(failing()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				var logs logBuffer
				var told time.Duration
				pool := newPool(t, worker.WithGlobalStopTimeout(10*time.Second), worker.WithWorker(do("hung", deaf(release))),
					worker.WithWorker(do("later", func(ctx context.Context) error {
						<-ctx.Done()
						told = time.Since(start)
						return ctx.Err()
					}), worker.WithStopStage(1)))
				ctx, cancel := context.WithCancel(logs.context())
				defer cancel()
				require.NoError(t, pool.Start(ctx))
				time.Sleep(time.Minute)
				cause(pool, cancel)

				err := pool.Wait(context.Background()) // a main made of Start, Wait and Shutdown
				assert.Equal(t, 70*time.Second, time.Since(start))
				var stop *worker.StopError
				require.ErrorAs(t, err, &stop)
				require.Len(t, stop.Workers, 2)
				assert.Equal(t, "hung", stop.Workers[0].Name)
				assert.Equal(t, 10*time.Second, stop.Workers[0].Told)
				assert.Contains(t, stop.Workers[0].Stack, "waitForRelease")
				assert.Zero(t, stop.Workers[1].Told, "told only now")
				synctest.Wait()
				assert.Equal(t, 70*time.Second, told, "a later stage is told nevertheless")
				assert.Contains(t, strings.Join(logs.lines(), "\n"), `"message":"worker has not stopped in time"`)

				require.ErrorIs(t, pool.Shutdown(context.Background()), worker.ErrStopTimeout)
				assert.Equal(t, 80*time.Second, time.Since(start), "bounded anew, for who asks again")
				close(release)
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// A main that ends the process with the error of Run, as log.Fatal does, must not lose the line with the stack.
func TestWhoHangsIsLoggedBeforeRunReturns(t *testing.T) {
	for name, test := range map[string]struct{ takes, late time.Duration }{
		"a slow log writer":     {3 * time.Millisecond, 3 * time.Millisecond},
		"one that hangs itself": {time.Hour, 5 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				var written atomic.Bool
				logs := logging(t, func(line string) {
					if strings.Contains(line, "worker has not stopped in time") {
						time.Sleep(test.takes)
						written.Store(true)
					}
				})
				pool := newPool(t, worker.WithGlobalStopTimeout(10*time.Second), worker.WithWorker(do("hung", deaf(release))))
				ctx, cancel := context.WithTimeout(logs, time.Minute)
				defer cancel()

				require.ErrorIs(t, pool.Run(ctx), worker.ErrStopTimeout)
				assert.Equal(t, 70*time.Second+test.late, time.Since(start))
				assert.Equal(t, test.takes == test.late, written.Load())
				close(release)
				require.NoError(t, pool.Stop())
				time.Sleep(time.Hour)
			})
		})
	}
}
