// Command jetstream is a service of any number of replicas, which share out
// their work over NATS JetStream:
//
//	jetstream serve -dir DIR      runs a NATS server, for trying it out
//	jetstream produce -n 100000   sends orders
//	jetstream work -http ADDR     runs a replica: a pool of an orders worker
//	                              and a reporter, which is active in one
//	                              replica only, with a status page
//
// With -nats URL, produce and work use another server, such as a real cluster.
// README.md shows three replicas at work.
//
// It ends on Ctrl-C and on SIGTERM, in order. The exit status is 1 when it has
// failed, with the reason on the last line, and 2 when the command line is
// wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // the command line is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

// command is one of the program's commands. It blocks until it is done, or ctx
// is.
type command interface {
	flags(*flag.FlagSet)
	run(ctx context.Context) error
}

// run is the whole program but for its signals: it returns the exit status.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	commands := map[string]command{"serve": &serve{}, "produce": &produce{}, "work": &work{}}
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(stderr, "usage: orders serve|produce|work [flags] (-h shows them)")
		return exitUsage
	}

	chosen, set := commands[args[0]], flag.NewFlagSet(args[0], flag.ContinueOnError)
	set.SetOutput(stderr)
	chosen.flags(set)
	switch err := set.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case set.NArg() > 0:
		fmt.Fprintf(stderr, "jetstream %s: unexpected argument %q\n", args[0], set.Arg(0))
		return exitUsage
	}

	logger := zerolog.New(zerolog.SyncWriter(stderr)).With().Timestamp().Logger()
	if err := chosen.run(logger.WithContext(ctx)); err != nil {
		fmt.Fprintf(stderr, "jetstream %s: %v\n", args[0], err)
		return exitFailure
	}

	return exitOK
}
