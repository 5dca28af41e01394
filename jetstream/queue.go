package jetstream

import "slices"

// queue is a line of deliveries, the oldest first. It uses one array over and over, so that a message in passing costs none.
type queue struct {
	items []*delivery
	head  int // how many of the items are gone
}

func (q *queue) push(d *delivery) {
	// Moving no more than was popped since the last time, a message is moved once at most on average.
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		q.items = slices.Delete(q.items, 0, q.head)
		q.head = 0
	}
	q.items = append(q.items, d)
}

// pop returns the oldest delivery, or nil.
func (q *queue) pop() *delivery {
	if q.head == len(q.items) {
		return nil
	}

	d := q.items[q.head]
	q.items[q.head] = nil // its message shall not outlive it
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}

	return d
}

func (q *queue) len() int {
	return len(q.items) - q.head
}

// peek returns the oldest delivery and leaves it, or nil.
func (q *queue) peek() *delivery {
	if q.len() == 0 {
		return nil
	}

	return q.items[q.head]
}

// peekLast returns the newest delivery and leaves it. There must be one.
func (q *queue) peekLast() *delivery {
	return q.items[len(q.items)-1]
}

// popLast removes the newest delivery. There must be one.
func (q *queue) popLast() {
	last := len(q.items) - 1
	q.items[last] = nil
	q.items = q.items[:last]
	if q.head == last {
		q.items, q.head = q.items[:0], 0
	}
}

// take returns all deliveries, and leaves none.
func (q *queue) take() []*delivery {
	all := q.items[q.head:]
	*q = queue{}

	return all
}
