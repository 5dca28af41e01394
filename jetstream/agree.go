package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/nats-io/nats.go/jetstream"
)

// The terms are asked for again where a failure is judged by terms of more than judgedAge, and at the latest after refreshAge
// while messages come or are held. So a change of the consumer's configuration holds at once for what counts deliveries, and soon for AckWait.
const (
	judgedAge  = time.Second
	refreshAge = 5 * time.Second
)

// problem returns what is wrong with the worker's own input.
func (w *consumerWorker) problem() error {
	switch {
	case w.source == nil:
		return errors.New("nil consumer")
	case w.handle == nil:
		return errors.New("nil handler")
	}
	if err := w.source.problem(); err != nil {
		return err
	}
	if w.singleton {
		return errors.Join(w.settings.problem(), w.settings.singletonProblem())
	}

	return w.settings.problem()
}

// ask asks the server for the consumer, and checks that a worker can keep to its terms.
func (w *consumerWorker) ask(ctx context.Context, consumer jetstream.Consumer) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()

	info, err := consumer.Info(ctx)
	switch {
	case errors.Is(err, jetstream.ErrOrderedConsumerNotCreated):
		return nil, worker.Permanent(errors.New("an ordered consumer does not acknowledge messages"))
	case err != nil:
		return nil, fmt.Errorf("asking for the consumer: %w", err)
	case info == nil:
		return nil, worker.Permanent(errors.New("AckWait is unknown: the consumer has no information"))
	}

	if err := w.objection(&info.Config); err != nil {
		return nil, worker.Permanent(fmt.Errorf("consumer %s of stream %s: %w", info.Name, info.Stream, err))
	}

	return info, nil
}

// agreed is what the server has said last, and when.
type agreed struct {
	*terms
	at time.Duration // as of the inbox's clock, when it was asked
}

// terms returns the terms that hold, as far as is known.
func (s *session) terms() *terms {
	return s.agreed.Load().terms
}

// renew asks for the terms if they are older than an age. What is known stays where the server does not answer; where the consumer
// is not one for the worker any more, the session fails.
func (s *session) renew(age time.Duration) error {
	s.asking.Lock()
	defer s.asking.Unlock()

	now := s.inbox.now()
	switch {
	case now-s.agreed.Load().at < age:
		return nil
	case s.unanswered != nil && now-s.unansweredAt < age:
		return s.unanswered // whoever waits in line shall not wait as long again
	}
	info, err := s.worker.ask(s.life, s.target)
	s.unanswered, s.unansweredAt = err, s.inbox.now()
	if err != nil {
		if permanent := *new(interface{ Permanent() bool }); errors.As(err, &permanent) {
			s.end(err)
		}
		return err
	}
	s.adopt(info, now)
	s.trust.heard.Store(int64(now))

	return nil
}

func (s *session) adopt(info *jetstream.ConsumerInfo, now time.Duration) {
	t := s.worker.termsOf(&info.Config)
	s.agreed.Store(&agreed{t, now})
	s.pulling.Store(s.pullingOf(t))
	s.inbox.adopt(t)
}
