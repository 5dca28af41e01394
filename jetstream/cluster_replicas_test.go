package jetstream_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tally is what three replicas have handled.
type tally struct {
	mu      sync.Mutex // guards the fields below
	handled map[string]int
	last    time.Time
	pause   time.Duration // the longest between two messages since it was taken
}

func (l *tally) handle(data string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	now := time.Now()
	if !l.last.IsZero() {
		l.pause = max(l.pause, now.Sub(l.last))
	}
	l.last = now
	l.handled[data]++
}

func (l *tally) takePause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	pause := l.pause
	l.pause = 0

	return pause
}

func (l *tally) count() (distinct, duplicates int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.handled {
		duplicates += n - 1
	}

	return len(l.handled), duplicates
}

// TestClusterLosesNothing has three replicas work through messages that are older than AckWait, while the consumer's leader steps
// down, is shut down, and is killed. A singleton works beside them, likewise.
func TestClusterLosesNothing(t *testing.T) {
	total, rounds, ackWait := 4000, 1, 15*time.Second
	if *long {
		total, rounds = 20_000, 3
	}
	c := startCluster(t)
	conn, js := c.connect()
	jobs := c.stream(js, "JOBS", "jobs", jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait})
	solo := c.stream(js, "SOLO", "solo", jetstream.ConsumerConfig{
		Durable: "solo", AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"main"}, PinnedTTL: pinnedTTL,
	})
	data := make([]string, total)
	for i := range data {
		data[i] = strconv.Itoa(i)
	}
	publish(t, js, "jobs", data...)
	publish(t, js, "solo", data[:2000]...)
	<-time.After(ackWait)

	done := &tally{handled: map[string]int{}}
	watch := &solos{handled: map[string]int{}}
	for range 3 {
		c.replica(done, watch)
	}
	inFlight := 0
	for round := range rounds {
		for kind, disturb := range []func(){
			func() { c.stepDown(conn, "JOBS", "c"); c.stepDown(conn, "SOLO", "solo") },
			func() { c.endLeader(jobs, syscall.SIGTERM, time.Second) },
			func() { c.endLeader(solo, syscall.SIGKILL, time.Second) },
		} {
			step := total / (3*rounds + 1)
			c.waitFor(done, (3*round+kind)*step+step/2)
			inFlight += c.inFlight(jobs)
			solosBefore := watch.count()
			done.takePause()
			disturb()
			c.waitFor(done, (3*round+kind+1)*step)
			require.Eventually(t, func() bool { return watch.count() > solosBefore+1 }, patience, 10*time.Millisecond)
			pause := done.takePause()
			t.Logf("%s: paused for %s", []string{"stepdown", "shutdown", "SIGKILL"}[kind], pause.Round(time.Millisecond))
			assert.Less(t, pause, 30*time.Second, "an election of a busy machine, and AckWait")
			if kind == 0 {
				assert.Less(t, pause, 6*time.Second, "no replica waits for more than two heartbeats of a second")
			}
		}
	}
	c.waitFor(done, total)
	_, duplicates := done.count()
	watch.mu.Lock()
	defer watch.mu.Unlock()
	t.Logf("%d handled, %d duplicates of %d in flight, singleton: %d handled, %d overlaps",
		total, duplicates, inFlight, len(watch.handled), watch.overlaps)
	assert.LessOrEqual(t, duplicates, inFlight)
	assert.Zero(t, watch.overlaps)
}

// replica runs both workers on a connection of their own.
func (c *cluster) replica(done *tally, watch *solos) {
	c.t.Helper()

	_, js := c.connect()
	jobs, err := js.Consumer(c.t.Context(), "JOBS", "c")
	require.NoError(c.t, err)
	solo, err := js.Consumer(c.t.Context(), "SOLO", "solo")
	require.NoError(c.t, err)
	unlimited := worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts)
	run(c.t, nil, workerjetstream.NewConsumerWorker("jobs", jobs, func(_ context.Context, msg jetstream.Msg) error {
		<-time.After(100 * time.Millisecond)
		done.handle(string(msg.Data()))
		return nil
	}, workerjetstream.WithConcurrency(8)), unlimited)
	run(c.t, nil, workerjetstream.NewSingletonWorker("solo", solo, "main", watch.handler(50*time.Millisecond)), unlimited)
}

func (c *cluster) waitFor(done *tally, n int) {
	c.t.Helper()

	require.Eventually(c.t, func() bool { distinct, _ := done.count(); return distinct >= n }, 2*time.Minute, 10*time.Millisecond,
		fmt.Sprint(n))
}

func (c *cluster) inFlight(consumer jetstream.Consumer) (n int) {
	c.t.Helper()

	require.Eventually(c.t, func() bool {
		info, err := consumer.Info(c.t.Context())
		if err == nil {
			n = info.NumAckPending
		}
		return err == nil
	}, patience, 10*time.Millisecond)

	return n
}
