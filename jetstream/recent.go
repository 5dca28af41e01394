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
