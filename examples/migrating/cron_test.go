package migrating_test

import (
	"context"
	"log"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func runCron(ctx context.Context, makeReport func(ctx context.Context) error) error {
	jobs := cron.New(cron.WithChain(cron.SkipIfStillRunning(cron.DefaultLogger), cron.Recover(cron.DiscardLogger)))
	_, err := jobs.AddFunc("30 2 * * *", func() {
		if err := makeReport(ctx); err != nil {
			log.Print(err)
		}
	})
	if err != nil {
		return err
	}
	jobs.Start()
	<-ctx.Done()
	<-jobs.Stop().Done()

	return nil
}

func runFromCron(ctx context.Context, makeReport func(ctx context.Context) error) error {
	nightly, err := cron.ParseStandard("30 2 * * *")
	if err != nil {
		return err
	}
	pool := worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(20*time.Second),
		worker.WithWorker(worker.NewFuncWorker("report", makeReport), worker.WithSchedule(nightly)),
	)

	return pool.Run(ctx)
}

func TestCron(t *testing.T) {
	testNightly(t, map[string]nightly{"before": runCron, "after": runFromCron})
}

// nightly runs something each night at half past two.
type nightly func(ctx context.Context, makeReport func(ctx context.Context) error) error

func testNightly(t *testing.T, all map[string]nightly) {
	for name, run := range all {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log.SetOutput(t.Output())
				ctx, cancel := context.WithTimeout(t.Context(), 7*24*time.Hour)
				defer cancel()

				var runs []string
				require.NoError(t, run(ctx, func(context.Context) error {
					runs = append(runs, time.Now().Format("02 15:04"))
					switch len(runs) {
					case 2:
						return errNightly
					case 3:
						panic("no paper")
					case 4:
						time.Sleep(30 * time.Hour)
					}

					return nil
				}))
				assert.Equal(t, []string{"01 02:30", "02 02:30", "03 02:30", "04 02:30", "06 02:30", "07 02:30"}, runs)
			})
		})
	}
}
