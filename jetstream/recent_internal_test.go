package jetstream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestMemoryOfHandledMessagesLastsAsLongAsAckWait has 130 messages a second be handled over an AckWait of 15 seconds.
func TestMemoryOfHandledMessagesLastsAsLongAsAckWait(t *testing.T) {
	const perSecond, keep = 130, 15 * time.Second

	r := recent{least: 501}
	id := func(i int) identity { return identity{uint64(i), uint64(i)} }
	for i := 1; i <= 100*perSecond; i++ {
		now := time.Duration(i) * time.Second / perSecond
		r.add(id(i), now, keep)
		oldest := max(1, i-int(keep/time.Second)*perSecond+1)
		if i%97 == 0 {
			assert.True(t, r.has(id(oldest)), "%d at %d", oldest, i)
			assert.True(t, r.has(id(i)))
		}
	}
	assert.Less(t, len(r.entries), 3*perSecond*15, "it does not grow for ever")
	assert.False(t, r.has(id(1)))
}

func TestMemoryOfHandledMessagesIsBounded(t *testing.T) {
	r := recent{least: 501}
	for i := range 3 * recentLimit {
		r.add(identity{uint64(i), 1}, 0, time.Minute)
	}

	assert.Len(t, r.entries, recentLimit)
	assert.True(t, r.has(identity{3*recentLimit - 1, 1}))
	assert.True(t, r.has(identity{2 * recentLimit, 1}), "the newest ones are kept")
	assert.False(t, r.has(identity{2*recentLimit - 1, 1}))
}
