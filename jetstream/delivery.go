package jetstream

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// delivery is a message that the session holds: it waits for a handler, or is being handled.
type delivery struct {
	msg      jetstream.Msg
	number   uint64 // how often the message was delivered by now, this time included
	sequence uint64 // of the message in its stream, 0 where that is unknown

	answer atomic.Int32 // an answer

	// The fields below are guarded by the inbox.
	place int           // where it is among the held ones
	fresh time.Duration // the server has heard of it no earlier than then, as of the inbox's clock
}

// answer is what the server is told about a delivery. It is given once.
type answer = int32

const (
	unanswered answer = iota
	acking            // an ack is on its way, and is repeated if need be
	answered
)

func newDelivery(msg jetstream.Msg) *delivery {
	d := &delivery{msg: msg}
	d.number, d.sequence = numbers(msg)

	return d
}

// claim gives the right to answer to its first caller.
func (d *delivery) claim(a answer) bool {
	return d.answer.CompareAndSwap(unanswered, a)
}

// covers returns whether the answer of this delivery is good for another one, too: a redelivery of the same message.
func (d *delivery) covers(other *delivery) bool {
	return d.sequence != 0 && d.sequence == other.sequence && d.answer.Load() != answered
}

// attempts is the delivery's number as backoffs take it.
func (d *delivery) attempts() int {
	return int(min(d.number, math.MaxInt32))
}

// isLast returns whether the server will not deliver the message again.
func (t *terms) isLast(d *delivery) bool {
	return t.maxDeliver > 0 && d.number >= t.maxDeliver
}

// The reply subject tells what is to be known:
//
//	$JS.ACK.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<time>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<time>.<pending>.<token>
const (
	ackPrefix    = "$JS.ACK."
	shortAckDots = 6 // after the prefix
)

// numbers returns how often a message was delivered, and its number in the stream. It reads just that, since a message's whole
// metadata cost more than all else that is done to receive it.
func numbers(msg jetstream.Msg) (count, sequence uint64) {
	rest, ok := strings.CutPrefix(msg.Reply(), ackPrefix)
	before := 2 // tokens before the count
	if strings.Count(rest, ".") > shortAckDots {
		before = 4
	}
	for range before {
		_, rest, _ = strings.Cut(rest, ".")
	}
	first, rest, _ := strings.Cut(rest, ".")
	second, _, _ := strings.Cut(rest, ".")
	count, badCount := strconv.ParseUint(first, 10, 64)
	sequence, badSequence := strconv.ParseUint(second, 10, 64)
	if ok && badCount == nil && badSequence == nil {
		return count, sequence
	}

	metadata, err := msg.Metadata()
	if err != nil {
		return 1, 0
	}

	return metadata.NumDelivered, metadata.Sequence.Stream
}
