// Command benchmarks compares this module with bare goroutines, with other libraries that run workers, and with the published
// module. All of them do the same work, in one run and in turns, so that the ratios hold on any machine:
//
//	go run -C benchmarks .                    # everything, about 10 minutes
//	go run -C benchmarks . -quick             # fewer rounds and smaller sizes, about a minute
//	go run -C benchmarks . -run memory,binary # some sections
//	go run -C benchmarks . -svg ../docs       # draw the growth curves too
//
// It prints the tables as text and as Markdown.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/board"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
)

func main() {
	sample.TakeRequested()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}

	begin := time.Now()
	sections := o.chosen(board.Sections(o.sizes))
	results := board.NewResults(o.bound)

	err = board.Measure(ctx, results, board.Samples(sections), o.rounds, func(round int) {
		fmt.Fprintf(os.Stderr, "%4.0f s: round %d of %d\n", time.Since(begin).Seconds(), round, o.rounds)
	})
	if err != nil {
		return err
	}

	tables := results.Tables(sections, board.Targets(o.sizes))
	fmt.Printf("%s\nMedians of %d rounds, measured in turns in %.0f s.\n\n", machine(), o.rounds, time.Since(begin).Seconds())
	for _, table := range tables {
		fmt.Println(table.Text())
	}
	fmt.Printf("Markdown:\n\n")
	for _, table := range tables {
		fmt.Println(table.Markdown())
	}

	for _, failure := range results.Failures() {
		fmt.Println(failure)
	}
	if o.svg != "" {
		return drawInto(o.svg, results, o.sizes)
	}

	return nil
}
