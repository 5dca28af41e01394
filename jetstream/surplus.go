package jetstream

// surplusWait is how long a message may have waited for a handler before a look is taken whether the handlers have become slow. It
// is ten times what a message waits otherwise, so that a short pause does not cost deliveries.
const surplusWait = 10 * prefetchTime

// surplus returns what is queued beyond what the handlers' pace allows now, the newest first, and the pulls that would bring more.
// What no other replica would get stays.
func (b *inbox) surplus(stays func(*delivery) bool) (pulls []*pull, back []*delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()

	head := b.queue.peek()
	if head == nil || b.state != taking || b.clock-head.received < surplusWait {
		return nil, nil
	}
	b.pace = max(b.pace, b.clock-b.released)
	for kept := b.queue.len() - b.prefetchLocked(); kept > 0; kept-- {
		d := b.queue.peekLast()
		if stays(d) || d.keyed {
			break
		}
		b.queue.popLast()
		b.removeLocked(d)
		back = append(back, d)
	}
	if len(back) == 0 {
		return nil, nil
	}

	b.ramp = b.concurrency
	for p := range b.pulls {
		if p.context != nil && p.replace() {
			pulls = append(pulls, p)
		}
	}

	return pulls, back
}
