package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
//		AckWait:        15 * time.Second, // how long a message that a dead replica held stays with it
//		MaxAckPending:  1,                // a message is handed out only when the one before is settled
//		MaxDeliver:     10,               // without it, a message that always fails keeps all others waiting for ever
//		PriorityPolicy: jetstream.PriorityPolicyPinned,
//		PriorityGroups: []string{"main"}, // exactly one, the group that is given here
//		PinnedTTL:      5 * time.Second,  // at least 2 seconds, the server's default is 2 minutes
//	}
//
// In a cluster AckWait has to outlast the election of a leader, which takes 4 to 9 seconds after a server was lost: nobody can tell
// the leader meanwhile that a message is being handled. Run warns below 15 seconds.
//
// What it promises: as the server sees it, one replica at most has the pin, and one message at most is being handled at any time.
// Messages are handled in the order of the stream, but for those that fail and are rescheduled. A message that is nak'ed keeps its
// place, which is the only one, so all others wait for it; [WithRescheduling] lets them go on. A replica that dies is replaced within
// PinnedTTL of its last pull, and a message that it held is delivered again AckWait after its last sign, so the next replica is
// active after the longer of the two. After an orderly stop PinnedTTL passes, too, but with [WithJetStream] the worker gives up its
// pin, and the next replica is active at once.
//
// A message that was published longer ago than AckWait/3 costs a question to the server before it is handled, and 25 milliseconds in a
// cluster: a new leader would hand it out again until it knows of the delivery.
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

// commitTime is what a cluster has for agreeing on an in-progress signal, before it is asked who has the message; electTime what a
// new leader has for redelivering what it takes for expired.
const (
	commitTime = 25 * time.Millisecond
	electTime  = 250 * time.Millisecond
)

// isStillMine asks the server, which has got the in-progress signal before, whether a singleton's delivery is the last one. Where a new
// leader has redelivered the message in between, some other replica handles it. Where nobody answers, the message is handed back,
// since there may be a new leader by then, unless that would lose it.
func (s *session) isStillMine(d *delivery) bool {
	ctx, cancel := context.WithTimeout(s.handling, infoTimeout)
	defer cancel()

	info, err := s.askLeader(ctx)
	switch {
	case err != nil && s.terms().isLast(d):
		return true
	case err != nil:
		s.handBack(d)
		return false
	case info.Delivered.Consumer > d.turn && d.turn > 0:
		d.claim(answered) // by nobody here
		s.series.suppressed()
		return false
	default:
		return true
	}
}

// askLeader asks for the consumer once its leader must know of what was sent before. It asks a new leader twice.
func (s *session) askLeader(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	if !s.replicated {
		return s.target.Info(ctx)
	}

	<-time.After(commitTime)
	info, err := s.target.Info(ctx)
	for err == nil && info.Cluster != nil && info.Cluster.Leader != s.leader {
		s.leader = info.Cluster.Leader
		<-time.After(electTime)
		info, err = s.target.Info(ctx)
	}

	return info, err
}
