package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Lock is what a lock service offers, be it etcd, Redis, Kubernetes or a database.
type Lock interface {
	// Acquire waits until the lock is held. The context that it returns derives from ctx, and is done once the lock is lost.
	Acquire(ctx context.Context) (held context.Context, release func(), err error)
}

var errLeadLost = errors.New("lead lost")

// leaderOnly is a middleware: it runs an attempt only while it holds the lock.
type leaderOnly struct{ lock Lock }

func (leaderOnly) Name() string { return "leader-only" }

func (l leaderOnly) Handle() worker.MiddlewareFunc {
	return func(next worker.HandlerFunc) worker.HandlerFunc {
		return func(ctx context.Context) error {
			held, release, err := l.lock.Acquire(ctx)
			if err != nil {
				return err
			}
			defer release()

			err = next(held)
			if held.Err() != nil && ctx.Err() == nil {
				return errLeadLost // whatever the worker makes of it, so that it stands for election again
			}

			return err
		}
	}
}

func newReplica(lock Lock, biller worker.Worker) *worker.WorkerPool {
	return worker.NewWorkerPool(worker.WithWorker(biller,
		worker.WithMiddlewares(leaderOnly{lock}),
		worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
		worker.WithBackoff(worker.ConstantBackoff(time.Second)),
	))
}

// newNightly makes a pool whose report is made by the replica that leads: no other one has the schedule at work.
func newNightly(lock Lock, nightly worker.Schedule, makeReport worker.HandlerFunc) *worker.WorkerPool {
	reports := worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(10*time.Second),
		worker.WithWorker(worker.NewFuncWorker("report", makeReport),
			worker.WithSchedule(nightly),
			worker.WithMaxExecutionsAttempts(3),
			worker.WithBackoff(worker.ConstantBackoff(10*time.Minute)),
		),
	)

	return newReplica(lock, worker.NewFuncWorker("reports", reports.Run))
}

func TestLeaderElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		lock := newMemoryLock()
		var log []string
		replica := func(name string) *worker.WorkerPool {
			pool := newReplica(lock, worker.NewFuncWorker("biller", func(ctx context.Context) error {
				log = append(log, fmt.Sprintf("%s: %s leads", time.Since(start), name))
				<-ctx.Done()

				return nil
			}))
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()

			return pool
		}
		a, b := replica("a"), replica("b")

		time.Sleep(time.Hour)
		synctest.Wait()
		lock.lose() // a's lease has run out: b leads, and a stands for election after its backoff
		time.Sleep(time.Hour)
		assert.Equal(t, worker.Running, status(a, "biller"))
		require.NoError(t, b.Stop())
		time.Sleep(time.Hour)
		require.NoError(t, a.Stop())

		assert.Equal(t, []string{"0s: a leads", "1h0m0s: b leads", "2h0m0s: a leads"}, log)
		execution, err := a.Execution("biller")
		require.NoError(t, err)
		require.ErrorIs(t, execution.LastError(), errLeadLost)
	})
}

func TestOneRunAmongReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		lock := newMemoryLock()
		var log []string
		replica := func(name string) *worker.WorkerPool {
			pool := newNightly(lock, worker.Every(24*time.Hour), func(context.Context) error {
				log = append(log, fmt.Sprintf("%s: %s", time.Since(start), name))
				time.Sleep(time.Minute)

				return nil
			})
			require.NoError(t, pool.Start(t.Context()))
			synctest.Wait()

			return pool
		}
		a, b := replica("a"), replica("b")

		time.Sleep(60 * time.Hour)
		require.NoError(t, a.Stop()) // b leads, and its schedule begins
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		lock.lose() // to nobody but b itself, after its backoff
		time.Sleep(25 * time.Hour)
		require.NoError(t, b.Stop())

		assert.Equal(t, []string{"24h0m0s: a", "48h0m0s: a", "84h0m0s: b", "109h0m1s: b"}, log)
	})
}

// memoryLock is a lock within one process.
type memoryLock struct {
	free chan struct{} // holds one token while nobody has the lock
	lose func()        // takes it from its holder
}

func newMemoryLock() *memoryLock {
	l := &memoryLock{free: make(chan struct{}, 1)}
	l.free <- struct{}{}

	return l
}

func (l *memoryLock) Acquire(ctx context.Context) (context.Context, func(), error) {
	select {
	case <-l.free:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}

	held, lose := context.WithCancel(ctx)
	l.lose = lose

	return held, func() { lose(); l.free <- struct{}{} }, nil
}
