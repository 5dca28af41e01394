package worker

import (
	"context"
	"sync/atomic"
	"time"
)

// maxLead is how long before its end a wait has the stacks taken, at most.
const maxLead = 500 * time.Millisecond

// lookAhead takes the stacks shortly before a wait gives up, so that they are there when it does, even among many goroutines.
type lookAhead struct {
	timer *time.Timer
	taken atomic.Pointer[profile]
}

// ahead looks ahead of the end of d; nil if that is not positive.
func (s *stacks) ahead(d time.Duration) *lookAhead {
	if d <= 0 {
		return nil
	}

	l := &lookAhead{}
	l.timer = time.AfterFunc(d-min(d/2, maxLead), func() {
		if p, _ := s.share(time.Time{}); p != nil {
			l.taken.Store(p)
		}
	})

	return l
}

// aheadOf looks ahead of the deadline of a context; nil if it has none.
func (s *stacks) aheadOf(ctx context.Context) *lookAhead {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil
	}

	return s.ahead(time.Until(deadline))
}

func (l *lookAhead) stop() {
	if l != nil {
		l.timer.Stop()
	}
}

// of returns where workers are, if the stacks were taken since a time.
func (l *lookAhead) of(names []string, since time.Time) map[string]string {
	if l == nil {
		return nil
	}
	p := l.taken.Load()
	if p == nil || p.began.Before(since) || !await(p.ready, stopPatience) {
		return nil
	}

	return p.of(names)
}
