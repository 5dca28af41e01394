package jetstream

import "github.com/nats-io/nats.go/jetstream"

// lanes keep the messages of one key in order: of those that are held one at a time is queued or handled, and the others wait for
// it. The inbox guards them.
type lanes struct {
	key     func(jetstream.Msg) string // nil for none
	waiting map[string]*queue          // an entry for each key that is held
}

// wait returns whether the delivery has to wait for another one, and keeps it then.
func (l *lanes) wait(d *delivery) bool {
	if !d.keyed {
		return false
	}

	lane, taken := l.waiting[d.key]
	if !taken {
		if l.waiting == nil {
			l.waiting = map[string]*queue{}
		}
		l.waiting[d.key] = &queue{}
		return false
	}
	lane.push(d)

	return true
}

// leave returns the delivery that has waited for this one, or nil.
func (l *lanes) leave(d *delivery) *delivery {
	if !d.keyed {
		return nil
	}

	next := l.waiting[d.key].pop()
	if next == nil {
		delete(l.waiting, d.key)
	}

	return next
}

// take returns all that wait, and leaves none.
func (l *lanes) take() (all []*delivery) {
	for _, lane := range l.waiting {
		all = append(all, lane.take()...)
	}

	return all
}
