package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShutdownNamesAndLocatesWhoHangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		release := make(chan struct{})
		children := func(context.Context) error {
			go waitInAChild(release)
			<-release
			return nil
		}
		pool := newPool(t,
			worker.WithWorker(do("fine", block)),
			worker.WithWorker(do("deaf \"quoted\"", deaf(release))),
			worker.WithWorker(do("parent", children)),
		)
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(time.Hour)

		err := pool.Shutdown(within(t, 10*time.Second))
		assert.Equal(t, time.Hour+10*time.Second, time.Since(start), "at its deadline")
		require.ErrorIs(t, err, worker.ErrStopTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, `stop timed out: still running: deaf "quoted" (running for 1h0m10s), parent (running for 1h0m10s)`)

		var stop *worker.StopError
		require.ErrorAs(t, err, &stop)
		require.Len(t, stop.Workers, 2)
		stuck := stop.Workers[0]
		assert.Equal(t, `deaf "quoted"`, stuck.Name)
		assert.Equal(t, worker.Running, stuck.Status)
		assert.Equal(t, time.Hour+10*time.Second, stuck.Running)
		assert.Regexp(t, `waitForRelease\+0x[0-9a-f]+\n\t.*/helper_worker_test.go:\d+\n`, stuck.Stack)
		assert.NotContains(t, stuck.Stack, "waitInAChild")
		assert.Contains(t, stop.Workers[1].Stack, "waitInAChild", "the goroutines that it started, too")

		require.EqualError(t, pool.Start(t.Context()), `worker pool is already started: still stopping deaf "quoted", parent`)
		require.ErrorIs(t, pool.Shutdown(within(t, 0)), worker.ErrStopTimeout, "again")
		time.Sleep(50 * time.Second)
		close(release)
		require.NoError(t, pool.Stop())

		e := execution(t, pool, "parent")
		id := e.Id()
		assert.Equal(t, []string{
			"+0s " + id + " starting execution attempt 1/1",
			"+1h1m0s " + id + " stopping execution attempt 1/1 with success",
			"+1h1m0s " + id + " returned 50s after its stop had timed out",
		}, timeline(e))
		assert.Contains(t, logs.lines(), `{"level":"warn","worker":"parent","workerExecutionID":"`+id+
			`","message":"returned 50s after its stop had timed out"}`)
		assert.False(t, execution(t, pool, "fine").HasEvent("returned 50s after its stop had timed out"))

		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
	})
}

func waitInAChild(release <-chan struct{}) { <-release }

func TestGlobalStopTimeoutBoundsStopAndShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, worker.WithGlobalStopTimeout(time.Minute), worker.WithWorker(do("deaf", deaf(release))))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()

		require.ErrorIs(t, pool.Stop(), worker.ErrStopTimeout)
		assert.Equal(t, time.Minute, time.Since(start))
		require.ErrorIs(t, pool.Shutdown(context.Background()), worker.ErrStopTimeout)
		assert.Equal(t, 2*time.Minute, time.Since(start))
		require.ErrorIs(t, pool.Shutdown(within(t, time.Second)), worker.ErrStopTimeout)
		assert.Equal(t, 2*time.Minute+time.Second, time.Since(start))
		require.ErrorIs(t, pool.StopWorker(context.Background(), "deaf"), worker.ErrStopTimeout)
		assert.Equal(t, 3*time.Minute+time.Second, time.Since(start))

		close(release)
		require.NoError(t, pool.Stop())
	})
}

func TestWaitJoinsTheErrorsInRegistrationOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(do("slow", takes(time.Hour, io.EOF))),
			worker.WithWorker(do("fine", takes(time.Minute, nil))),
			worker.WithWorker(do("quick", takes(time.Second, io.ErrUnexpectedEOF))),
		)
		require.NoError(t, pool.Wait(t.Context()), "before Start")
		require.NoError(t, pool.Start(t.Context()))

		require.ErrorIs(t, pool.Wait(within(t, time.Minute)), context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		go func() {
			time.Sleep(30 * time.Minute)
			pool.Register(worker.NewWorkerRegistration(do("later", takes(time.Hour, io.ErrClosedPipe))))
		}()

		err := pool.Wait(context.Background())
		assert.Equal(t, 91*time.Minute, time.Since(start), "the one that was registered later, too")
		require.EqualError(t, err, "worker slow: EOF\nworker quick: unexpected EOF\nworker later: io: read/write on closed pipe")
		for _, want := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe} {
			require.ErrorIs(t, err, want)
		}
		require.NoError(t, pool.Stop())
		require.EqualError(t, pool.Wait(t.Context()), err.Error(), "after Stop")
	})
}

