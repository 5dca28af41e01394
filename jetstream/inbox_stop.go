package jetstream

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// stop makes the inbox take no more, and returns the open pulls' contexts and what is to be handed back. What no replica would get
// any more stays.
func (b *inbox) stop(stays func(*delivery) bool) (open []jetstream.ConsumeContext, back []*delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.state = stopping
	for _, d := range b.queue.take() {
		if stays(d) {
			b.queue.push(d)
			continue
		}
		b.removeLocked(d)
		back = append(back, d)
	}

	for p := range b.pulls {
		if p.context != nil {
			open = append(open, p.context)
		}
	}

	return open, back
}

// end makes the inbox take nothing at all.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.state = ended
}

// whenIdle returns a channel that is closed once nothing is held or handled.
func (b *inbox) whenIdle() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.idle = make(chan struct{})
	idle := b.idle
	b.announceLocked()

	return idle
}

func (b *inbox) announceLocked() {
	if b.idle != nil && b.handlers == 0 && len(b.held) == 0 {
		close(b.idle)
		b.idle = nil
	}
}

// takeQueue returns what no handler has begun, and lets go of it.
func (b *inbox) takeQueue() []*delivery {
	b.mu.Lock()
	defer b.mu.Unlock()

	queued := b.queue.take()
	for _, d := range queued {
		b.removeLocked(d)
	}

	return queued
}

// inFlight is how many messages are held.
func (b *inbox) inFlight() int {
	b.mu.Lock()
	defer b.mu.Unlock()

	return len(b.held)
}

// all returns a copy of what is held.
func (b *inbox) all() []*delivery {
	b.mu.Lock()
	defer b.mu.Unlock()

	return slices.Clone(b.held)
}

// stale returns what the server has not heard of for longer than a time, and has it count as heard of now.
func (b *inbox) stale(age time.Duration) []*delivery {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.clock = b.now()
	var stale []*delivery
	for _, d := range b.held {
		if b.clock-d.fresh > age {
			d.fresh = b.clock
			stale = append(stale, d)
		}
	}

	return stale
}

// hasRoom returns whether a handler is free for a message that might come.
func (b *inbox) hasRoom() bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.handlers < b.concurrency
}
