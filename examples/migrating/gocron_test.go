package migrating_test

import (
	"context"
	"errors"
	"log"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
)

var errNightly = errors.New("no data")

func runGocron(ctx context.Context, makeReport func(ctx context.Context) error) error {
	scheduler, err := gocron.NewScheduler(gocron.WithStopTimeout(20 * time.Second))
	if err != nil {
		return err
	}
	_, err = scheduler.NewJob(
		gocron.DailyJob(1, gocron.NewAtTimes(gocron.NewAtTime(2, 30, 0))),
		gocron.NewTask(makeReport, ctx),
		gocron.WithSingletonMode(gocron.LimitModeReschedule),
		gocron.WithEventListeners(
			gocron.AfterJobRunsWithError(func(_ uuid.UUID, name string, err error) { log.Print(name, ": ", err) }),
			gocron.AfterJobRunsWithPanic(func(_ uuid.UUID, name string, value any) { log.Print(name, ": ", value) }),
		),
	)
	if err != nil {
		return err
	}
	scheduler.Start()
	<-ctx.Done()

	return scheduler.Shutdown()
}

func runFromGocron(ctx context.Context, makeReport func(ctx context.Context) error) error {
	nightly := gocron.NewDefaultCron(false)
	if err := nightly.IsValid("30 2 * * *", time.Local, time.Now()); err != nil {
		return err
	}
	pool := worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(20*time.Second),
		worker.WithWorker(worker.NewFuncWorker("report", makeReport), worker.WithSchedule(nightly)),
	)

	return pool.Run(ctx)
}

func TestGocron(t *testing.T) {
	testNightly(t, map[string]nightly{"before": runGocron, "after": runFromGocron})
}
