package main

import (
	"context"
	"time"
)

// every calls f at once and then at each interval, until f fails or ctx is
// done, and returns f's error or ctx's. Calls never overlap; those that a slow
// f misses are not made up for.
func every(ctx context.Context, interval time.Duration, f func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()

	for {
		if err := f(ctx); err != nil {
			return err
		}

		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