// A worker that recovered from its failures, and was stopped, has not failed.
func TestWaitForgetsFailuresOfEarlierAttempts(t *testing.T) {
	for name, last := range map[string]run{"stopped": block, "succeeded": succeed} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(inOrder("job", fail, panics, last), worker.WithMaxExecutionsAttempts(3)))
				require.NoError(t, pool.Run(within(t, time.Minute)))
				require.NoError(t, pool.Wait(t.Context()))
			})
		})
	}
}

func TestRun(t *testing.T) {
	cases := map[string]struct {
		runs   []run
		cancel bool
		err    string
		took   time.Duration
	}{
		"no workers":                     {},
		"all succeed":                    {runs: []run{succeed, succeed}},
		"one fails, another runs on":     {runs: []run{fail, takes(time.Hour, nil)}, err: "worker 0: boom", took: time.Hour},
		"cancelled, all clean":           {runs: []run{block, block}, cancel: true, took: time.Minute},
		"cancelled, one fails meanwhile": {runs: []run{block, failLate}, cancel: true, err: "worker 1: boom", took: time.Minute},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t)
				for i, run := range test.runs {
					pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), run)))
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.cancel {
					ctx = within(t, time.Minute)
				}

				if err := pool.Run(ctx); test.err == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, test.err)
				}
				assert.Equal(t, test.took, time.Since(start))
			})
		})
	}

	t.Run("errors of Start", func(t *testing.T) {
		require.EqualError(t, newPool(t).Register(nil).Run(t.Context()), "nil worker registration")
	})

	t.Run("with a straggler", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			pool := newPool(t, worker.WithGlobalStopTimeout(time.Second),
				worker.WithWorker(do("deaf", deaf(release))), worker.WithWorker(do("job", fail)))
			err := pool.Run(within(t, time.Minute))
			require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 2)
			require.EqualError(t, err, "worker job: boom\nstop timed out: still running: deaf (running for 1m1s)")
			close(release)
			require.NoError(t, pool.Stop())
		})
	})

	t.Run("as the Run of a worker, with a straggler", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			inner := newPool(t, worker.WithGlobalStopTimeout(time.Second), worker.WithWorker(do("deaf", deaf(release))))
			outer := newPool(t, worker.WithWorker(worker.NewFuncWorker("outer", inner.Run)))
			require.ErrorIs(t, outer.Run(within(t, time.Minute)), worker.ErrStopTimeout, "not a cancellation, though of a deadline")
			assert.Equal(t, worker.Error, execution(t, outer, "outer").Status())
			close(release)
			require.NoError(t, inner.Stop())
		})
	})

	t.Run("as the Run of a worker", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			inner := newPool(t, worker.WithWorker(do("inner", fail)))
			outer := newPool(t, worker.WithWorker(worker.NewFuncWorker("outer", inner.Run)))
			require.EqualError(t, outer.Run(t.Context()), "worker outer: worker inner: boom")
		})
	})
}

