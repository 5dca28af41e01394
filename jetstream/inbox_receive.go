package jetstream

import ()

// receipt is what becomes of a delivery that has arrived.
type receipt struct {
	taken    bool // it is held now
	covered  bool // not taken, since the message is held already: its coming answer is good for this delivery, too
	handled  bool // not taken, since the message has just been handled
	start    bool // a handler has to be started with it
	complete bool // it was the last one of its pull
	exceeds  bool // its pull has brought more than it was to
}

// receive takes a delivery in, unless the inbox is stopped or holds the message already. One that is the message's last is taken
// in after the stop, too.
func (b *inbox) receive(p *pull, d *delivery, last bool) receipt {
	b.mu.Lock()
	defer b.mu.Unlock()

	r := receipt{complete: b.countLocked(p, 1), exceeds: b.bytes.arrive(p, d, b.clock)}
	if b.knownLocked(p, d, &r) {
		return r
	}
	if b.state == ended || b.state == stopping && !last {
		return r
	}

	d.place, d.fresh, d.received, d.began = len(b.held), b.clock, b.clock, notBegun
	b.held = append(b.held, d)
	b.bytes.held += d.size
	r.taken = true
	if b.lanes.wait(d) {
		return r
	}
	if r.start = b.handlers < b.concurrency; r.start {
		b.handlers++
		d.began = b.clock
	} else {
		b.queue.push(d)
	}

	return r
}

// forget closes a pull that is not going to be answered any more.
func (b *inbox) forget(p *pull) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.countLocked(p, p.left)
}

// countLocked counts messages off what a pull has asked for.
func (b *inbox) countLocked(p *pull, n int) (complete bool) {
	n = min(n, p.left)
	p.left -= n
	b.wanted -= n
	if p.left > 0 {
		return false
	}

	b.bytes.finish(p)
	delete(b.pulls, p)

	return true
}
