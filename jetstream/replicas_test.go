package jetstream_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const totalJobs = 100_000

// TestReplicas has three processes share out messages, while one of them is killed, one is stopped, and the server is restarted.
func TestReplicas(t *testing.T) {
	dir := t.TempDir()
	server := runServer(t, dir, -1)
	defer func() { stopServer(server) }()
	url, port := server.ClientURL(), portOf(t, server.ClientURL())
	conn, js := connect(t, url)
	jobs, solo := replicaStreams(t, js)
	pins := watchPins(t, conn, solo)
	stopFeeding := feed(t, js)
	replicas := []*replica{startReplica(t, url), startReplica(t, url), startReplica(t, url)}
	last := func(a, b *replica) int { return cmp.Compare(len(a.turns(t)), len(b.turns(t))) }

	waitForAcks(t, jobs, totalJobs/10)
	require.Eventually(t, func() bool { return len(slices.MaxFunc(replicas, last).turns(t)) > 0 }, patience, 10*time.Millisecond)
	killed := slices.MaxFunc(replicas, last) // the one with the singleton
	killed.kill(t)
	killedAt := time.Now()
	alive := slices.DeleteFunc(slices.Clone(replicas), func(r *replica) bool { return r == killed })
	require.Eventually(t, func() bool { return len(slices.MaxFunc(alive, last).turns(t)) > 0 }, patience, 10*time.Millisecond)
	stopped := slices.MaxFunc(alive, last)
	survivor := slices.MinFunc(alive, last)

	waitForAcks(t, jobs, totalJobs/2)
	stopped.stop(t)
	stoppedAt := time.Now()
	require.Less(t, ackFloor(t, jobs), uint64(totalJobs), "the stop was midway")
	require.Eventually(t, func() bool { return len(survivor.turns(t)) > 0 }, patience, 10*time.Millisecond)

	waitForAcks(t, jobs, min(totalJobs*3/4, totalJobs-1))
	stopServer(server)
	server = runServer(t, dir, port)

	waitForAcks(t, jobs, totalJobs)
	stopFeeding()
	survivor.stop(t)
	requireHandled(t, replicas, killed)
	requireSingle(t, replicas)
	requireTakeover(t, killed, alive, killedAt)
	requireTakeover(t, stopped, []*replica{survivor}, stoppedAt)
	pins(t)
}

// replicaStreams makes the streams of the replicas' workers, with all jobs in it.
func replicaStreams(t *testing.T, js jetstream.JetStream) (jobs, solo jetstream.Consumer) {
	t.Helper()

	jobs = newStream(t, js, jetstream.ConsumerConfig{AckWait: 5 * time.Second})
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "SOLO", Subjects: []string{"solo"}})
	require.NoError(t, err)
	solo, err = js.CreateConsumer(t.Context(), "SOLO", jetstream.ConsumerConfig{
		Durable:        "solo",
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        pinnedTTL,
		MaxAckPending:  1,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{"main"},
		PinnedTTL:      pinnedTTL,
	})
	require.NoError(t, err)
	data := make([]string, totalJobs)
	for i := range data {
		data[i] = strconv.Itoa(i)
	}
	publish(t, js, "jobs", data...)

	return jobs, solo
}

// feed sends a message to the singleton ever so often.
func feed(t *testing.T, js jetstream.JetStream) (stop func()) {
	t.Helper()

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(2 * soloWork)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-ticker.C:
				_, _ = js.Publish(ctx, "solo", []byte(strconv.Itoa(i)))
			case <-ctx.Done():
				return
			}
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)

	return stop
}

