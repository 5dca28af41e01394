package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

// NewSingletonWorker returns a worker that every replica runs and that is active in one of them: the server pins the consumer to
// one client and delivers to no other, until that client has not pulled for PinnedTTL. The worker pulls twice within PinnedTTL,
// whether it has messages to handle or not, and however long a handler takes.
//
// It needs a server from version 2.11 on, and a consumer like this one, the same for all replicas:
//
//	jetstream.ConsumerConfig{
//		Durable:        "billing",
//		AckPolicy:      jetstream.AckExplicitPolicy,
//		AckWait:        5 * time.Second, // how long a message that a dead replica held stays with it
//		MaxAckPending:  1,               // a message is handed out only when the one before is settled
//		PriorityPolicy: jetstream.PriorityPolicyPinned,
//		PriorityGroups: []string{"main"}, // exactly one, the group that is given here
//		PinnedTTL:      5 * time.Second, // at least 2 seconds, the server's default is 2 minutes
//	}
//
// What it promises: as the server sees it, one replica at most has the pin, and one message at most is being handled at any time.
// Messages are handled in the order of the stream, but for those that fail and are redelivered later. A replica that dies or stops
// is replaced within PinnedTTL of its last pull, and a message that it held is delivered again AckWait after its last sign, so
// the next replica is active after the longer of the two. That time also passes after an orderly stop.
//
// What it does not promise: fencing. A replica that was cut off from the server, or stood still for longer than AckWait, does not
// know that another one has taken over, and its handler runs on until it looks around. What must never happen twice has to be
// guarded where it happens: by a conditional write with the message's stream sequence, which grows from message to message.
//
// Apart from that it is as [NewConsumerWorker] says. Its concurrency is 1, and any other one is an error of Run.
func NewSingletonWorker(
	name string,
	consumer jetstream.Consumer,
	group string,
	handle func(ctx context.Context, msg jetstream.Msg) error,
	options ...Option,
) worker.Worker {
	settings := newSettings(options)
	settings.group = group

	w := newWorker(name, sourceOf(consumer), handle, settings)
	w.singleton = true

	return w
}

func (s *settings) singletonProblem() error {
	switch {
	case s.group == "":
		return errors.New("empty priority group")
	case s.concurrency > 1:
		return fmt.Errorf("concurrency of a singleton must be 1, got %d", s.concurrency)
	default:
		return nil
	}
}

func singletonObjection(config *jetstream.ConsumerConfig, group string) error {
	switch {
	case config.PriorityPolicy != jetstream.PriorityPolicyPinned:
		return errors.New("its PriorityPolicy is not PriorityPolicyPinned")
	case !slices.Equal(config.PriorityGroups, []string{group}):
		return fmt.Errorf("its PriorityGroups are not exactly %q", group)
	case config.MaxAckPending != 1:
		return fmt.Errorf("its MaxAckPending is %d, not 1", config.MaxAckPending)
	case config.PinnedTTL < 2*minPullExpiry:
		return fmt.Errorf("its PinnedTTL is less than %s", 2*minPullExpiry)
	default:
		return nil
	}
}
