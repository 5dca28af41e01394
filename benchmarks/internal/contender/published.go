package contender

import "github.com/ankorstore/yokai/worker"

// Published is a pool of the published module, through its documented API alone.
var Published = Contender{
	Name: "published v1.4.0",
	Lacks: "backoff, unlimited attempts, heartbeat; a stop that is bounded, staged, or ends deferrals and restarts; noticing Goexit; " +
		"bounded events, logs and contexts; reports; metrics but for one counter, which counts nothing before it is registered",
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
