package worker

import (
	"runtime/debug"
	"strings"
	"time"
)

// WithPoolLogs lets the pool log its own start and end, one record each at the info level: how many workers it starts, and the version
// of the program's main module; why it has stopped, how long it ran and how long the stop took, and who was late. Without it, a pool
// logs what happens to its workers, as the published module does, and nothing else. A start and a stop wait for a log writer that hangs
// for a tenth of a second.
func WithPoolLogs() WorkerPoolOption {
	return func(o *PoolOptions) {
		o.PoolLogs = true
	}
}

func (g *generation) logStart() {
	if g.logger == nil || !g.pool.options.PoolLogs {
		return
	}
	workers := len(g.pool.supervisors())

	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	briefly(func() { g.logger.Info().Int("workers", workers).Str("version", version).Msg("worker pool started") })
}

// logEnd is called once all workers have ended.
func (g *generation) logEnd() {
	if g.logger == nil || !g.pool.options.PoolLogs {
		return
	}

	cause := g.causeText()
	g.pool.mu.Lock()
	ran, took := time.Since(g.startedAt), time.Since(g.stop.at)
	var late []string
	for _, s := range g.order {
		if s.wasLate() {
			late = append(late, s.plan.name)
		}
	}
	g.pool.mu.Unlock()

	briefly(func() {
		event := g.logger.Info().Str("cause", cause).Str("ran", ran.String()).Str("took", took.String())
		if len(late) > 0 {
			event.Str("late", strings.Join(late, ", "))
		}
		event.Msg("worker pool stopped")
	})
}