// watchPins watches the server's side of the singleton, and returns a function that requires that all was well.
func watchPins(t *testing.T, conn *nats.Conn, solo jetstream.Consumer) func(*testing.T) {
	t.Helper()

	events := make(chan string, 1000) // more than there are
	// One subscription, since the order of events is kept within one only.
	subscription, err := conn.Subscribe("$JS.EVENT.ADVISORY.CONSUMER.*.SOLO.solo", func(msg *nats.Msg) {
		if kind := strings.Split(msg.Subject, ".")[4]; kind == "PINNED" || kind == "UNPINNED" {
			events <- kind
		}
	})
	require.NoError(t, err)
	drained := make(chan struct{})
	subscription.SetClosedHandler(func(string) { close(drained) })
	worst := make(chan int)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		defer close(worst)
		most := 0
		for ctx.Err() == nil {
			if info, err := solo.Info(ctx); err == nil {
				most = max(most, info.NumAckPending)
			}
		}
		worst <- most
	}()

	return func(t *testing.T) {
		t.Helper()

		cancel()
		assert.Equal(t, 1, receive(t, worst), "the server never had more than one message out")
		require.NoError(t, subscription.Drain())
		receive(t, drained)
		close(events)
		pinned, restarts := 0, 0
		for event := range events {
			switch {
			case event == "UNPINNED":
				pinned--
			case pinned == 1: // pinned anew by a server that knows of no pin
				restarts++
			default:
				pinned++
			}
			assert.Contains(t, []int{0, 1}, pinned)
		}
		assert.LessOrEqual(t, restarts, 1, "a pin follows the end of the one before, or the restart")
	}
}

// requireHandled requires that every message was handled, and again only what was in the killed replica's handlers: an ack that
// the server knows of is waited for, so neither the stop nor the restart has anything handled twice.
func requireHandled(t *testing.T, replicas []*replica, killed *replica) {
	t.Helper()

	handled := map[string][]*replica{}
	for _, r := range replicas {
		lines := r.lines(t, "jobs")
		t.Logf("%d handled", len(lines))
		for _, line := range lines {
			handled[line] = append(handled[line], r)
		}
	}
	assert.Len(t, handled, totalJobs, "every message was handled")
	duplicates := 0
	for data, by := range handled {
		duplicates += len(by) - 1
		if len(by) > 1 {
			assert.Contains(t, by, killed, "message %s was handled again without need", data)
		}
	}
	t.Logf("%d duplicates", duplicates)
	assert.LessOrEqual(t, duplicates, concurrency)
}

// requireSingle requires that the singleton's turns never overlap.
func requireSingle(t *testing.T, replicas []*replica) {
	t.Helper()

	var all []turn
	for _, r := range replicas {
		all = append(all, r.turns(t)...)
	}
	slices.SortFunc(all, func(a, b turn) int { return a.begin.Compare(b.begin) })
	for i := 1; i < len(all); i++ {
		assert.False(t, all[i].begin.Before(all[i-1].end), "turns %d and %d overlap", i-1, i)
	}
	t.Logf("%d turns of the singleton", len(all))
}

// requireTakeover requires that somebody has the singleton soon after it was lost, if the lost replica had it.
func requireTakeover(t *testing.T, lost *replica, others []*replica, at time.Time) {
	t.Helper()

	turns := lost.turns(t)
	require.NotEmpty(t, turns)
	var next []time.Duration
	for _, r := range others {
		for _, turn := range r.turns(t) {
			if turn.begin.After(turns[len(turns)-1].end) {
				next = append(next, turn.begin.Sub(at))
			}
		}
	}
	require.NotEmpty(t, next)
	t.Logf("the singleton was taken over after %s", slices.Min(next))
	assert.LessOrEqual(t, slices.Min(next), pinnedTTL+2*time.Second)
}

func waitForAcks(t *testing.T, consumer jetstream.Consumer, n uint64) {
	t.Helper()

	require.Eventually(t, func() bool { return ackFloor(t, consumer) >= n }, 2*time.Minute, 10*time.Millisecond)
}

// ackFloor returns how many messages from the stream's beginning are acked; 0 while the server does not answer.
func ackFloor(t *testing.T, consumer jetstream.Consumer) uint64 {
	t.Helper()

	info, err := consumer.Info(context.Background())
	if err != nil {
		return 0
	}

	return info.AckFloor.Stream
}

// turn is one message of the singleton.
type turn struct{ begin, end time.Time }

func (r *replica) turns(t *testing.T) []turn {
	t.Helper()

	var turns []turn
	for _, line := range r.lines(t, "solo") {
		var message, begin, end int64
		_, err := fmt.Sscan(line, &message, &begin, &end)
		require.NoError(t, err)
		turns = append(turns, turn{time.Unix(0, begin), time.Unix(0, end)})
	}

	return turns
}

// lines returns the whole lines of a record; a killed replica may have left a part of one.
func (r *replica) lines(t *testing.T, name string) []string {
	t.Helper()

	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	scanner := bufio.NewScanner(strings.NewReader(string(data[:strings.LastIndexByte(string(data), '\n')+1])))
	var lines []string
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}

	return lines
}
