package contender

import worker "github.com/ankorstore/yokai/worker/next"

// Ours is a pool of this repository.
var Ours = Contender{
	Name:  "this module",
	Lacks: "trees of supervisors, but for a pool that is run as a worker; adding up failures of several workers",
	New: func(s Setup) (start, stop func()) {
		options := []worker.WorkerPoolOption{worker.WithGlobalMaxExecutionsAttempts(max(s.Attempts, 1))}
		for _, w := range s.Workers {
			options = append(options, worker.WithWorker(w))
		}
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(options...)
		check(err)
		if s.Registry != nil {
			check(pool.Metrics().Register(s.Registry()))
		}
		return func() { check(pool.Start(s.Context)) }, func() { check(pool.Stop()) }
	},
}
