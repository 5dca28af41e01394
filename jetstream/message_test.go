package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// handler is the type of what tests give to workers.
type handler = func(ctx context.Context, msg jetstream.Msg) error

// advisory is what these tests read of the server's own messages.
type advisory struct {
	Deliveries int    `json:"deliveries"`
	Reason     string `json:"reason"`
}

// advisories returns the server's messages of a kind about the consumer.
func advisories(t *testing.T, conn *nats.Conn, kind string) <-chan advisory {
	t.Helper()

	received := make(chan advisory, 1000) // more than any test causes
	_, err := conn.Subscribe("$JS.EVENT.ADVISORY.CONSUMER."+kind+".JOBS.c", func(msg *nats.Msg) {
		var a advisory
		if json.Unmarshal(msg.Data, &a) == nil {
			received <- a
		}
	})
	require.NoError(t, err)
	require.NoError(t, conn.Flush())

	return received
}

// attempt is one call of a handler.
type attempt struct {
	data   string
	number uint64
	at     time.Time
}

func attemptOf(msg jetstream.Msg) attempt {
	metadata, _ := msg.Metadata()

	return attempt{string(msg.Data()), metadata.NumDelivered, time.Now()}
}

func TestSuccessAcks(t *testing.T) {
	for name, options := range map[string][]workerjetstream.Option{
		"ack": nil, "double ack": {workerjetstream.WithDoubleAck()}, "nil option": {nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			handled := make(chan string, 3)
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				handled <- string(msg.Data())
				return nil
			}, options...))
			publish(t, js, "jobs", "a", "b", "c")

			assert.Equal(t, []string{"a", "b", "c"}, collect(t, handled, 3))
			settled(t, consumer)
			info, err := consumer.Info(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, 3, info.Delivered.Consumer, "each message was delivered once")
		})
	}
}

func TestFailureIsRedeliveredAfterTheBackoff(t *testing.T) {
	const delay = 300 * time.Millisecond

	conn, js := connect(t, startServer(t).ClientURL())
	naks := advisories(t, conn, "MSG_NAKED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var failures []int
	backoff := func(n int, err error) time.Duration {
		assert.EqualError(t, err, "boom")
		failures = append(failures, n)
		return delay
	}
	attempts := make(chan attempt, 10)
	var logs logBuffer
	run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		a := attemptOf(msg)
		attempts <- a
		if a.data == "bad" && a.number < 3 {
			return errors.New("boom")
		}
		return nil
	}, workerjetstream.WithBackoff(backoff)))
	publish(t, js, "jobs", "bad", "good")

	calls := collect(t, attempts, 4)
	settled(t, consumer)
	assert.Equal(t, "good", calls[1].data, "a failing message blocks nothing")
	assert.Equal(t, []int{1, 2}, failures)
	for i, call := range []attempt{calls[2], calls[3]} {
		assert.Equal(t, "bad", call.data)
		assert.EqualValues(t, i+2, call.number)
	}
	assert.GreaterOrEqual(t, calls[2].at.Sub(calls[0].at), delay)
	assert.GreaterOrEqual(t, calls[3].at.Sub(calls[2].at), delay)
	assert.Equal(t, []advisory{{Deliveries: 1}, {Deliveries: 2}}, collect(t, naks, 2))
	assert.Contains(t, logs.String(), `"stream":"JOBS","consumer":"c","sequence":1,"delivery":1,"error":"boom","delay":300,`+
		`"message":"message failed, it will be delivered again"}`)
}

// stringerError is an error whose text is what a function returns.
type stringerError func() string

func (e stringerError) Error() string { return e() }

