package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMessageThatLooksLikeAStatusEndsNothing has users' messages say what the server says when a pull fails.
func TestMessageThatLooksLikeAStatusEndsNothing(t *testing.T) {
	for name, header := range map[string]nats.Header{
		"unknown":          {"Status": {"200"}},
		"bad request":      {"Status": {"400"}},
		"consumer deleted": {"Status": {"409"}, "Description": {"Consumer Deleted"}},
		"conflict":         {"Status": {"409"}, "Description": {"whatever"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{AckWait: time.Second, MaxDeliver: 2})
			handled := make(chan string, 10)
			stop, result := start(t, t.Context(), workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				handled <- string(msg.Data())
				return nil
			}, workerjetstream.WithConcurrency(2)))

			publish(t, js, "jobs", "before")
			assert.Equal(t, "before", receive(t, handled))
			_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs", Header: header})
			require.NoError(t, err)
			publish(t, js, "jobs", "after", "later")
			assert.ElementsMatch(t, []string{"after", "later"}, collect(t, handled, 2))
			assert.Empty(t, result)
			stop()
			assert.NoError(t, receive(t, result))
		})
	}
}

// TestPullsThatAreRefusedForGoodEndTheWorker has the server refuse every pull.
func TestPullsThatAreRefusedForGoodEndTheWorker(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := refusingPulls{newStream(t, js, jetstream.ConsumerConfig{MaxRequestBatch: 1})}

	err := workerjetstream.NewConsumerWorker("w", consumer, nothing).Run(t.Context())

	assert.ErrorContains(t, err, "Exceeded MaxRequestBatch of 1")
}

// refusingPulls is a consumer that is always asked for too much.
type refusingPulls struct{ jetstream.Consumer }

func (r refusingPulls) Consume(handle jetstream.MessageHandler, options ...jetstream.PullConsumeOpt) (jetstream.ConsumeContext, error) {
	return r.Consumer.Consume(handle, append(options, jetstream.PullMaxMessages(2), jetstream.StopAfter(2))...)
}

// TestDeadLetters has a message fail for good, and one in its last delivery.
func TestDeadLetters(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 2})
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead.>"}})
	require.NoError(t, err)
	var logs logBuffer
	run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		if string(msg.Data()) == "permanent" {
			return worker.Permanent(errors.New("no\nuse"))
		}
		return errors.New("boom")
	}, workerjetstream.WithJetStream(js), workerjetstream.WithDeadLetters("dead.jobs"), workerjetstream.WithBackoff(worker.ConstantBackoff(0))))
	for _, data := range []string{"permanent", "exhausted"} {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "jobs", Data: []byte(data), Header: nats.Header{"Tenant": {"7"}, "Nats-Msg-Id": {data}}})
		require.NoError(t, err)
	}

	settled(t, consumer)
	dead, err := js.OrderedConsumer(t.Context(), "DEAD", jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	letters := map[string]nats.Header{}
	for range 2 {
		msg, err := dead.Next(jetstream.FetchMaxWait(5 * time.Second))
		require.NoError(t, err)
		letters[string(msg.Data())] = msg.Headers()
	}
	assert.Equal(t, "no use", letters["permanent"].Get(workerjetstream.HeaderError))
	assert.Equal(t, "delivery 2 of 2 failed: boom", letters["exhausted"].Get(workerjetstream.HeaderError))
	for data, header := range letters {
		assert.Equal(t, "7", header.Get("Tenant"), data)
		assert.Equal(t, "jobs", header.Get(workerjetstream.HeaderSubject))
		assert.Equal(t, "JOBS", header.Get(workerjetstream.HeaderStream))
		assert.Equal(t, "c", header.Get(workerjetstream.HeaderConsumer))
		assert.Equal(t, "w", header.Get(workerjetstream.HeaderWorker))
		assert.Contains(t, []string{"1", "2"}, header.Get(workerjetstream.HeaderSequence))
	}
	assert.Contains(t, logs.String(), "message failed, it is among the dead letters")
}

// TestDeadLetterThatNobodyTakesKeepsTheMessage has no stream for the dead letters until later.
func TestDeadLetterThatNobodyTakesKeepsTheMessage(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var logs logBuffer
	run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		return worker.Permanent(errors.New("boom"))
	}, workerjetstream.WithJetStream(js), workerjetstream.WithDeadLetters("dead"), workerjetstream.WithBackoff(worker.ConstantBackoff(0))))
	publish(t, js, "jobs", "a")

	require.Eventually(t, func() bool {
		return strings.Contains(logs.String(), "but the server could not be told")
	}, patience, 10*time.Millisecond)
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, info.NumAckPending, "it was not terminated")
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead"}})
	require.NoError(t, err)
	settled(t, consumer)
	dead, err := js.Stream(t.Context(), "DEAD")
	require.NoError(t, err)
	deadInfo, err := dead.Info(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1, deadInfo.State.Msgs)
}

// TestDeadLetterOfAMessageWithAHeaderThatTheClientDoesNotWrite has other clients send names that the client reads nonetheless.
func TestDeadLetterOfAMessageWithAHeaderThatTheClientDoesNotWrite(t *testing.T) {
	server := startServer(t)
	_, js := connect(t, server.ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 2})
	dead, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DEAD", Subjects: []string{"dead"}})
	require.NoError(t, err)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
		return worker.Permanent(errors.New("boom"))
	}, workerjetstream.WithJetStream(js), workerjetstream.WithDeadLetters("dead")))
	conn, err := net.Dial("tcp", server.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()

	const header = "NATS/1.0\r\nTenant Id: 7\r\nÜber: 8\r\nTenant: 9\r\n\r\n"
	_, err = fmt.Fprintf(conn, "CONNECT {\"headers\":true}\r\nHPUB jobs %d %d\r\n%sx\r\n", len(header), len(header)+1, header)
	require.NoError(t, err)
	var letter *jetstream.RawStreamMsg
	require.Eventually(t, func() bool {
		letter, err = dead.GetMsg(context.Background(), 1)
		return err == nil
	}, patience, 10*time.Millisecond)
	assert.Equal(t, "9", letter.Header.Get("Tenant"))
	assert.Empty(t, letter.Header.Get("Tenant Id"))
	settled(t, consumer)
}
