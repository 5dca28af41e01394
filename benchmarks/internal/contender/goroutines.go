package contender

import (
	"context"
	"sync"
)

// Goroutines is what one writes without any library.
var Goroutines = Contender{
	Name:  "bare goroutines",
	Lacks: "anything but a common stop",
	New: func(s Setup) (start, stop func()) {
		ctx, cancel := context.WithCancel(s.Context)
		var running sync.WaitGroup
		return func() {
			for _, w := range s.Workers {
				running.Go(func() { _ = w.Run(ctx) })
			}
		}, func() { cancel(); running.Wait() }
	},
}
