package schedules_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lastOfMonth is due at midnight before the last day of each month, which no cron expression can say.
type lastOfMonth struct{ zone *time.Location }

func (s lastOfMonth) Next(after time.Time) time.Time {
	year, month, _ := after.In(s.zone).Date()
	due := time.Date(year, month+1, 0, 0, 0, 0, 0, s.zone)
	if !due.After(after) {
		due = time.Date(year, month+2, 0, 0, 0, 0, 0, s.zone)
	}

	return due
}

func TestLastOfMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []string
		pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("invoices", func(context.Context) error {
			runs = append(runs, time.Now().UTC().Format(time.DateOnly))

			return nil
		}), worker.WithSchedule(lastOfMonth{time.UTC})))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(100 * 24 * time.Hour)
		require.NoError(t, pool.Stop())
		assert.Equal(t, []string{"2000-01-31", "2000-02-29", "2000-03-31"}, runs)
	})
}
