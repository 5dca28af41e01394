package jetstream

import "time"

const (
	// usualSize is what a message of unknown size is taken for: a server's max_payload by default.
	usualSize = 1 << 20

	// silence is how long a pull with a byte limit may bring nothing. The client repeats a pull at once that the server ends since
	// the next message is larger than the limit, over and over, and tells nobody.
	silence = time.Second

	// probeInterval takes its place while only redeliveries have come for that long, though new messages wait: the next one may be too
	// large. Redeliveries may leave no gap, so one pull without a limit is put among the others that often, too.
	probeInterval = 100 * time.Millisecond
)

// bytesHeld bounds what an inbox holds and asks for, by bytes. The inbox guards it.
//
// The server ends a pull before it exceeds the pull's limit, but the client then asks for as much again by itself, before anybody
// can see it: so twice the limit is reserved. A pull for one message has no limit, since the server would never answer it where the
// message is larger.
type bytesHeld struct {
	limit   int
	held    int
	wanted  int           // reserved by pulls
	largest int           // size of the messages lately: the largest one, which fades
	calm    bool          // messages come one by one, if at all
	last    time.Duration // when one came last, as of the inbox's clock
	news    time.Duration // when one came last for the first time, or with no new one behind it, likewise
	probed  time.Duration // when a pull without a limit was planned last, likewise
}

// allow bounds a planned pull, and returns whether it may be opened. Where nothing else is held or asked for it always may.
func (b *bytesHeld) allow(p *pull, alone bool, maxBytes int) bool {
	size := max(b.largest, 1)
	spare := b.limit - b.held - b.wanted
	probe := p.active-b.news > silence && p.active-b.probed >= probeInterval
	if n := spare / 2 / size; n > 1 && p.left > 1 && !b.calm && !probe {
		p.left = min(p.left, n)
		p.limit = min(max(8*p.left*size, 2*usualSize), spare/2)
		if maxBytes > 0 {
			p.limit = min(p.limit, maxBytes)
		}
		p.reserved = 2 * p.limit
		b.wanted += p.reserved

		return true
	}
	size = max(b.largest, min(usualSize, b.limit/4))
	if !alone && spare < size {
		return false
	}

	b.probed = p.active
	p.left = 1
	p.reserved = size
	b.wanted += p.reserved

	return true
}

// arrive counts a delivery off what its pull has reserved, and returns whether the pull has to be closed.
func (b *bytesHeld) arrive(p *pull, d *delivery, now time.Duration) (exceeds bool) {
	b.calm = b.largest == 0 || now-b.last > b.silence(now)
	b.last, p.active = now, now
	if d.number.Load() == 1 || d.pending == 0 {
		b.news = now
	}
	b.largest = max(b.largest-b.largest>>8, d.size)

	n := min(d.size, p.reserved)
	p.reserved -= n
	b.wanted -= n
	p.received += d.size

	return p.limit > 0 && p.received > p.limit
}

// finish gives back what a pull has reserved and not received.
func (b *bytesHeld) finish(p *pull) {
	b.wanted -= p.reserved
	p.reserved = 0
}

// silence is how long nothing may come before something is suspected of being too large.
func (b *bytesHeld) silence(now time.Duration) time.Duration {
	if now-b.news > silence {
		return probeInterval
	}

	return silence
}

// mute returns the pulls with a limit that have brought nothing for a while, each once. What comes next is asked for one by one.
func (b *inbox) mute() (mute []*pull) {
	b.mu.Lock()
	defer b.mu.Unlock()

	for p := range b.pulls {
		if p.limit > 0 && p.context != nil && b.clock-p.active > b.bytes.silence(b.clock) && p.replace() {
			b.bytes.calm = true
			mute = append(mute, p)
		}
	}

	return mute
}
