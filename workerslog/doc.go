// Package workerslog lets a service that logs with [log/slog] see its workers: what the pool and the workers log goes to a
// [slog.Handler], and what the service logs within a worker tells which worker that was.
//
//	handler := workerslog.NewHandler(slog.NewJSONHandler(os.Stdout, nil))
//	slog.SetDefault(slog.New(handler))
//
//	err := pool.Run(workerslog.NewContext(ctx, handler))
//
// [NewContext] is the way in for the lines of the pool, which logs with zerolog: those of each transition, of a refused
// registration, of a worker that returns late, of a listener that panics. Each of the two functions is useful alone; where both are
// used, no field appears twice.
package workerslog
