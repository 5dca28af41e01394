package jetstream

import "slices"

// recent remembers the messages that were handled with success last, since a redelivery may cross their acks: see [identity].
type recent struct {
	limit int
	ids   []identity // at most limit, the oldest is overwritten first
	next  int        // the place of the next one, once all are taken
}

func (r *recent) add(id identity) {
	if len(r.ids) < r.limit {
		r.ids = append(r.ids, id)
		return
	}

	r.ids[r.next] = id
	r.next = (r.next + 1) % r.limit
}

func (r *recent) has(id identity) bool {
	return slices.Contains(r.ids, id)
}

// knownLocked looks for the message among those that are held or have just been handled. It looks only where there is a reason
// to: within a pull, the sequences of first deliveries grow, since the server goes through the stream.
//
// A message may be held and come as delivered for the first time, if the server has lost its record of the first time. One that was
// handled is then not known any more: somebody may have reset the consumer to have it handled again.
func (b *inbox) knownLocked(p *pull, d *delivery, r *receipt) bool {
	number := d.number.Load()
	unheardOf := number == 1 && d.id.sequence > p.newest
	p.newest = max(p.newest, d.id.sequence)
	b.newest = max(b.newest, d.id.sequence)
	if unheardOf {
		return false
	}

	if i := slices.IndexFunc(b.held, func(held *delivery) bool { return held.covers(d) }); i >= 0 {
		r.covered = true
		b.held[i].number.Store(max(number, b.held[i].number.Load())) // a failure is judged by the message's last delivery
	}
	r.handled = !r.covered && number > 1 && b.recent.has(d.id)

	return r.covered || r.handled
}
