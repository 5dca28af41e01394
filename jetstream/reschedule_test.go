package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newScheduledStream makes a stream that keeps messages back, and a consumer that sees none of those.
func newScheduledStream(t *testing.T, js jetstream.JetStream, config jetstream.ConsumerConfig) jetstream.Consumer {
	t.Helper()

	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "JOBS", Subjects: []string{"jobs", "retry.>"}, AllowMsgSchedules: true,
	})
	require.NoError(t, err)
	config.Durable, config.FilterSubject, config.AckWait = "c", "jobs", time.Minute
	consumer, err := js.CreateConsumer(t.Context(), "JOBS", config)
	require.NoError(t, err)

	return consumer
}

// TestReschedulingFreesTheFailedMessagesPlaces has all places be taken by messages that fail, and a healthy one behind them. Its delay
// is shorter than the silence after which a worker closes a pull: the server counts a message as delivered that it sends just then.
func TestReschedulingFreesTheFailedMessagesPlaces(t *testing.T) {
	const bad = 5

	_, js := connect(t, startServer(t).ClientURL())
	consumer := newScheduledStream(t, js, jetstream.ConsumerConfig{MaxAckPending: 1, MaxDeliver: 3})
	terminated := make(chan string, bad)
	handled := make(chan string, bad+1)
	var mu sync.Mutex // guards tries
	tries := map[string]int{}
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		data := string(msg.Data())
		mu.Lock()
		defer mu.Unlock()
		tries[data]++
		switch {
		case data == "good":
			handled <- data
			return nil
		case tries[data] == 3:
			terminated <- fmt.Sprint(msg.Headers().Get(workerjetstream.HeaderAttempts), msg.Headers().Get("Tenant"))
		}
		return errors.New("boom")
	}, workerjetstream.WithJetStream(js), workerjetstream.WithRescheduling("retry"), workerjetstream.WithBackoff(worker.ConstantBackoff(700*time.Millisecond))))
	for i := range bad {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs", Data: []byte(fmt.Sprint(i)), Header: nats.Header{"Tenant": {"-7"}}})
		require.NoError(t, err)
	}
	published := time.Now()
	publish(t, js, "jobs", "good")

	receive(t, handled)
	assert.Less(t, time.Since(published), 700*time.Millisecond, "the healthy one does not wait for the others")
	for _, headers := range collect(t, terminated, bad) {
		assert.Equal(t, "2-7", headers)
	}
	settled(t, consumer)
	stream, err := js.Stream(t.Context(), "JOBS")
	require.NoError(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("retry.>"))
	require.NoError(t, err)
	assert.Empty(t, info.State.Subjects, "nothing is kept back any more")
	mu.Lock()
	defer mu.Unlock()
	for i := range bad {
		assert.Equal(t, 3, tries[fmt.Sprint(i)])
	}
}

// TestReschedulingThatIsRefusedNaks has a stream without schedules.
func TestReschedulingThatIsRefusedNaks(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	_, err := js.UpdateStream(t.Context(), jetstream.StreamConfig{Name: "JOBS", Subjects: []string{"jobs", "retry.>"}})
	require.NoError(t, err)
	var logs logBuffer
	attempts := make(chan attempt, 2)
	run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		a := attemptOf(msg)
		attempts <- a
		if a.number == 1 {
			return errors.New("boom")
		}
		return nil
	}, workerjetstream.WithJetStream(js), workerjetstream.WithRescheduling("retry")))
	publish(t, js, "jobs", "a")

	assert.EqualValues(t, 2, collect(t, attempts, 2)[1].number)
	assert.Contains(t, logs.String(), "message could not be scheduled, it is nak'ed")
}

// TestRetryAfterAndSnooze have a message say when it wants to come again.
func TestRetryAfterAndSnooze(t *testing.T) {
	for name, scheduled := range map[string]bool{"nak": false, "rescheduled": true} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newScheduledStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 5})
			options := []workerjetstream.Option{workerjetstream.WithJetStream(js), workerjetstream.WithBackoff(worker.ConstantBackoff(time.Hour))}
			if scheduled {
				options = append(options, workerjetstream.WithRescheduling("retry"))
			}
			var logs logBuffer
			attempts := make(chan attempt, 10)
			attemptsSeen := make(chan string, 10)
			calls := 0
			run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				calls++
				attempts <- attemptOf(msg)
				attemptsSeen <- msg.Headers().Get(workerjetstream.HeaderAttempts)
				switch calls {
				case 1:
					return fmt.Errorf("busy: %w", workerjetstream.RetryAfter(errors.New("boom"), 1200*time.Millisecond))
				case 2:
					return workerjetstream.Snooze(1200 * time.Millisecond)
				}
				return nil
			}, options...))
			publish(t, js, "jobs", "a")

			all := collect(t, attempts, 3)
			for i := range 2 {
				assert.InDelta(t, 1.7, all[i+1].at.Sub(all[i].at).Seconds(), .9)
			}
			settled(t, consumer)
			assert.Contains(t, logs.String(), `"error":"busy: boom"`)
			assert.Contains(t, logs.String(), `{"level":"info"`)
			assert.Contains(t, logs.String(), "message snoozed, it will be delivered again")
			if scheduled {
				assert.Equal(t, []string{"", "1", "1"}, collect(t, attemptsSeen, 3), "the snooze counts no attempt")
			}
		})
	}
	assert.NoError(t, workerjetstream.RetryAfter(nil, time.Second))
}

// TestSnoozeWithoutADelayCountsNoAttempt has a message snooze more often than it may fail: the server keeps it back nonetheless, since
// it counts whatever it redelivers.
func TestSnoozeWithoutADelayCountsNoAttempt(t *testing.T) {
	for name, delay := range map[string]time.Duration{"0": 0, "less": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newScheduledStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 2})
			handled := make(chan string, 1)
			calls := 0
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				calls++
				if calls < 4 {
					return workerjetstream.Snooze(delay)
				}
				handled <- msg.Headers().Get(workerjetstream.HeaderAttempts)
				return nil
			}, workerjetstream.WithJetStream(js), workerjetstream.WithRescheduling("retry")))
			publish(t, js, "jobs", "a")

			assert.Equal(t, "0", receive(t, handled))
			settled(t, consumer)
		})
	}
}
