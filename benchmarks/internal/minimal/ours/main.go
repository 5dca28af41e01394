// The smallest program with a pool: what it links is what the library costs.
package main

import (
	"context"

	worker "github.com/ankorstore/yokai/worker/next"
)

type idle struct{}

func (idle) Name() string                  { return "idle" }
func (idle) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func main() {
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(idle{}))
	if err != nil {
		panic(err)
	}
	if err := pool.Start(context.Background()); err != nil {
		panic(err)
	}
	if err := pool.Stop(); err != nil {
		panic(err)
	}
}
