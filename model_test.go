package worker_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The model-based test runs a pool through random sequences: a few goroutines register, unregister, start, stop, restart, wait for and
// read workers, several at once and with bounds that are too short. The workers return, fail, panic, end their goroutine, ignore their
// context, beat or stay silent (in a pool inside their own, too), say that they are ready or do not, depend on each other, have schedules,
// timeouts and limits, and use the pool from inside; and what the pool calls besides (id generator, log writer, listener, middlewares,
// backoffs, schedules, the methods of Start's context) may misbehave. Then a last start from one goroutine, where there is one right
// answer to everything. The model compares all that was seen (transitions, events, log records, samples, reports, errors and the workers'
// own notes), and checks what must always hold. Its parts, in the order to read them:
//
//   - model_plan_test.go: the random plan of a sequence;
//   - model_worker_test.go: the scripted workers, and all the ways in which an attempt ends;
//   - model_world_test.go: one pool, its actors, and what they check at each call;
//   - model_grammar_test.go: the grammar of event logs, and the reference of a worker's report;
//   - model_check_test.go: what is compared at the end, and the last start;
//   - model_seeds_test.go: what it has found, each as a test of its own.
//
// It runs a few hundred sequences with all other tests; a long run is
//
//	go test -race -run TestModel -sequences 10000 -timeout 30m .
//
// A failure prints the seed of its sequence. Go's scheduler is not seeded, so it may take a few runs with -sequence-repeat to see
// a failure again that needs an unlucky order.
var (
	modelSeed      = flag.Uint64("seed", 0, "seed of the first sequence of TestModel, 0 for a random one")
	modelSequences = flag.Int("sequences", 0, "number of sequences of TestModel, 0 for a few")
	modelRepeat    = flag.Int("sequence-repeat", 1, "how often TestModel runs each sequence")
)

func TestModel(t *testing.T) {
	t.Parallel()
	first, n := *modelSeed, *modelSequences
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	if n == 0 && raceEnabled {
		n = 500
	} else if n == 0 {
		n = 1000
	}
	t.Logf("%d sequences from -seed %d", n, first)

	var shards sync.WaitGroup
	failures := make(chan string, 1)
	for shard := range runtime.GOMAXPROCS(0) {
		shards.Go(func() {
			for i := shard; i < n && len(failures) == 0; i += runtime.GOMAXPROCS(0) {
				seed := first + uint64(i)
				for range *modelRepeat {
					if failure := runSequence(t, drawSequence(seeded(seed))); failure != "" {
						select {
						case failures <- fmt.Sprintf("run it again: go test -run TestModel -seed %d -sequences 1 -sequence-repeat 100\n%s", seed, failure):
						default:
						}
						return
					}
				}
			}
		})
	}
	shards.Wait()
	select {
	case failure := <-failures:
		t.Error(failure)
	default:
	}
}

// FuzzLifecycle lets the fuzzer make the choices.
func FuzzLifecycle(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(8) {
		choice, data := seeded(seed), make([]byte, 200)
		for i := range data {
			data[i] = byte(choice(256))
		}
		f.Add(data)
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		require.Empty(t, runSequence(t, drawSequence(fromBytes(data))))
	})
}

// runSequence runs one sequence in a bubble of its own, and returns what was wrong.
func runSequence(t *testing.T, plan *sequencePlan) (failure string) {
	w := &world{}
	defer func() {
		// The bubble itself finds goroutines that are left, and those that wait for each other.
		if value := recover(); value != nil {
			w.violated("%v", value)
		}
		if len(w.violations) > 0 {
			failure = strings.Join(w.violations, "\n") + "\n\n" + plan.String()
		}
	}()

	synctest.Test(t, func(*testing.T) {
		w = newWorld(plan)
		if w.actAll() {
			w.epilogue()
			w.cancelParents()
			w.checkQuiet()
			w.check()
		}
	})

	return failure
}

// actAll lets the actors act, and returns whether they have come to an end.
func (w *world) actAll() bool {
	var actors sync.WaitGroup
	for _, operations := range w.plan.actors {
		actors.Go(func() {
			for _, op := range operations {
				w.perform(op)
			}
		})
	}

	done := make(chan struct{})
	go func() { actors.Wait(); close(done) }()

	ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
	defer cancel()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		stacks := make([]byte, 1<<20)
		w.violated("an actor hangs:\n%s", stacks[:runtime.Stack(stacks, true)])
		return false
	}
}
