package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

// A restart limit keeps the times of its last n restarts, and no more, however often it is asked.
func TestRestartLimitHasConstantMemory(t *testing.T) {
	for _, n := range []int{1, 7, 1000} {
		synctest.Test(t, func(t *testing.T) {
			r := &restarts{}
			allowed := func() (count int) {
				for range 10 * n {
					if r.allow(n, time.Minute) {
						count++
					}
				}

				return count
			}
			for range 20 {
				if count := allowed(); count != n {
					t.Errorf("%d of %d", count, n)
				}
				time.Sleep(time.Minute) // at the window's edge they do not count any more
			}
			if len(r.at) != n || cap(r.at) > 2*n {
				t.Errorf("keeps %d, room for %d, not %d", len(r.at), cap(r.at), n)
			}
			if allocs := testing.AllocsPerRun(100, func() { r.allow(n, time.Minute) }); allocs > 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}

	var none restarts
	for range 1000 {
		if !none.allow(0, time.Minute) || !none.allow(-1, time.Minute) {
			t.Fatal("no limit")
		}
	}
	if none.at != nil {
		t.Error("keeps what it does not need")
	}
}

// Each moment's window is exact: n restarts are allowed in any span shorter than the given time, never more.
func TestRestartLimitIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, within = 3, time.Minute
		r, began := &restarts{}, time.Now()
		var at []time.Duration
		for range 10_000 {
			if now := time.Since(began); r.allow(n, within) {
				at = append(at, now)
			} else if at[len(at)-n]+within <= now {
				t.Fatalf("refused at %s after %v", now, at[len(at)-n:])
			}
			time.Sleep(time.Second * 7 / 3)
		}
		for i := n; i < len(at); i++ {
			if at[i]-at[i-n] < within {
				t.Fatalf("%v within %s", at[i-n:i+1], within)
			}
		}
	})
}