func TestPermanentFailureIsTerminatedWithItsReason(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	for name, test := range map[string]struct {
		err    error
		reason string
	}{
		"plain":   {worker.Permanent(errors.New("no such customer")), "no such customer"},
		"wrapped": {fmt.Errorf("order 7: %w", worker.Permanent(errors.New("no such customer"))), "order 7: no such customer"},
		"long":    {worker.Permanent(errors.New(long)), long[:1024]},
		"invalid": {worker.Permanent(errors.New("bad \xff byte")), "bad \uFFFD byte"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, js := connect(t, startServer(t).ClientURL())
			terms := advisories(t, conn, "MSG_TERMINATED")
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			var calls atomic.Int32
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(context.Context, jetstream.Msg) error {
				calls.Add(1)
				return test.err
			}))
			publish(t, js, "jobs", "a")

			assert.Equal(t, advisory{Deliveries: 1, Reason: test.reason}, receive(t, terms))
			settled(t, consumer)
			assert.EqualValues(t, 1, calls.Load())
		})
	}
}

func TestPoisonMessagesAreTerminatedAfterTheirAttempts(t *testing.T) {
	const poison, good = 20, 200

	conn, js := connect(t, startServer(t).ClientURL())
	terms := advisories(t, conn, "MSG_TERMINATED")
	consumer := newStream(t, js, jetstream.ConsumerConfig{MaxDeliver: 3})
	handled := make(chan string, good)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		if string(msg.Data()) == "poison" {
			panic("bad data")
		}
		handled <- string(msg.Data())
		return nil
	}, workerjetstream.WithConcurrency(4), workerjetstream.WithBackoff(worker.ConstantBackoff(10*time.Millisecond))))
	for i := range good {
		publish(t, js, "jobs", fmt.Sprint(i))
		if i%(good/poison) == 0 {
			publish(t, js, "jobs", "poison")
		}
	}

	for _, term := range collect(t, terms, poison) {
		assert.Equal(t, advisory{Deliveries: 3, Reason: "delivery 3 of 3 failed: recovered panic: bad data"}, term)
	}
	assert.Len(t, collect(t, handled, good), good)
	settled(t, consumer)
}

// TestHandlersThatMisbehave has a message fail once in each way, and the next ones succeed.
func TestHandlersThatMisbehave(t *testing.T) {
	for name, test := range map[string]struct {
		misbehave handler
		logged    string
		returns   bool
	}{
		"panics":                {func(context.Context, jetstream.Msg) error { panic("ouch") }, `"error":"recovered panic: ouch"`, false},
		"panics with nil":       {func(context.Context, jetstream.Msg) error { panic(nil) }, `"error":"recovered panic: panic called with nil`, false},
		"goexits":               {func(context.Context, jetstream.Msg) error { runtime.Goexit(); return nil }, `"error":"runtime.Goexit was called"`, false},
		"error text panics":     {func(context.Context, jetstream.Msg) error { return stringerError(func() string { panic("in Error") }) }, `recovered panic: in Error`, false},
		"typed nil error":       {func(context.Context, jetstream.Msg) error { return (*fieldError)(nil) }, `nil pointer dereference`, false},
		"error wraps itself":    {func(context.Context, jetstream.Msg) error { return loopError{} }, `"error":"loop"`, true},
		"error contains itself": {func(context.Context, jetstream.Msg) error { return loopErrors{} }, `"error":"loops"`, true},
		"panics with a loop":    {func(context.Context, jetstream.Msg) error { panic(loopError{}) }, `"error":"recovered panic: loop"`, false},
		"error text goexits": {func(context.Context, jetstream.Msg) error {
			return stringerError(func() string { runtime.Goexit(); return "" })
		}, `runtime.Goexit`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{})
			var logs logBuffer
			attempts := make(chan attempt, 4)
			pool, stop := run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(ctx context.Context, msg jetstream.Msg) error {
				a := attemptOf(msg)
				attempts <- a
				if a.data == "bad" && a.number == 1 {
					return test.misbehave(ctx, msg)
				}
				return nil
			}))
			publish(t, js, "jobs", "bad", "good")

			collect(t, attempts, 3)
			settled(t, consumer)
			stop()
			assert.Equal(t, 1, strings.Count(logs.String(), "message failed"), logs.String())
			assert.Contains(t, logs.String(), test.logged)
			if !test.returns {
				assert.Contains(t, logs.String(), "/jetstream_test.", "the stack shows where it came from")
			}
			execution, err := pool.Execution("w")
			require.NoError(t, err)
			assert.Equal(t, 1, execution.CurrentExecutionAttempt(), "the worker itself has not failed")
			assert.Equal(t, worker.Success, execution.Status())
		})
	}
}

