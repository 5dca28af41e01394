package jetstream

import (
	"slices"
	"time"
)

// recentLimit bounds the memory of handled messages: 24 bytes each, and 2,184 messages a second at an AckWait of 15 seconds.
const recentLimit = 1 << 16

// recent remembers the messages that were handled with success last, since a redelivery may cross their acks: see [identity]. It
// remembers each for a time at least, unless there are more than recentLimit, and as many as it was made for however old they are.
type recent struct {
	least   int
	entries []recentEntry // a ring, once it is full
	next    int           // the place of the oldest
}

type recentEntry struct {
	id identity
	at time.Duration
}

func (r *recent) add(id identity, now, keep time.Duration) {
	entry := recentEntry{id, now}
	switch {
	case len(r.entries) < r.least:
		r.entries = append(r.entries, entry)
	case len(r.entries) < recentLimit && now-r.entries[r.next].at < keep:
		r.entries = slices.Grow(append(r.entries[r.next:], r.entries[:r.next]...), len(r.entries))
		r.least = min(2*len(r.entries), recentLimit)
		r.entries, r.next = append(r.entries, entry), 0
	default:
		r.entries[r.next] = entry
		r.next = (r.next + 1) % len(r.entries)
	}
}

func (r *recent) has(id identity) bool {
	return slices.ContainsFunc(r.entries, func(e recentEntry) bool { return e.id == id })
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
