package worker

import "time"

// restarts are the times of the last restarts of a worker, as many as its limit has.
type restarts struct {
	at     []time.Time // a ring once it is full
	oldest int
}

// allow notes a restart now, unless more than n would then have been within (now-within, now]. n < 1 is no limit.
//
// The rule is that of restart intensities in Erlang/OTP (https://www.erlang.org/doc/system/sup_princ.html#maximum-restart-intensity).
func (r *restarts) allow(n int, within time.Duration) bool {
	if n < 1 {
		return true
	}
	now := time.Now()
	if len(r.at) < n {
		r.at = append(r.at, now)
		return true
	}
	if now.Sub(r.at[r.oldest]) < within {
		return false
	}

	r.at[r.oldest] = now
	r.oldest = (r.oldest + 1) % n

	return true
}
