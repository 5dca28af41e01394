package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// order is what a test's messages carry.
type order struct{ Number int }

func TestMiddlewareAndDecode(t *testing.T) {
	conn, js := connect(t, startServer(t).ClientURL())
	terms := advisories(t, conn, "MSG_TERMINATED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	seen := make(chan string, 9)
	tell := func(name string) func(workerjetstream.Handler) workerjetstream.Handler {
		return func(next workerjetstream.Handler) workerjetstream.Handler {
			return func(ctx context.Context, msg jetstream.Msg) error {
				seen <- name
				return next(ctx, msg)
			}
		}
	}
	none := func(workerjetstream.Handler) workerjetstream.Handler { return nil }
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer,
		workerjetstream.Decode(json.Unmarshal, func(_ context.Context, _ jetstream.Msg, o order) error {
			seen <- fmt.Sprint(o.Number)
			return nil
		}), workerjetstream.WithMessageMiddleware(tell("outer"), nil, none), workerjetstream.WithMessageMiddleware(tell("inner"))))
	publish(t, js, "jobs", `{"number": 7}`, `nonsense`)

	assert.Equal(t, []string{"outer", "inner", "7", "outer", "inner"}, collect(t, seen, 5))
	assert.Contains(t, receive(t, terms).Reason, "invalid character")
	settled(t, consumer)
}

// TestOrderByKeepsTheMessagesOfAKeyInOrder has many handlers, some of them slow.
func TestOrderByKeepsTheMessagesOfAKeyInOrder(t *testing.T) {
	const keys, perKey = 7, 60

	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var mu sync.Mutex // guards handled
	handled := map[string][]int{}
	var running [keys]atomic.Int32
	var atOnce, most atomic.Int32
	metadata := func(msg jetstream.Msg) (key, n int) {
		_, err := fmt.Sscan(string(msg.Data()), &key, &n)
		assert.NoError(t, err)
		return key, n
	}
	done := make(chan struct{}, keys*perKey)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		key, n := metadata(msg)
		assert.EqualValues(t, 1, running[key].Add(1), "one of a key at a time")
		most.Store(max(most.Load(), atOnce.Add(1)))
		<-time.After(time.Duration(n%3) * time.Millisecond)
		mu.Lock()
		handled[fmt.Sprint(key)] = append(handled[fmt.Sprint(key)], n)
		mu.Unlock()
		atOnce.Add(-1)
		running[key].Add(-1)
		done <- struct{}{}
		return nil
	}, workerjetstream.WithConcurrency(16), workerjetstream.WithOrderBy(func(msg jetstream.Msg) string {
		key, _, _ := strings.Cut(string(msg.Data()), " ")
		return key
	})))
	for n := range perKey {
		for key := range keys {
			publish(t, js, "jobs", fmt.Sprint(key, n))
		}
	}

	collect(t, done, keys*perKey)
	settled(t, consumer)
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, handled, keys)
	for key, numbers := range handled {
		for n := range perKey {
			assert.Equal(t, n, numbers[n], "key %s", key)
		}
	}
	assert.Greater(t, most.Load(), int32(1), "keys do not wait for each other")
}

// TestStopWithAnOrderHandsBackWhatWaits has many messages of one key wait for one that is being handled.
func TestStopWithAnOrderHandsBackWhatWaits(t *testing.T) {
	for name, maxDeliver := range map[string]int{"handed back": 0, "in their last delivery": 1} {
		t.Run(name, func(t *testing.T) {
			conn, js := connect(t, startServer(t).ClientURL())
			naks := advisories(t, conn, "MSG_NAKED")
			consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: maxDeliver})
			began, finish := make(chan string, 20), make(chan struct{})
			metrics, registry := workerjetstream.NewMetrics("", ""), prometheus.NewRegistry()
			registry.MustRegister(metrics)
			byKey := workerjetstream.WithOrderBy(func(msg jetstream.Msg) string {
				if string(msg.Data()) == "7" {
					panic("no key")
				}
				return "one"
			})
			stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				began <- string(msg.Data())
				<-finish
				return nil
			}, workerjetstream.WithConcurrency(10), workerjetstream.WithMetrics(metrics), byKey))
			for n := range 10 {
				publish(t, js, "jobs", fmt.Sprint(n))
			}
			assert.ElementsMatch(t, []string{"0", "7"}, collect(t, began, 2), "one of the key, and the one without")
			holdsAll := func() bool { return gauge(t, registry, "worker_messages_in_flight") == 10 }
			require.Eventually(t, holdsAll, patience, time.Millisecond, "one that is still on its way is handed back by itself")

			stop()
			if maxDeliver == 0 {
				collect(t, naks, 8)
			}
			close(finish)
			require.NoError(t, receive(t, result))
			var rest []string
			if maxDeliver == 0 {
				waitForAckPending(t, consumer, 8)
				run(t, nil, workerjetstream.NewConsumerWorker("w2", consumer, func(_ context.Context, msg jetstream.Msg) error {
					began <- string(msg.Data())
					return nil
				}, byKey))
			}
			rest = collect(t, began, 8)
			assert.Equal(t, []string{"1", "2", "3", "4", "5", "6", "8", "9"}, rest)
			settled(t, consumer)
		})
	}
}
