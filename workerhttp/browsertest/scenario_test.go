package browsertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/require"
)

// What a hostile worker calls itself, and what it fails with.
const (
	hostileName  = `<img src=x onerror="document.title='owned'">`
	hostileError = `</pre></script><script>document.title="owned"</script><svg onload=alert(1)> &amp; "quoted" 'text'`
)

const unlimited = worker.UnlimitedExecutionsAttempts

// refused is what the waiting worker fails with.
const refused = "dial tcp 10.2.0.14:5432: connect: connection refused"

// statuses are the workers of everyStatus, and what the page says of each.
var statuses = map[string]string{
	"cache-warmer":    "success",
	hostileName:       "error",
	"nightly-report":  "deferred",
	"orders-consumer": "running",
	"price-sync":      "waiting",
	"search-indexer":  "stuck",
	"session-sweeper": "stopped",
	"thumbnailer":     "running",
	"webhooks":        "unknown",
}

// serveEveryStatus serves a pool with a worker in every status, and returns once each has its own.
func serveEveryStatus(t *testing.T) *service {
	t.Helper()

	release := make(chan struct{})
	ids := &gate{open: release}
	pool := newPool(t, append(workersOfEveryStatus(release), worker.WithGenerator(ids))...)
	s := serve(t, pool)
	t.Cleanup(func() { close(release) }) // before the pool is stopped

	require.Eventually(t, func() bool {
		sweeper, err := pool.Execution("session-sweeper")

		return err == nil && sweeper.Status() == worker.Running
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, pool.StopWorker(context.Background(), "session-sweeper"))
	require.Eventually(t, func() bool {
		execution := pool.Executions()
		return execution["search-indexer"].Status() == worker.Stuck && execution["thumbnailer"].CurrentExecutionAttempt() == 12 &&
			time.Until(execution["price-sync"].NextAttemptAt()) > time.Minute
	}, patience, 10*time.Millisecond)

	ids.mu.Lock()
	ids.shut = true
	ids.mu.Unlock()
	pool.Register(worker.NewWorkerRegistration(worker.NewFuncWorker("webhooks", block)))

	return s
}

func workersOfEveryStatus(release <-chan struct{}) []worker.WorkerPoolOption {
	succeeding := make([]worker.HandlerFunc, 12)
	for i := range succeeding {
		succeeding[i] = lasting(time.Duration(1+i%4)*5*time.Millisecond, succeed)
	}
	succeeding[11] = block

	return []worker.WorkerPoolOption{
		do("cache-warmer", lasting(30*time.Millisecond, succeed)),
		do(hostileName, fail(hostileError), worker.WithMaxExecutionsAttempts(3)),
		do("nightly-report", block, worker.WithDeferredStartThreshold(3*3600)),
		do("orders-consumer", inOrder(lasting(20*time.Millisecond, nilMap), block), worker.WithMaxExecutionsAttempts(5)),
		do("price-sync", inOrder(lasting(150*time.Millisecond, fail(refused)), fail(refused), fail(refused), panicking, fail(refused), fail(refused)),
			worker.WithMaxExecutionsAttempts(unlimited), worker.WithBackoff(patientAfter(6))),
		do("search-indexer", ignore(release), worker.WithHeartbeat(50*time.Millisecond)),
		do("session-sweeper", lasting(time.Hour, succeed)),
		do("thumbnailer", inOrder(succeeding...), worker.WithMaxExecutionsAttempts(unlimited),
			worker.WithRestartPolicy(worker.RestartAlways), worker.WithBackoff(worker.ConstantBackoff(5*time.Millisecond))),
	}
}

func panicking(context.Context) error {
	panic(errors.New("index out of range [3] with length 3"))
}

func nilMap(context.Context) error {
	orders := map[string]map[string]int{}["none"]
	orders["new"]++

	return nil
}

// ignore runs until released, whatever its context says.
func ignore(release <-chan struct{}) worker.HandlerFunc {
	return func(context.Context) error {
		<-release
		return nil
	}
}

// patientAfter waits a little after each failure, and five minutes from the n-th on.
func patientAfter(n int) worker.BackoffFunc {
	return func(failures int, _ error) time.Duration {
		if failures >= n {
			return 5 * time.Minute
		}

		return time.Duration(failures*failures) * 10 * time.Millisecond
	}
}
