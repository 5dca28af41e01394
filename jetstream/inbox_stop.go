package jetstream

import (
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// stop makes the inbox take no more, and returns the open pulls' contexts and what is to be handed back. What no replica would get
// any more stays.
func (b *inbox) stop(stays func(*delivery) bool) (open []jetstream.ConsumeContext, back []*delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.state = stopping
	for _, d := range b.takeWaitingLocked() {
		switch {
		case !stays(d):
			b.removeLocked(d)
			back = append(back, d)
		case !b.lanes.wait(d):
			b.queue.push(d)
		}
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

// takeWaitingLocked empties the queue and the lanes. Who is being handled keeps its lane.
func (b *inbox) takeWaitingLocked() []*delivery {
	waiting := append(b.queue.take(), b.lanes.take()...)
	b.lanes.waiting = nil
	for _, d := range b.held {
		if d.began != notBegun {
			b.lanes.wait(d)
		}
	}

	return waiting
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

// hasRoom returns whether a handler is free for a message that might come.
func (b *inbox) hasRoom() bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.handlers < b.concurrency
}