func TestStopPoolOnFailure(t *testing.T) {
	var cause error
	other := func(ctx context.Context) error { <-ctx.Done(); cause = context.Cause(ctx); return ctx.Err() }

	for name, test := range map[string]struct {
		vital worker.Worker
		err   string
		took  time.Duration
	}{
		"after its last attempt":   {do("vital", fail), "worker vital: boom", time.Minute},
		"after a permanent error":  {do("vital", func(context.Context) error { return worker.Permanent(io.EOF) }), "worker vital: EOF", 0},
		"not while it has success": {inOrder("vital", fail, succeed), "", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cause = nil
				pool := newPool(t, worker.WithWorker(do("other", other)), worker.WithWorker(test.vital,
					worker.WithStopPoolOnFailure(), worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(time.Minute))))
				err := pool.Run(within(t, time.Hour))
				assert.Equal(t, test.took, time.Since(start))
				assert.Equal(t, worker.Stopped, execution(t, pool, "other").Status())

				if test.err == "" {
					require.NoError(t, err)
					assert.Equal(t, context.DeadlineExceeded, cause)
					return
				}
				require.EqualError(t, err, test.err)
				assert.True(t, execution(t, pool, "vital").GaveUp())
				var failed *worker.WorkerError
				require.ErrorAs(t, err, &failed)
				assert.Same(t, failed, cause, "the cause is the failure")
			})
		})
	}

	t.Run("not if it fails because it is stopped", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			for name, late := range map[string]run{"at last": failLate, "permanently": func(ctx context.Context) error {
				return worker.Permanent(failLate(ctx))
			}} {
				pool := newPool(t, worker.WithWorker(do("other", block)), worker.WithWorker(do("vital", late), worker.WithStopPoolOnFailure()))
				require.NoError(t, pool.Start(t.Context()))
				synctest.Wait()
				require.NoError(t, pool.StopWorker(t.Context(), "vital"))
				synctest.Wait()
				assert.Equal(t, worker.Error, execution(t, pool, "vital").Status(), name)
				assert.Equal(t, worker.Running, execution(t, pool, "other").Status(), name)
				require.NoError(t, pool.Stop())
			}
		})
	})

	t.Run("without Run", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("other", block)), worker.WithWorker(do("vital", fail), worker.WithStopPoolOnFailure()))
			require.NoError(t, pool.Start(t.Context()))
			require.EqualError(t, pool.Wait(t.Context()), "worker vital: boom")
			synctest.Wait()
			require.NoError(t, pool.Start(t.Context()), "it has stopped")
			synctest.Wait()
			require.NoError(t, pool.Stop())
		})
	})
}

