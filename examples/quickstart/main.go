package main

import (
	"context"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/ankorstore/yokai/worker"
)

type clock struct{}

func (clock) Name() string { return "clock" }

func (clock) Run(ctx context.Context) error {
	for {
		select {
		case now := <-time.After(time.Second):
			log.Print("it is ", now.Format(time.TimeOnly))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(clock{}))
	if err != nil {
		log.Fatal(err)
	}
	if err := pool.Start(ctx); err != nil {
		log.Fatal(err)
	}
	<-ctx.Done()
	pool.Stop()
}
