package main

import (
	"context"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/ankorstore/yokai/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	pool := worker.NewWorkerPool(
		worker.WithGlobalStopTimeout(10*time.Second),
		worker.WithWorker(worker.NewPeriodicWorker("clock", time.Second, func(context.Context) error {
			log.Print("it is ", time.Now().Format(time.TimeOnly))
			return nil
		})),
	)
	if err := pool.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
