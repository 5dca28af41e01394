package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryCallsAtOnceAndThenAtEachInterval(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()

		start := time.Now()

		var calls []time.Duration

		err := every(ctx, time.Second, func(context.Context) error {
			calls = append(calls, time.Since(start))

			return nil
		})

		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, calls)
		assert.Equal(t, 2500*time.Millisecond, time.Since(start))
	})
}

func TestEveryReturnsTheFirstError(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		errThird := errors.New("third")
		calls := 0

		err := every(t.Context(), time.Hour, func(context.Context) error {
			calls++
			if calls == 3 {
				return errThird
			}

			return nil
		})

		require.ErrorIs(t, err, errThird)
		assert.Equal(t, 3, calls)
	})
}
