package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// beatFor beats every second for d, in the middle between two checks, and then hangs until it is released.
func beatFor(ctx context.Context, d time.Duration, release <-chan struct{}) {
	time.Sleep(500 * time.Millisecond)
	for range d / time.Second {
		time.Sleep(time.Second)
		worker.Heartbeat(ctx)
	}
	waitForRelease(release)
}

func TestMissedHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		var alive, most atomic.Int32
		var cause error
		release := make(chan struct{})
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			most.Store(max(most.Load(), alive.Add(1)))
			defer alive.Add(-1)
			if worker.CtxWorkerExecutionId(ctx) == "id-2" {
				return nil
			}
			beatFor(ctx, time.Minute, release)
			cause = context.Cause(ctx)
			return ctx.Err()
		}), worker.WithHeartbeat(10*time.Second), worker.WithMaxExecutionsAttempts(2)))
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(time.Hour)

		e := execution(t, pool, "job")
		assert.Equal(t, worker.Stuck, e.Status())
		assert.Equal(t, int32(1), alive.Load(), "no second attempt while it hangs")
		close(release)
		synctest.Wait()
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/2",
			"+1m11s id-1 heartbeat missed for 10s",
			"+1h0m0s id-1 stopping execution attempt 1/2 with error: heartbeat missed: context canceled",
			"+1h0m0s id-1 restarting after error",
			"+1h0m0s id-2 starting execution attempt 2/2",
			"+1h0m0s id-2 stopping execution attempt 2/2 with success",
		}, timeline(e))
		assert.Equal(t, worker.ErrHeartbeatMissed, cause)
		require.ErrorIs(t, e.LastError(), worker.ErrHeartbeatMissed)
		require.ErrorIs(t, e.LastError(), context.Canceled)
		assert.Equal(t, int32(1), most.Load())

		var line struct{ Level, Worker, Stack, Message string }
		require.NoError(t, json.Unmarshal([]byte(logs.lines()[1]), &line))
		assert.Equal(t, "error", line.Level)
		assert.Equal(t, "heartbeat missed for 10s", line.Message)
		assert.Contains(t, line.Stack, "waitForRelease")
		require.NoError(t, pool.Stop())
	})
}

func TestLateBeatClearsStuck(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Hour, do("job", func(ctx context.Context) error {
			time.Sleep(15*time.Second + 500*time.Millisecond)
			worker.Heartbeat(ctx)
			time.Sleep(5 * time.Second)

			return nil
		}), worker.WithHeartbeat(10*time.Second))
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/1",
			"+10s id-1 heartbeat missed for 10s",
			"+16s id-1 heartbeat resumed",
			"+20.5s id-1 stopping execution attempt 1/1 with error: heartbeat missed",
			"+20.5s id-1 max execution attempts reached",
		}, timeline(e))
		assert.Equal(t, worker.Error, e.Status(), "a beat does not take the failure back")
	})
}

func TestStuckToTheEndIsAFailure(t *testing.T) {
	for name, test := range map[string]struct {
		run     run
		outcome string
	}{
		"nil":    {takes(time.Minute, nil), "with error: heartbeat missed"},
		"error":  {takes(time.Minute, errors.New("boom")), "with error: heartbeat missed: boom"},
		"panic":  {func(context.Context) error { time.Sleep(time.Minute); panic("ouch") }, "with recovered panic: ouch"},
		"Goexit": {func(context.Context) error { time.Sleep(time.Minute); runtime.Goexit(); return nil }, "with runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				e := script(t, time.Hour, do("job", test.run), worker.WithHeartbeat(10*time.Second))
				assert.Equal(t, []string{
					"+0s id-1 starting execution attempt 1/1",
					"+10s id-1 heartbeat missed for 10s",
					"+1m0s id-1 stopping execution attempt 1/1 " + test.outcome,
					"+1m0s id-1 max execution attempts reached",
				}, timeline(e))
				assert.Equal(t, worker.Error, e.Status())
			})
		})
	}
}

func TestStopOfAStuckWorkerIsClean(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			waitForRelease(release)
			return ctx.Err()
		}), worker.WithHeartbeat(10*time.Second), worker.WithMaxExecutionsAttempts(9)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)

		var stop *worker.StopError
		require.ErrorAs(t, pool.Shutdown(within(t, time.Minute)), &stop)
		assert.Equal(t, worker.Stuck, stop.Workers[0].Status)
		close(release)
		require.NoError(t, pool.Stop())
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/9",
			"+10s id-1 heartbeat missed for 10s",
			"+2m0s id-1 stopping execution attempt 1/9 on cancellation",
			"+2m0s id-1 returned 0s after its stop had timed out",
		}, timeline(execution(t, pool, "job")))
	})
}

func TestHeartbeatIsWatchedWhileStopping(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Second, do("job", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Hour)
			return nil
		}), worker.WithHeartbeat(10*time.Second))
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/1",
			"+10s id-1 heartbeat missed for 10s",
			"+1h0m1s id-1 stopping execution attempt 1/1 with success",
		}, timeline(e), "and no failure, since it was stopped before")
	})
}

func TestEachThatMissesItsHeartbeatHasAStack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("one", deaf(release)), worker.WithHeartbeat(time.Second)),
			worker.WithWorker(do("two", deaf(release)), worker.WithHeartbeat(time.Second)))
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(2 * time.Second)
		close(release)
		require.NoError(t, pool.Stop())

		stacks := 0
		for _, text := range logs.lines() {
			var line struct{ Stack string }
			require.NoError(t, json.Unmarshal([]byte(text), &line))
			if line.Stack != "" {
				assert.Contains(t, line.Stack, "waitForRelease")
				stacks++
			}
		}
		assert.Equal(t, 2, stacks)
	})
}

func TestHeartbeatWithoutTheOptionDoesNothing(t *testing.T) {
	worker.Heartbeat(t.Context())

	for _, timeout := range []time.Duration{0, -time.Second} {
		synctest.Test(t, func(t *testing.T) {
			e := script(t, time.Hour, do("job", func(ctx context.Context) error {
				worker.Heartbeat(ctx)
				return block(ctx)
			}), worker.WithHeartbeat(timeout))
			assert.Equal(t, []string{
				"+0s id-1 starting execution attempt 1/1", "+1h0m0s id-1 stopping execution attempt 1/1 on cancellation",
			}, timeline(e))
		})
	}
}

func TestHeartbeatThroughADerivedContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := script(t, time.Hour, do("job", func(ctx context.Context) error {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			for range 60 {
				time.Sleep(time.Second)
				worker.Heartbeat(derived)
			}
			return nil
		}), worker.WithHeartbeat(3*time.Second))
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/1", "+1m0s id-1 stopping execution attempt 1/1 with success",
		}, timeline(e))
	})
}
