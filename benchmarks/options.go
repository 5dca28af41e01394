package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/board"
)

// options is what the command line asks for.
type options struct {
	sizes    board.Sizes
	rounds   int
	bound    time.Duration // for one sample
	sections []string      // empty for all
	svg      string        // a directory, empty for no drawings
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("benchmarks", flag.ExitOnError)
	quick := flags.Bool("quick", false, "fewer rounds and smaller sizes")
	rounds := flags.Int("rounds", 0, "`number` of rounds (default 7, or 3 with -quick)")
	sections := flags.String("run", "", "`sections` to run, separated by commas (default all): "+strings.Join(names(), ", "))
	svg := flags.String("svg", "", "draw the growth curves into this `directory`")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}

	o := options{sizes: board.FullSizes(), rounds: 7, bound: 30 * time.Second, svg: *svg}
	if *quick {
		o.sizes, o.rounds, o.bound = board.QuickSizes(), 3, 3*time.Second
	}
	if *rounds > 0 {
		o.rounds = *rounds
	}
	if *sections != "" {
		o.sections = strings.Split(*sections, ",")
	}
	for _, name := range o.sections {
		if !slices.Contains(names(), name) {
			return options{}, fmt.Errorf("unknown section %q, known are %s", name, strings.Join(names(), ", "))
		}
	}

	return o, nil
}

// names returns the names of all sections, each once.
func names() []string {
	var names []string
	for _, section := range board.Sections(board.FullSizes()) {
		if !slices.Contains(names, section.Name) {
			names = append(names, section.Name)
		}
	}

	return names
}

func (o options) chosen(sections []board.Section) []board.Section {
	return slices.DeleteFunc(sections, func(s board.Section) bool {
		return len(o.sections) > 0 && !slices.Contains(o.sections, s.Name)
	})
}
