package sample

import (
	"context"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

// What [Heartbeat] measures, in nanoseconds per beat.
const (
	BeatTime        = "own"     // with the context of the worker
	DerivedBeatTime = "derived" // with a context that was derived from it
	IdleBeatTime    = "idle"    // of a worker from which no beat is expected
)

func heartbeat(c contender.Contender, size int) (Values, error) {
	values := Values{}
	inWorker(c.NewWatched, func(ctx context.Context) {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()

		values[BeatTime] = beatTime(ctx, c, size)
		values[DerivedBeatTime] = beatTime(derived, c, size)
	})
	inWorker(c.New, func(ctx context.Context) {
		values[IdleBeatTime] = beatTime(ctx, c, size)
	})

	return values, nil
}

// inWorker runs work in a worker of a group.
func inWorker(newGroup func(contender.Setup) contender.Group, work func(context.Context)) {
	done := make(chan struct{})
	group := newGroup(contender.Setup{Workers: contender.NewWorkers(1, func(ctx context.Context) error {
		defer close(done)
		work(ctx)

		return nil
	})})
	group.Start()
	<-done
	group.Stop()
}

func beatTime(ctx context.Context, c contender.Contender, n int) float64 {
	begin := time.Now()
	c.Beat(ctx, n)

	return float64(time.Since(begin)) / float64(n)
}
