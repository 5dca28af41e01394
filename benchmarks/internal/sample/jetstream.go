package sample

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
)

// MessageRate is what [JetStream] measures, in messages per second.
const MessageRate = "messages"

// What [Replicas] measures.
const (
	OneReplicaRate  = "one"     // messages per second of one replica
	TwoReplicasRate = "two"     // of two of them
	ReplicaGain     = "scaling" // the latter by the former
)

const (
	streamed         = 200_000 // messages of [JetStream]
	streamedReplicas = 2500    // messages of [Replicas] for each that is handled at once: some seconds, as handlers wait for a millisecond
)

// clients has the client of the command that measures.
var clients = map[string]string{
	contender.Ours:       "worker",
	contender.Goroutines: "bare",
}

// jetStream needs this module's directory as the working directory, as all that use the command below do.
func jetStream(c contender.Contender, concurrency int) (Values, error) {
	rate, err := messageRate("-client", clients[c.Name], "-concurrency", strconv.Itoa(concurrency), "-messages", strconv.Itoa(streamed))

	return Values{MessageRate: rate}, err
}

// replicas measures one right after two, so that what slows the machine down meets both.
func replicas(_ contender.Contender, concurrency int) (Values, error) {
	var rates [2]float64
	for i := range rates {
		n := i + 1
		rate, err := messageRate("-concurrency", strconv.Itoa(concurrency), "-messages", strconv.Itoa(n*concurrency*streamedReplicas),
			"-wait", "1ms", "-replicas", strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		rates[i] = rate
	}

	return Values{OneReplicaRate: rates[0], TwoReplicasRate: rates[1], ReplicaGain: rates[1] / rates[0]}, nil
}

// messageRate runs the command that measures, in its own module: a process with a server, and one for each replica.
func messageRate(args ...string) (rate float64, err error) {
	out, err := goCommand(append([]string{"run", "-C", "jetstream", "."}, args...)...)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(out, &rate); err != nil {
		return 0, fmt.Errorf("jetstream: %w", err)
	}

	return rate, nil
}
