package jetstream

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// delivery is a message that the session holds: it waits for a handler, or is being handled.
type delivery struct {
	msg     jetstream.Msg
	id      identity
	turn    uint64        // its sequence among the consumer's deliveries, 0 where that is unknown
	pending uint64        // messages of the consumer that were never delivered then
	old     bool          // the server's record of it looked expired when it came
	number  atomic.Uint64 // how often the message was delivered by now, this time included
	prior   uint64        // attempts before it was scheduled anew
	size    int           // bytes, about
	key     string        // with keyed
	keyed   bool
	arrived time.Duration // by the inbox's exact clock; 0 without metrics

	answer  atomic.Int32 // an answer
	handled atomic.Bool  // with success, and acked by the worker

	// The fields below are guarded by the inbox, and its clock's.
	place    int           // where it is among the held ones
	fresh    time.Duration // the server has heard of it no earlier than then
	received time.Duration
	began    time.Duration // notBegun while no handler has it
	dubious  bool          // the server's record of it may look expired
}

const notBegun = -1

// identity tells a message from all others. Its sequence alone would not: a stream that was lost and made anew counts from 1 again.
type identity struct {
	sequence uint64 // in the stream, 0 where that is unknown
	stored   uint64 // when the stream got it
}

// answer is what the server is told about a delivery. It is given once.
type answer = int32

const (
	unanswered answer = iota
	acking            // an ack is on its way, and is repeated if need be
	answered
)

func newDelivery(msg jetstream.Msg) *delivery {
	number, turn, pending, id := numbers(msg)
	headers := msg.Headers()
	d := &delivery{msg: msg, id: id, turn: turn, pending: pending, size: sizeOf(msg, headers), prior: priorAttempts(headers)}
	d.number.Store(number)

	return d
}

// claim gives the right to answer to its first caller.
func (d *delivery) claim(a answer) bool {
	return d.answer.CompareAndSwap(unanswered, a)
}

// covers returns whether the answer of this delivery is good for another one, too: a redelivery of the same message.
func (d *delivery) covers(other *delivery) bool {
	return d.id == other.id && d.id != identity{} && d.answer.Load() != answered
}

// tries is the number of attempts at the message, this one included.
func (d *delivery) tries() uint64 {
	return d.prior + d.number.Load()
}

// attempts is the same as backoffs take it.
func (d *delivery) attempts() int {
	return int(min(d.tries(), math.MaxInt32))
}

// sizeOf is about what a message takes.
func sizeOf(msg jetstream.Msg, headers nats.Header) int {
	size := len(msg.Data()) + len(msg.Subject()) + len(msg.Reply())
	for name, values := range headers {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}

	return size
}

// The reply subject tells what is to be known:
//
//	$JS.ACK.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<time>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<time>.<pending>.<token>
const (
	ackPrefix    = "$JS.ACK."
	shortAckDots = 6 // after the prefix
)

// numbers returns how often a message was delivered, the consumer sequence of the delivery, how many messages were pending then, and
// which message it is. It reads just that, since a message's whole metadata cost more than all else that is done to receive it.
func numbers(msg jetstream.Msg) (count, turn, pending uint64, id identity) {
	rest, ok := strings.CutPrefix(msg.Reply(), ackPrefix)
	before := 2 // tokens before the count
	if strings.Count(rest, ".") > shortAckDots {
		before = 4
	}
	for range before {
		_, rest, _ = strings.Cut(rest, ".")
	}

	var read [5]uint64 // count, stream sequence, consumer sequence, time and pending
	for i := range read {
		var token string
		var err error
		token, rest, _ = strings.Cut(rest, ".")
		read[i], err = strconv.ParseUint(token, 10, 64)
		ok = ok && err == nil
	}
	if ok {
		return read[0], read[2], read[4], identity{sequence: read[1], stored: read[3]}
	}

	metadata, err := msg.Metadata()
	if err != nil {
		return 1, 0, 0, identity{}
	}

	id = identity{metadata.Sequence.Stream, uint64(metadata.Timestamp.UnixNano())}

	return metadata.NumDelivered, metadata.Sequence.Consumer, metadata.NumPending, id
}
