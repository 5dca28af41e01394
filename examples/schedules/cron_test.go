package schedules_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/ankorstore/yokai/worker"
	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newReports(makeReport worker.HandlerFunc) (*worker.WorkerPool, error) {
	nightly, err := cron.ParseStandard("TZ=Europe/Berlin 30 4 * * *")
	if err != nil {
		return nil, err
	}

	return worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithWorker(worker.NewFuncWorker("reports", makeReport),
			worker.WithSchedule(nightly),
			worker.WithMaxExecutionsAttempts(3),
			worker.WithBackoff(worker.ConstantBackoff(10*time.Minute)),
			worker.WithAttemptTimeout(time.Hour),
		),
	)
}

// robfig/cron's schedules are schedules, whatever they were parsed from.
var (
	_ worker.Schedule = (*cron.SpecSchedule)(nil)
	_ worker.Schedule = cron.ConstantDelaySchedule{}
	_ worker.Schedule = cron.Every(time.Hour)
)

// Half past four is there once in each night.
func TestReports(t *testing.T) {
	for name, test := range map[string]struct {
		from time.Time
		runs []string
	}{
		"set forth": {time.Date(2000, 3, 24, 12, 0, 0, 0, time.UTC), []string{"2000-03-25T03:30:00Z", "2000-03-26T02:30:00Z", "2000-03-27T02:30:00Z"}},
		"set back":  {time.Date(2000, 10, 27, 12, 0, 0, 0, time.UTC), []string{"2000-10-28T02:30:00Z", "2000-10-29T03:30:00Z", "2000-10-30T03:30:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(test.from))
				var runs []string
				pool, err := newReports(func(context.Context) error {
					runs = append(runs, time.Now().UTC().Format(time.RFC3339))

					return nil
				})
				require.NoError(t, err)
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(72 * time.Hour)
				require.NoError(t, pool.Stop())
				assert.Equal(t, test.runs, runs)
			})
		})
	}
}

// The night on which the clocks are set forth has no half past two, and the one on which they are set back has two. What comes of that
// is the parser's choice.
func TestHalfPastTwo(t *testing.T) {
	nightly, err := cron.ParseStandard("TZ=Europe/Berlin 30 2 * * *")
	require.NoError(t, err)

	for name, test := range map[string]struct {
		from time.Time
		due  []string
	}{
		"set forth": {time.Date(2000, 3, 24, 12, 0, 0, 0, time.UTC), []string{"2000-03-25T01:30:00Z", "2000-03-27T00:30:00Z"}},
		"set back":  {time.Date(2000, 10, 27, 12, 0, 0, 0, time.UTC), []string{"2000-10-28T00:30:00Z", "2000-10-29T00:30:00Z", "2000-10-29T01:30:00Z", "2000-10-30T01:30:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			var due []string
			for next := test.from; len(due) < len(test.due); {
				next = nightly.Next(next)
				due = append(due, next.UTC().Format(time.RFC3339))
			}
			assert.Equal(t, test.due, due)
		})
	}
}
