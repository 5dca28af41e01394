// Package sample takes single measurements, each in a process of its own: no contender works on the heap, the stacks or the
// timers that another one left behind, and one that crashes or takes too long ends alone.
package sample

import (
	"fmt"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

// Sample names one measurement.
type Sample struct {
	Experiment string
	Contender  string
	Size       int // workers, attempts or messages at once, as the experiment says
}

// The experiments.
const (
	StartStop     = "startstop"      // workers that block on their context, from Start until Stop has returned
	Failing       = "failing"        // attempts of one worker that fails, without a logger
	FailingLogged = "failing-logged" // the same with a JSON logger
	Memory        = "memory"         // what workers that block on their context occupy
	Readers       = "readers"        // reading the state of workers of which some restart
	Heartbeat     = "heartbeat"      // beats of one worker
	Binary        = "binary"         // what the smallest program links
	JetStream     = "jetstream"      // messages of a server, by concurrency
	Replicas      = "replicas"       // the same shared out to processes
)

// Values is what a sample has measured, by the constants that the experiments declare.
type Values map[string]float64

var experiments = map[string]func(c contender.Contender, size int) (Values, error){
	StartStop:     startStop,
	Failing:       failing,
	FailingLogged: failingLogged,
	Memory:        memory,
	Readers:       readers,
	Heartbeat:     heartbeat,
	Binary:        binary,
	JetStream:     jetStream,
	Replicas:      replicas,
}

// Applies returns whether the contender has what the sample measures.
func (s Sample) Applies() bool {
	c, ok := contender.Find(s.Contender)
	switch {
	case !ok:
		return false
	case s.Experiment == Failing, s.Experiment == FailingLogged:
		return c.Restarts
	case s.Experiment == Readers:
		_, ok = c.New(contender.Setup{}).(contender.Observable)
		return ok
	case s.Experiment == Heartbeat:
		return c.Beat != nil
	case s.Experiment == Binary:
		return minimal[c.Name] != ""
	case s.Experiment == JetStream:
		return clients[c.Name] != ""
	case s.Experiment == Replicas:
		return c.Name == contender.Ours
	default:
		return true
	}
}

// Take takes the sample in this process.
func (s Sample) Take() (Values, error) {
	experiment, ok := experiments[s.Experiment]
	if !ok {
		return nil, fmt.Errorf("unknown experiment %q", s.Experiment)
	}

	c, ok := contender.Find(s.Contender)
	if !ok || !s.Applies() {
		return nil, fmt.Errorf("%s is not measured with %q", s.Experiment, s.Contender)
	}
	if s.Size < 1 {
		return nil, fmt.Errorf("size %d", s.Size)
	}

	return experiment(c, s.Size)
}

// Once returns whether every round gives the same values.
func (s Sample) Once() bool {
	return s.Experiment == Binary
}

// Compiles returns whether the sample may have to compile first.
func (s Sample) Compiles() bool {
	return s.Experiment == Binary || s.Experiment == JetStream || s.Experiment == Replicas
}
