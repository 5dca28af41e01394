package worker

import (
	"math"
	"time"
)

// forever is the longest wait, 292 years.
const forever time.Duration = math.MaxInt64

// seconds converts to a duration; what is too long for one becomes the longest.
func seconds(s float64) time.Duration {
	if ns := math.Round(s * float64(time.Second)); ns < math.MaxInt64 {
		return time.Duration(ns)
	}

	return forever
}
