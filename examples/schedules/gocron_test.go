package schedules_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/go-co-op/gocron/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parse returns a cron expression as gocron understands it.
func parse(expression string) (worker.Schedule, error) {
	schedule := gocron.NewDefaultCron(false)
	if err := schedule.IsValid(expression, time.UTC, time.Now()); err != nil {
		return nil, err
	}

	return schedule, nil
}

func TestGocron(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		schedule, err := parse("0 6 * * 1")
		require.NoError(t, err)
		_, err = parse("every monday")
		require.Error(t, err)

		var runs []string
		pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("weekly", func(context.Context) error {
			runs = append(runs, time.Now().UTC().Format(time.RFC1123))

			return nil
		}), worker.WithSchedule(schedule)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(14 * 24 * time.Hour)
		require.NoError(t, pool.Stop())
		assert.Equal(t, []string{"Mon, 03 Jan 2000 06:00:00 UTC", "Mon, 10 Jan 2000 06:00:00 UTC"}, runs)
	})
}
