package jetstream

import "time"

// beat sets the clock, and returns it.
func (b *inbox) beat() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.clock = b.now()

	return b.clock
}

// stale returns what the server has not heard of for longer than a time, and has it count as heard of now.
func (b *inbox) stale(age time.Duration) []*delivery {
	b.mu.Lock()
	defer b.mu.Unlock()

	var stale []*delivery
	for _, d := range b.held {
		if (d.dubious || b.clock-d.fresh > age) && d.answer.Load() != answered {
			d.fresh, d.dubious = b.clock, false
			stale = append(stale, d)
		}
	}

	return stale
}

// overdue returns what has been handled for longer than a time.
func (b *inbox) overdue(age time.Duration) (overdue []*delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()

	for _, d := range b.held {
		if d.began != notBegun && b.clock-d.began > age {
			overdue = append(overdue, d)
		}
	}

	return overdue
}

// oldest is how long the oldest of the held messages has been held, 0 where there is none.
func (b *inbox) oldest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()

	now := b.now()
	oldest := now
	for _, d := range b.held {
		oldest = min(oldest, d.received)
	}

	return now - oldest
}

// bytesInFlight is how many bytes are held.
func (b *inbox) bytesInFlight() int {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.bytes.held
}

// isBusy returns whether something is held, or was received since the last beat but nine.
func (b *inbox) isBusy() bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return len(b.held) > 0 || b.clock-b.bytes.last < 10*beatInterval
}

// newestSequence is the highest stream sequence received.
func (b *inbox) newestSequence() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.newest
}