func TestStopStages(t *testing.T) {
	// Each stops a second after it was told to.
	slow := drain(time.Second)
	create := func(t *testing.T) *worker.WorkerPool {
		return newPool(t, worker.WithWorker(do("flusher", slow), worker.WithStopStage(20)),
			worker.WithWorker(do("producer", slow), worker.WithStopStage(-10)),
			worker.WithWorker(do("consumer", slow)), worker.WithWorker(do("consumer too", slow)))
	}
	ends := func(t *testing.T, pool *worker.WorkerPool) (ends [4]time.Duration) {
		for i, name := range []string{"producer", "consumer", "consumer too", "flusher"} {
			assert.Equal(t, worker.Stopped, execution(t, pool, name).Status())
			ends[i] = execution(t, pool, name).EndedAt().Sub(start)
		}
		return ends
	}
	inOrder := [4]time.Duration{61 * time.Second, 62 * time.Second, 62 * time.Second, 63 * time.Second}

	t.Run("end one after the other", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := create(t)
			require.NoError(t, pool.Start(t.Context()))
			time.Sleep(time.Minute)
			require.NoError(t, pool.Shutdown(within(t, time.Minute)))
			assert.Equal(t, inOrder, ends(t, pool))
		})
	})

	t.Run("when the context is done, too", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := create(t)
			require.NoError(t, pool.Run(within(t, time.Minute)))
			assert.Equal(t, inOrder, ends(t, pool))
		})
	})

	t.Run("one that overruns the deadline names all who remain", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			pool := newPool(t,
				worker.WithWorker(do("flusher", slow), worker.WithStopStage(2)),
				worker.WithWorker(do("consumer", deaf(release)), worker.WithStopStage(1)),
				worker.WithWorker(do("producer", slow)))
			require.NoError(t, pool.Start(t.Context()))
			time.Sleep(time.Minute)
			err := pool.Shutdown(within(t, 10*time.Second))
			require.EqualError(t, err, "stop timed out: still running: flusher (running for 1m10s), consumer (running for 1m10s)")
			var stop *worker.StopError
			require.ErrorAs(t, err, &stop)
			assert.Equal(t, []time.Duration{0, 9 * time.Second}, []time.Duration{stop.Workers[0].Told, stop.Workers[1].Told}, "only now, and in its turn")
			time.Sleep(time.Minute)
			assert.Equal(t, worker.Stopped, execution(t, pool, "flusher").Status(), "all were cancelled at the deadline")
			close(release)
			require.NoError(t, pool.Stop())
		})
	})

	t.Run("whose turn has not come is not started or restarted meanwhile", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			later := worker.WithStopStage(1)
			pool := newPool(t, worker.WithGenerator(generatorFunc(func() string { return "id" })),
				worker.WithWorker(do("producer", drain(10*time.Second))),
				worker.WithWorker(do("deferred", block), later, worker.WithDeferredStartThreshold(5)),
				worker.WithWorker(do("waiting", fail), later, worker.WithMaxExecutionsAttempts(9), worker.WithBackoff(worker.ConstantBackoff(4*time.Second))),
				worker.WithWorker(do("failing", takes(3*time.Second, io.EOF)), later, worker.WithMaxExecutionsAttempts(9)),
				worker.WithWorker(do("consumer", slow), later))
			require.NoError(t, pool.Start(t.Context()))
			time.Sleep(time.Second)
			require.NoError(t, pool.Stop())

			assert.Equal(t, []string{"+0s id deferring execution attempt for 5 seconds", "+1s id stopping before first execution attempt"},
				timeline(execution(t, pool, "deferred")))
			assert.Equal(t, "+1s id skipping restart on cancellation", timeline(execution(t, pool, "waiting"))[4])
			assert.Equal(t, worker.Stopped, execution(t, pool, "waiting").Status())
			assert.Equal(t, "+3s id skipping restart on cancellation", timeline(execution(t, pool, "failing"))[2])
			assert.Equal(t, worker.Error, execution(t, pool, "failing").Status())
			assert.Equal(t, 12*time.Second, execution(t, pool, "consumer").EndedAt().Sub(start), "one that runs has its turn")
		})
	})

	t.Run("whose turn has not come is told why when the deadline is reached", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			var cause error
			pool := newPool(t, worker.WithGlobalStopTimeout(time.Second),
				worker.WithWorker(do("deaf", deaf(release))),
				worker.WithWorker(do("consumer", func(ctx context.Context) error { <-ctx.Done(); cause = context.Cause(ctx); return nil }), worker.WithStopStage(1)),
				worker.WithWorker(do("vital", fail), worker.WithStopPoolOnFailure()))
			require.ErrorIs(t, pool.Run(t.Context()), worker.ErrStopTimeout)
			synctest.Wait()
			require.EqualError(t, cause, "worker vital: boom")
			close(release)
			require.NoError(t, pool.Stop())
		})
	})

	t.Run("registered while running", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("consumer", slow)))
			require.NoError(t, pool.Start(t.Context()))
			for name, stage := range map[string]int{"flusher": 1, "producer": -1} {
				pool.Register(worker.NewWorkerRegistration(do(name, slow), worker.WithStopStage(stage)))
			}
			time.Sleep(time.Minute)
			require.NoError(t, pool.Stop())
			assert.Equal(t, 61*time.Second, execution(t, pool, "producer").EndedAt().Sub(start))
			assert.Equal(t, 62*time.Second, execution(t, pool, "consumer").EndedAt().Sub(start))
			assert.Equal(t, 63*time.Second, execution(t, pool, "flusher").EndedAt().Sub(start))
		})
	})
}

func TestStopWorkerAndRestartWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var causes []error
		pool := newPool(t, worker.WithWorker(do("other", block)), worker.WithWorker(do("job", func(ctx context.Context) error {
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			time.Sleep(time.Second)
			return ctx.Err()
		}), worker.WithMaxExecutionsAttempts(3)))
		ctx := t.Context()

		require.EqualError(t, pool.StopWorker(ctx, "nobody"), "registration for worker nobody was not found")
		require.EqualError(t, pool.RestartWorker(ctx, "nobody"), "registration for worker nobody was not found")
		require.NoError(t, pool.StopWorker(ctx, "job"), "before Start")
		require.ErrorIs(t, pool.RestartWorker(ctx, "job"), worker.ErrPoolNotStarted)

		require.NoError(t, pool.Start(ctx))
		synctest.Wait()
		first := execution(t, pool, "job")
		require.NoError(t, pool.StopWorker(ctx, "job"))
		require.NoError(t, pool.StopWorker(ctx, "job"), "twice")
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, worker.Stopped, first.Status())
		assert.Equal(t, worker.Running, execution(t, pool, "other").Status())

		require.NoError(t, pool.RestartWorker(ctx, "job"), "stopped")
		synctest.Wait()
		second := execution(t, pool, "job")
		assert.NotSame(t, first, second)
		require.NoError(t, pool.RestartWorker(ctx, "job"), "running")
		synctest.Wait()
		third := execution(t, pool, "job")
		assert.Equal(t, 2*time.Second, time.Since(start))
		require.NoError(t, pool.Stop())
		require.ErrorIs(t, pool.RestartWorker(ctx, "job"), worker.ErrPoolNotStarted)

		assert.Equal(t, []error{worker.ErrWorkerStopped, worker.ErrWorkerStopped, worker.ErrPoolStopped}, causes)
		for i, e := range []*worker.WorkerExecution{first, second, third} {
			assert.Equal(t, worker.Stopped, e.Status(), i)
			require.Len(t, e.Events(), 2, i)
			assert.Equal(t, "starting execution attempt 1/3", e.Events()[0].Message())
			assert.Equal(t, "stopping execution attempt 1/3 on cancellation", e.Events()[1].Message())
		}
		assert.Equal(t, first.EndedAt(), second.StartedAt())
		assert.Equal(t, second.EndedAt(), third.StartedAt())
	})

	t.Run("one that does not end in time", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			pool := newPool(t, worker.WithWorker(do("deaf", deaf(release))))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()
			before := execution(t, pool, "deaf")

			for _, stop := range []func(context.Context, string) error{pool.StopWorker, pool.RestartWorker} {
				err := stop(within(t, time.Minute), "deaf")
				var timedOut *worker.StopError
				require.ErrorAs(t, err, &timedOut)
				require.Len(t, timedOut.Workers, 1)
				assert.Contains(t, timedOut.Workers[0].Stack, "waitForRelease")
			}
			assert.Same(t, before, execution(t, pool, "deaf"), "never two alive")
			close(release)
			synctest.Wait()
			assert.Equal(t, []string{
				"+0s id-1 starting execution attempt 1/1",
				"+2m0s id-1 stopping execution attempt 1/1 with success",
				"+2m0s id-1 returned 1m0s after its stop had timed out",
			}, timeline(before))
			require.NoError(t, pool.RestartWorker(t.Context(), "deaf"))
			require.NoError(t, pool.Stop())
		})
	})
}

// Whoever sees the end of Start's context in a worker sees a pool that is stopping, though nobody has called Stop.
func TestStateOnceTheContextIsDone(t *testing.T) {
	for range 1000 {
		var state worker.PoolState
		var pool *worker.WorkerPool
		pool = newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
			<-ctx.Done()
			state = pool.State()

			return nil
		})))
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, pool.Start(ctx))
		require.NoError(t, pool.WaitReady(ctx))
		cancel()
		require.NoError(t, pool.Wait(context.Background()))
		require.Equal(t, worker.PoolStopping, state)
		require.NoError(t, pool.Stop())
	}
}

// The restart of the only worker is not the end of all workers: neither Run nor Wait return between its old execution and the new one.
func TestRestartWorkerEndsNeitherRunNorWait(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			pool := newPool(t, worker.WithWorker(do("only", block)))
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 2)
			go func() { ended <- pool.Run(ctx) }()
			synctest.Wait()
			go func() { ended <- pool.Wait(context.Background()) }()
			synctest.Wait()

			require.NoError(t, pool.RestartWorker(t.Context(), "only"))
			synctest.Wait()
			assert.Empty(t, ended)
			assert.Equal(t, worker.Running, execution(t, pool, "only").Status())
			cancel()
			require.NoError(t, <-ended)
			require.NoError(t, <-ended)
		})
	}
}

