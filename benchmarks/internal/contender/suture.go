package contender

import (
	"context"
	"math"

	"github.com/thejerf/suture/v4"
)

// Suture is one supervisor that restarts at once, however often. Its services have a String method, without which it formats each
// of them as a whole, and its event hook logs the fields of an event, which costs less than its map of them.
var Suture = Contender{
	Name: "suture v4",
	Lacks: "a maximum of attempts, backoff per worker, heartbeat; staged stops, telling where a stop hangs; telling Goexit from success; " +
		"events that are kept, reports, metrics, spans; logging starts and successes",
	New: func(s Setup) (start, stop func()) {
		hook := func(suture.Event) {}
		if s.Logger != nil {
			hook = func(e suture.Event) {
				failure := e.(suture.EventServiceTerminate) // there are no other events here
				err, _ := failure.Err.(error)
				s.Logger.Error().Str("supervisor_name", failure.SupervisorName).Str("service_name", failure.ServiceName).
					Float64("current_failures", failure.CurrentFailures).Float64("failure_threshold", failure.FailureThreshold).
					Bool("restarting", failure.Restarting).Err(err).Msg("service event")
			}
		}
		supervisor := suture.New("benchmark", suture.Spec{EventHook: hook, FailureThreshold: math.MaxFloat64})
		for _, w := range s.Workers {
			supervisor.Add(w)
		}
		ctx, cancel := context.WithCancel(s.Context)
		var done <-chan error

		return func() { done = supervisor.ServeBackground(ctx) }, func() { cancel(); <-done }
	},
}
