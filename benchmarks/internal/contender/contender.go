// Package contender runs the same workers with each of the libraries that are compared.
package contender

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// The names of the contenders that others are compared with.
const (
	Ours       = "this module"
	Published  = "published v1.4.0"
	Goroutines = "goroutines"
	Suture     = "suture v4"
)

// Contender is one way to run workers.
type Contender struct {
	Name     string
	Restarts bool // runs a failed worker again

	// New prepares workers to run, and starts none.
	New func(Setup) Group

	// NewWatched is like New, with a heartbeat that is expected from each worker, and Beat gives n of them. Both are nil where
	// there is no heartbeat.
	NewWatched func(Setup) Group
	Beat       func(ctx context.Context, n int)
}

// Setup is what a contender shall run, and how.
type Setup struct {
	Workers  []*Worker
	Attempts int             // at most, for each worker; only read where the contender restarts
	Logger   *zerolog.Logger // nil for no logging
}

// Group is a set of workers with a common life.
type Group interface {
	// Start starts the workers, and need not wait until they run.
	Start()
	// Stop cancels the workers' contexts and waits until all have returned.
	Stop()
}

// Observable is a [Group] that can be looked at while it runs.
type Observable interface {
	Group
	// Report reads the state of each worker, and returns how many there are.
	Report() int
	// Metrics are the metrics of the group, registered.
	Metrics() prometheus.Gatherer
}

// All returns the contenders, in the order in which they are shown.
func All() []Contender {
	return []Contender{
		{Name: Goroutines, New: newGoroutines, NewWatched: newGoroutines, Beat: beatAtomically},
		{Name: "errgroup", New: newErrgroup},
		{Name: "conc", New: newConc},
		{Name: "oklog/run", New: newOklogRun},
		{Name: Suture, Restarts: true, New: newSuture},
		{Name: Published, Restarts: true, New: newPublished},
		{Name: Ours, Restarts: true, New: newOurs, NewWatched: newOursWatched, Beat: beatOurs},
	}
}

// Find returns the contender of that name.
func Find(name string) (Contender, bool) {
	for _, c := range All() {
		if c.Name == name {
			return c, true
		}
	}

	return Contender{}, false
}

// context returns the context to start workers with.
func (s Setup) context() context.Context {
	if s.Logger == nil {
		return context.Background()
	}

	return s.Logger.WithContext(context.Background())
}
