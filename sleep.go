package worker

import (
	"context"
	"math"
	"time"
)

// forever is the longest wait, 292 years.
const forever time.Duration = math.MaxInt64

// sleep waits for d, or until ctx is done or quit is closed. It returns false if ctx is done.
func sleep(ctx context.Context, d time.Duration, quit <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-quit:
	}

	return ctx.Err() == nil
}

// seconds converts to a duration; what is too long for one becomes the longest.
func seconds(s float64) time.Duration {
	if ns := math.Round(s * float64(time.Second)); ns < math.MaxInt64 {
		return time.Duration(ns)
	}

	return forever
}