// loopError wraps itself, and loopErrors is a list with itself.
type (
	loopError  struct{}
	loopErrors struct{}
)

func (e loopError) Error() string    { return "loop" }
func (e loopError) Unwrap() error    { return e }
func (e loopErrors) Error() string   { return "loops" }
func (e loopErrors) Unwrap() []error { return []error{e, e, io.EOF} }

// fieldError is an error whose nil pointer has no text.
type fieldError struct{ text string }

func (e *fieldError) Error() string { return e.text }

// TestDelayOfAConsumerWithBackOff has a message fail twice: the server counts from BackOff's step what is left of it after the nak.
func TestDelayOfAConsumerWithBackOff(t *testing.T) {
	for name, test := range map[string]struct{ delay, second time.Duration }{
		"longer than BackOff":  {1500 * time.Millisecond, 1500 * time.Millisecond},
		"shorter than BackOff": {100 * time.Millisecond, 800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			_, js := connect(t, startServer(t).ClientURL())
			consumer := newStream(t, js, jetstream.ConsumerConfig{
				AckWait: time.Minute, BackOff: []time.Duration{200 * time.Millisecond, time.Second}, MaxDeliver: 5,
			})
			attempts := make(chan attempt, 5)
			run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
				a := attemptOf(msg)
				attempts <- a
				if a.number < 3 {
					return errors.New("boom")
				}
				return nil
			}, workerjetstream.WithBackoff(worker.ConstantBackoff(test.delay))))
			publish(t, js, "jobs", "a")

			calls := collect(t, attempts, 3)
			first, second := calls[1].at.Sub(calls[0].at), calls[2].at.Sub(calls[1].at)
			assert.InDelta(t, test.delay.Seconds(), first.Seconds(), .15)
			assert.InDelta(t, test.second.Seconds(), second.Seconds(), .15)
			settled(t, consumer)
		})
	}
}

func TestHandlerThatSettlesByItselfHasDecided(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	var logs logBuffer
	attempts := make(chan attempt, 10)
	run(t, &logs, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		a := attemptOf(msg)
		attempts <- a
		switch {
		case a.data == "acks and fails":
			_ = msg.Ack()
			return errors.New("boom")
		case a.number == 1:
			_ = msg.Nak()
		}
		return nil
	}))
	publish(t, js, "jobs", "acks and fails", "naks and succeeds")

	calls := collect(t, attempts, 3)
	settled(t, consumer)
	assert.Equal(t, "naks and succeeds", calls[2].data)
	assert.Empty(t, attempts)
	assert.NotContains(t, logs.String(), "could not be settled")
}

func TestBackoffThatPanicsFallsBackToTheDefault(t *testing.T) {
	_, js := connect(t, startServer(t).ClientURL())
	consumer := newStream(t, js, jetstream.ConsumerConfig{})
	attempts := make(chan attempt, 2)
	run(t, nil, workerjetstream.NewConsumerWorker("w", consumer, func(_ context.Context, msg jetstream.Msg) error {
		a := attemptOf(msg)
		attempts <- a
		if a.number == 1 {
			return errors.New("boom")
		}
		return nil
	}, workerjetstream.WithBackoff(func(int, error) time.Duration { panic("no delay") })))
	publish(t, js, "jobs", "a")

	calls := collect(t, attempts, 2)
	assert.GreaterOrEqual(t, calls[1].at.Sub(calls[0].at), workerjetstream.DefaultMinBackoff/2)
	settled(t, consumer)
}
