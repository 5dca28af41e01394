// Command jetstream measures how fast the messages of an embedded server are handled, once, and prints it as JSON. It is a module
// of its own beside the benchmarks, which run it: there the library's path belongs to the published module.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// replicaEnv makes a process a replica of the server whose address is its value.
const replicaEnv = "WORKER_BENCHMARK_REPLICA"

func main() {
	client := flag.String("client", "worker", "worker or bare")
	concurrency := flag.Int("concurrency", 1, "`number` of messages handled at once, in each replica")
	messages := flag.Int("messages", 100_000, "`number` of messages")
	replicas := flag.Int("replicas", 1, "`number` of replicas, each a process of its own")
	wait := flag.Duration("wait", 0, "what a handler waits")
	flag.Parse()

	s := setup{client: *client, concurrency: *concurrency, messages: *messages, replicas: *replicas, wait: *wait}
	if err := s.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// setup is what is measured.
type setup struct {
	client      string
	concurrency int
	messages    int
	replicas    int
	wait        time.Duration
}

func (s setup) run(ctx context.Context) error {
	if url := os.Getenv(replicaEnv); url != "" {
		return s.serve(ctx, url)
	}

	perSecond, err := s.measure(ctx)
	if err != nil {
		return err
	}

	return json.NewEncoder(os.Stdout).Encode(perSecond)
}
