package jetstream_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// solos sees how many handlers of a singleton run at once.
type solos struct {
	mu       sync.Mutex // guards the fields below
	running  int
	overlaps int
	handled  map[string]int
}

func (s *solos) handler(work time.Duration) handler {
	return func(_ context.Context, msg jetstream.Msg) error {
		s.mu.Lock()
		s.running++
		if s.running > 1 {
			s.overlaps++
		}
		s.mu.Unlock()
		<-time.After(work)
		s.mu.Lock()
		s.running--
		s.handled[string(msg.Data())]++
		s.mu.Unlock()
		return nil
	}
}

func (s *solos) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.handled)
}

// TestClusterSingletonIsSingleAtLeaderChanges has the consumer's leader step down under a backlog that is older than AckWait.
func TestClusterSingletonIsSingleAtLeaderChanges(t *testing.T) {
	stepdowns := 5
	if *long {
		stepdowns = 15
	}
	c := startCluster(t)
	conn, js := c.connect()
	config := jetstream.ConsumerConfig{
		Durable: "solo", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 2 * time.Second, MaxAckPending: 1,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"main"}, PinnedTTL: pinnedTTL,
	}
	c.stream(js, "SOLO", "solo", config)
	for i := range 60 + 20*stepdowns {
		publish(t, js, "solo", fmt.Sprint(i))
	}
	<-time.After(config.AckWait)
	watch := &solos{handled: map[string]int{}}
	var logs logBuffer
	for range 3 {
		_, js := c.connect()
		own, err := js.Consumer(t.Context(), "SOLO", "solo")
		require.NoError(t, err)
		run(t, &logs, workerjetstream.NewSingletonWorker("solo", own, "main", watch.handler(200*time.Millisecond)))
	}

	longest := time.Duration(0)
	for i := range stepdowns {
		before := watch.count()
		require.Eventually(t, func() bool { return watch.count() > before+1 }, patience, 5*time.Millisecond, "stepdown %d", i)
		c.stepDown(conn, "SOLO", "solo")
		at, before := time.Now(), watch.count()
		require.Eventually(t, func() bool { return watch.count() > before+1 }, patience, 5*time.Millisecond)
		longest = max(longest, time.Since(at))
	}
	watch.mu.Lock()
	defer watch.mu.Unlock()
	t.Logf("%d stepdowns, %d handled, %d overlaps, two messages took %s at most", stepdowns, len(watch.handled), watch.overlaps, longest)
	assert.Zero(t, watch.overlaps)
	assert.Contains(t, logs.String(), "AckWait is shorter than the election of a leader may take")
}
