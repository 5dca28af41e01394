// Command service is a small service built on a worker pool, as a user of the
// library writes one. Its input is on every machine that has Go: the source
// tree of Go itself.
//
// It runs six workers:
//
//   - indexer counts the files, lines and bytes of a source tree by extension,
//     and writes them to a JSON file; its heartbeat tells a walk that hangs
//     from one that is long, and it is ready once the index is there;
//   - sampler logs goroutines, heap and garbage collection pauses every second;
//   - http serves what is below; the others are stopped before it;
//   - selfcheck gets the service's own /metrics every second, once http serves
//     them; when the answer is wrong it fails, and the pool runs it again after
//     a growing backoff;
//   - checker reads the index again by a schedule;
//   - flaky fails once, panics once, and then runs on.
//
// Over HTTP it serves a status page of the workers at /, their report at
// /report, probes at /livez and /readyz, and /metrics. It logs to standard
// error, and with -trace writes its spans to standard output, one JSON object
// per line. It ends on Ctrl-C, on SIGTERM, or after -duration. The exit status
// is 1 when a worker has failed for good, one has not stopped in time or the
// service could not start, with the reason on the last line, and 2 when the
// command line is wrong.
//
//	go run ./examples/service -duration 10s
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // the service could not start, or a worker failed
	exitUsage   = 2 // the command line is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Once the first signal is being handled, a second one ends the process
	// at once, as it does for a program that handles none.
	context.AfterFunc(ctx, stop)

	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program but for its signals: it blocks until ctx is done or
// the -duration among args has passed, and returns the exit status. Spans go to
// stdout; logs and, as the last line, the reason of a failure go to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parseConfig(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}

	if err != nil {
		fmt.Fprintf(stderr, "service: %v (-h shows the flags)\n", err)

		return exitUsage
	}

	if err := serve(ctx, cfg, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "service: %s\n", oneLine(err))

		return exitFailure
	}

	return exitOK
}

// oneLine returns err's text without line breaks, which joined errors have.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}
