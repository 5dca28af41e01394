package jetstream

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	prefetchTime = 50 * time.Millisecond // the wait that a prefetched message shall not exceed
	maxPrefetch  = 500                   // as many as the client itself prefetches by default
	maxPulls     = 2                     // one that is being answered, and one behind it
)

// inbox is what a session holds and what it has asked for, and says how much more to ask for.
type inbox struct {
	concurrency int
	prefetch    int // at most
	maxPulls    int // at once; with an order one, since two are read by two goroutines
	started     time.Time

	mu       sync.Mutex  // guards the fields below
	held     []*delivery // in no order: the queued ones, and those being handled
	queue    queue       // those that no handler has begun; empty while a handler is free
	lanes    lanes       // those that wait for one of the same key
	newest   uint64      // the highest stream sequence received
	recent   recent      // as many as the inbox may hold at least: no more than that can cross their acks at once
	handlers int         // goroutines that handle, at most concurrency
	pulls    map[*pull]struct{}
	wanted   int           // asked for, and not yet received
	ramp     int           // bounds the prefetch while the handlers' pace is news
	pace     time.Duration // a moving average of what a handler takes until it is free again, 0 before the first
	terms    *terms
	bytes    bytesHeld
	state    state
	clock    time.Duration // of the last beat: exact enough, and free
	released time.Duration // when a handler was free last, as of the clock
	idle     chan struct{} // closed once nothing is held and handled any more; nil while nobody waits for it
}

type state int

const (
	taking   state = iota
	stopping       // takes only what cannot be handed back
	ended          // takes nothing
)

func newInbox(settings *settings, t *terms) *inbox {
	pulls := maxPulls
	if settings.key != nil {
		pulls = 1
	}

	return &inbox{
		maxPulls:    pulls,
		concurrency: settings.concurrency,
		prefetch:    settings.prefetch,
		started:     time.Now(),
		lanes:       lanes{key: settings.key},
		recent:      recent{least: settings.concurrency + maxPrefetch},
		pulls:       map[*pull]struct{}{},
		ramp:        settings.concurrency,
		terms:       t,
		bytes:       bytesHeld{limit: settings.maxBytes, calm: true},
	}
}

// adopt makes the inbox keep to other terms.
func (b *inbox) adopt(t *terms) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.terms = t
}

// now is the time since the session began, which takes one look at a clock instead of two.
func (b *inbox) now() time.Duration {
	return time.Since(b.started)
}

// plan returns the pull that shall be opened now, or nil.
func (b *inbox) plan() *pull {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.planLocked()
}

func (b *inbox) planLocked() *pull {
	if b.state != taking || len(b.pulls) == b.maxPulls {
		return nil
	}

	ahead := b.prefetchLocked()
	free := b.concurrency + ahead - len(b.held) - b.wanted
	if free < max(1, ahead/2) {
		return nil // a few larger pulls are cheaper than many small ones
	}
	if b.terms.maxBatch > 0 {
		free = min(free, b.terms.maxBatch)
	}

	p := &pull{left: free, newest: b.newest, active: b.clock, isOpen: make(chan struct{})}
	if !b.bytes.allow(p, len(b.held)+b.wanted == 0, b.terms.maxBytes) {
		return nil
	}
	b.pulls[p] = struct{}{}
	b.wanted += p.left
	b.ramp = min(2*b.ramp, maxPrefetch)

	return p
}

// prefetchLocked is how many messages may wait for a handler: none where handlers are slow.
func (b *inbox) prefetchLocked() int {
	if b.pace == 0 {
		return 0
	}

	return min(b.concurrency*int(prefetchTime/b.pace), b.ramp, b.prefetch)
}

// release lets go a delivery that has kept a handler that long. It returns the delivery that its handler shall begin next, nil to end
// the handler, and the pull that shall be opened, or nil.
func (b *inbox) release(d *delivery, took time.Duration) (next *delivery, plan *pull) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.removeLocked(d)
	if d.handled.Load() {
		b.recent.add(d.id, b.clock, b.terms.ackWait)
	}
	if b.pace == 0 {
		b.pace = took
	}
	b.pace = max(b.pace+(took-b.pace)/8, 1)
	b.released = b.clock

	if follower := b.lanes.leave(d); follower != nil {
		b.queue.push(follower)
	}
	next = b.queue.pop()
	if next == nil {
		b.handlers--
		b.announceLocked()
	} else {
		next.began = b.clock
	}

	return next, b.planLocked()
}

func (b *inbox) removeLocked(d *delivery) {
	last := len(b.held) - 1
	b.held[d.place] = b.held[last]
	b.held[d.place].place = d.place
	b.held[last] = nil
	b.held = b.held[:last]
	b.bytes.held -= d.size
}

// opened gives a pull its context. It returns false where the inbox has been stopped meanwhile, so that stop has missed it.
func (b *inbox) opened(p *pull, context jetstream.ConsumeContext) bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	p.context = context
	close(p.isOpen)

	return b.state == taking
}
