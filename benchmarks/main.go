// Command benchmarks compares this module with the published one, with suture, and with bare goroutines:
//
//	go run -C benchmarks .                 # README's table, as Markdown
//	go run -C benchmarks . -quick          # the same, roughly, in two minutes
//	go run -C benchmarks . -run 'jetstream|Memory'
//	go run -C benchmarks . -draw           # the curves of ../docs
//
// It runs the benchmarks of internal/contender and of jetstream, which `go test -bench` runs too. Here each contender has a process
// of its own, and in each round they take turns, so that ratios hold on any machine.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/perf/benchfmt"
)

func main() {
	quick := flag.Bool("quick", false, "shorter rounds, and no row of a million attempts")
	rounds := flag.Int("rounds", 0, "`number` of rounds (default 7, or 3 with -quick)")
	drawing := flag.Bool("draw", false, "measure and draw the curves of ../docs in place of the tables")
	var only regexp.Regexp
	flag.TextVar(&only, "run", regexp.MustCompile(""), "measure what matches this `regexp` only")
	flag.Parse()

	time := "300ms"
	if *quick {
		time, *rounds = "50ms", cmp.Or(*rounds, 3)
	}
	*rounds = cmp.Or(*rounds, 7)
	all := tables
	if *drawing {
		all = []table{curveTable()}
	}
	all, r := chosen(all, &only, *quick), results{}
	err := r.measure(all, *rounds, time)
	if err == nil && *drawing {
		err = draw(r)
	} else if err == nil {
		show(all, r, *rounds)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// results has the values of each benchmark by unit, one from each round.
type results map[value][]float64

type value struct{ bench, by, unit string }

// measure runs all benchmarks of the tables in rounds, so that what slows the machine down for a while meets all of them. One run
// measures several values, and one that has had no result is not run again.
func (r results) measure(tables []table, rounds int, time string) error {
	dir, err := os.MkdirTemp("", "benchmarks-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	for round := range rounds {
		log.Printf("round %d of %d", round+1, rounds)
		for _, t := range tables {
			program := filepath.Join(dir, filepath.Base(t.dir))
			if round == 0 {
				_, err = execute(t.dir, "go", "test", "-c", "-o", program, ".")
			}
			for _, v := range t.values() {
				if err == nil && len(r[v]) == round {
					err = r.take(t.dir, program, v, time)
				}
			}
		}
	}

	return err
}

// take runs one benchmark in a process of its own. This module has a result in each.
func (r results) take(dir, program string, v value, time string) error {
	out, err := execute(dir, program, v.flags(time)...)
	found := err != nil || v.by != ours
	reader := benchfmt.NewReader(bytes.NewReader(out), v.bench)
	for reader.Scan() {
		if result, ok := reader.Result().(*benchfmt.Result); ok {
			found = true
			for _, measured := range result.Values {
				v.unit = measured.Unit
				r[v] = append(r[v], measured.Value)
			}
		}
	}
	if !found {
		return fmt.Errorf("%s: no result in %s", v.bench, out)
	}

	return cmp.Or(err, reader.Err())
}

func execute(dir, program string, args ...string) ([]byte, error) {
	process := exec.Command(program, args...)
	process.Dir = dir
	out, err := process.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %v: %w\n%s", program, args, err, out)
	}

	return out, err
}

// flags has a test binary run one benchmark, and those once that do not repeat anything.
func (v value) flags(time string) []string {
	if regexp.MustCompile("^(Binary|Memory|JetStream)").MatchString(v.bench) {
		time = "1x"
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(v.bench+"/by="+v.by), "/", "$/^")

	return []string{"-test.run=^$", "-test.bench=^Benchmark" + pattern + "$", "-test.benchtime=" + time}
}