// TestConcurrentCallers calls everything from many goroutines, in whatever state the pool is. That it ends, without a race and
// without a goroutine left in the bubble, is what it shows.
func TestConcurrentCallers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalStopTimeout(time.Hour),
			worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts))
		for i := range 10 {
			pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Duration(i) * time.Millisecond):
					return errors.New("boom")
				}
			}), worker.WithStopStage(i%3)))
		}

		ctx := context.Background()
		calls := []func(name string) error{
			func(string) error { return pool.Start(ctx) },
			func(string) error { return pool.Stop() },
			func(string) error { return pool.Shutdown(within(t, time.Millisecond)) },
			func(string) error { return pool.Wait(within(t, 5*time.Millisecond)) },
			func(string) error { return pool.Run(within(t, 10*time.Millisecond)) },
			func(name string) error { return pool.StopWorker(ctx, name) },
			func(name string) error { return pool.RestartWorker(ctx, name) },
			func(name string) error {
				pool.Register(worker.NewWorkerRegistration(do(name, block)))
				return nil
			},
		}
		var callers sync.WaitGroup
		for i, call := range calls {
			for j := range 4 {
				callers.Go(func() {
					for k := range 50 {
						time.Sleep(time.Duration((i+1)*(j+k)%7) * time.Millisecond)
						if err := call(fmt.Sprint((i + j + k) % 10)); err != nil {
							assert.True(t, expected(err), "%v", err)
						}
					}
				})
			}
		}
		callers.Wait()
		require.NoError(t, pool.Stop())
		for _, e := range pool.Executions() {
			assert.NotContains(t, []worker.WorkerStatus{worker.Running, worker.Waiting, worker.Deferred}, e.Status())
		}
	})
}

// expected tells whether callers that disturb each other may get an error.
func expected(err error) bool {
	for _, target := range []error{
		worker.ErrPoolAlreadyStarted, worker.ErrPoolNotStarted, worker.ErrStopTimeout, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}

	return strings.Contains(err.Error(), "boom")
}

func TestNilContexts(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("job", succeed)))
	var none context.Context
	for _, err := range []error{
		pool.Start(none), pool.Run(none), pool.WaitReady(none), pool.Wait(none), pool.Shutdown(none),
		pool.StopWorker(none, "job"), pool.RestartWorker(none, "job"), pool.Unregister(none, "job"),
	} {
		require.EqualError(t, err, "nil context")
	}
	assert.Empty(t, pool.Executions())
	assert.Len(t, pool.Registrations(), 1)
}

// The profiler labels of a worker's goroutine: its own, those of the context of Start, and the same in its context.
func TestProfilerLabels(t *testing.T) {
	labels := func(ctx context.Context) map[string]string {
		labels := map[string]string{}
		pprof.ForLabels(ctx, func(key, value string) bool { labels[key] = value; return true })
		return labels
	}
	var inner, outer map[string]string
	job := do("inner", func(ctx context.Context) error { inner = labels(ctx); return nil })
	pool := newPool(t, worker.WithWorker(do("outer", func(ctx context.Context) error {
		outer = labels(ctx)
		return newPool(t, worker.WithWorker(job)).Run(ctx)
	})))
	pprof.Do(t.Context(), pprof.Labels("service", "shop"), func(ctx context.Context) { require.NoError(t, pool.Run(ctx)) })

	assert.Equal(t, map[string]string{"service": "shop", "worker": "outer"}, outer)
	assert.Equal(t, map[string]string{"service": "shop", "worker": "inner"}, inner)
	require.NoError(t, newPool(t, worker.WithWorker(job)).Run(t.Context()))
	assert.Equal(t, map[string]string{"worker": "inner"}, inner)
}

// A worker that is stopped between two attempts does not begin the next one, whatever it waits for meanwhile.
func TestStopWorkerBetweenTwoAttempts(t *testing.T) {
	for name, backoff := range map[string]time.Duration{"without a backoff": 0, "with a backoff": time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var pool *worker.WorkerPool
				pool = newPool(t, worker.WithWorker(do("job", fail), worker.WithMaxExecutionsAttempts(3), worker.WithBackoff(worker.ConstantBackoff(backoff))),
					worker.WithGlobalListener(func(transition worker.Transition) {
						if transition.Message == "restarting after error" {
							assert.ErrorIs(t, pool.StopWorker(within(t, time.Second), "job"), worker.ErrStopTimeout)
						}
					}))
				require.NoError(t, pool.Run(t.Context()))

				assert.Equal(t, time.Second, time.Since(start))
				e := execution(t, pool, "job")
				assert.Equal(t, worker.Stopped, e.Status())
				assert.True(t, e.HasEvent("skipping restart on cancellation"))
				assert.Equal(t, 1, e.CurrentExecutionAttempt())
				assert.False(t, e.GaveUp())
			})
		})
	}
}
