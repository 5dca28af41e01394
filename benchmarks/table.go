package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"
)

var ours = contender.Ours.Name

const here = "./internal/contender"

// table has a column for each contender, this module's first.
type table struct {
	title      string
	dir        string // of the benchmarks
	contenders []contender.Contender
	rows       []row
}

// row is one value of a benchmark.
type row struct{ text, bench, unit string }

var tables = []table{
	{
		"What restarts workers, and the least that running them can cost:", here, contender.All,
		[]row{
			{"build, start and stop 10 workers, each", "StartStop/workers=10", "sec/worker"},
			{"... 1,000", "StartStop/workers=1000", "sec/worker"},
			{"... 1,000 as services do: a logger, a context that can end, metrics", "StartStopInService", "sec/worker"},
			{"... 10,000", "StartStop/workers=10000", "sec/worker"},
			{"allocations for that", "StartStop/workers=10000", "allocs/worker"},
			{"a failing attempt, in a row of 10", "Failing/attempts=10", "sec/attempt"},
			{"... 1,000", "Failing/attempts=1000", "sec/attempt"},
			{"... 100,000", "Failing/attempts=100000", "sec/attempt"},
			{"... 1,000,000", "Failing/attempts=1000000", "sec/attempt"},
			{"allocations for one, in a row of 1,000", "Failing/attempts=1000", "allocs/attempt"},
			{"a logged failing attempt, in a row of 1,000", "FailingLogged", "sec/attempt"},
			{"allocations for that", "FailingLogged", "allocs/attempt"},
			{"bytes that it logs", "FailingLogged", "logged-B/attempt"},
			{"memory of a running worker", "Memory", "B/worker"},
			{"... its heap", "Memory", "heap-B/worker"},
			{"... its stack", "Memory", "stack-B/worker"},
			{"memory of one whose own stack needs 4 KiB", "MemoryDeep", "B/worker"},
			{"memory of one as services start it", "MemoryInService", "B/worker"},
			{"... its heap", "MemoryInService", "heap-B/worker"},
			{"... its stack", "MemoryInService", "stack-B/worker"},
			{"a heartbeat", "Heartbeat", "sec/op"},
			{"a report of 10,000 workers", "Report", "sec/op"},
			{"a scrape of their metrics", "Scrape", "sec/op"},
			{"smallest program", "Binary", "B"},
			{"... its packages", "Binary", "packages"},
		},
	},
	{
		"Messages of NATS JetStream per second, more are better:", "./jetstream",
		[]contender.Contender{{Name: ours}, {Name: "client alone", Lacks: "all but pulls and acks"}},
		[]row{
			{"one at once", "JetStream/concurrency=1", "msg/s"},
			{"64 at once", "JetStream/concurrency=64", "msg/s"},
			{"handlers wait for 1 ms, 4 at once, one replica", "JetStreamReplicas/concurrency=4", "one-msg/s"},
			{"... two replicas", "JetStreamReplicas/concurrency=4", "two-msg/s"},
			{"... gain", "JetStreamReplicas/concurrency=4", "×"},
			{"16 at once, one replica", "JetStreamReplicas/concurrency=16", "one-msg/s"},
			{"... two replicas", "JetStreamReplicas/concurrency=16", "two-msg/s"},
			{"... gain", "JetStreamReplicas/concurrency=16", "×"},
		},
	},
}

// chosen returns the tables with the rows that are asked for.
func chosen(tables []table, only *regexp.Regexp, quick bool) []table {
	var some []table
	for _, t := range tables {
		t.rows = slices.DeleteFunc(slices.Clone(t.rows), func(r row) bool {
			return quick && strings.HasSuffix(r.bench, "=1000000") || !only.MatchString(t.dir+"/"+r.bench)
		})
		if len(t.rows) > 0 {
			some = append(some, t)
		}
	}

	return some
}

// values returns all that the table shows, what is to be compared one after the other.
func (t table) values() []value {
	var values []value
	for _, r := range t.rows {
		for _, c := range t.contenders {
			values = append(values, r.of(c))
		}
	}

	return values
}

func (r row) of(c contender.Contender) value { return value{r.bench, c.Name, r.unit} }

func show(tables []table, r results, rounds int) {
	fmt.Printf("Medians of %d rounds, ± the 95 %% confidence interval from 6 rounds on. In brackets: %s as a multiple, the median of the "+
		"rounds' ratios.\n", rounds, ours)
	for _, t := range tables {
		fmt.Printf("\n%s\n\n", t.title)
		line := func(text string, cell func(contender.Contender) string) {
			for _, c := range t.contenders {
				text += " | " + cell(c)
			}
			fmt.Println("| " + text + " |")
		}
		line("", func(c contender.Contender) string { return c.Name })
		line("---", func(contender.Contender) string { return "---" })
		for _, row := range t.rows {
			line(row.text, func(c contender.Contender) string { return row.cell(r, c) })
		}
		line("what it does *not* do for that", func(c contender.Contender) string { return c.Lacks })
	}
}

// cell shows the median of a contender, and what this module's value is a multiple of it.
func (r row) cell(all results, c contender.Contender) string {
	theirs, own := all[r.of(c)], all[r.of(contender.Ours)]
	switch limit := all[value{r.bench, c.Name, "s-exceeded"}]; {
	case limit != nil:
		return fmt.Sprintf("over %g s in all", limit[0])
	case theirs == nil:
		return "–"
	case c.Name == ours || len(own) != len(theirs):
		return median(theirs, r.unit)
	}
	ratios := slices.Clone(own)
	for i := range ratios {
		ratios[i] /= theirs[i]
	}

	return fmt.Sprintf("%s (%s)", median(theirs, r.unit), median(ratios, "×"))
}

func summary(values []float64) benchmath.Summary {
	return benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), 0.95)
}

// median shows a median with three digits and its unit, and its confidence interval where there is one.
func median(values []float64, unit string) string {
	s := summary(values)
	base, _, _ := strings.Cut(unit, "/")
	base = base[strings.LastIndex(base, "-")+1:]
	scale := benchunit.CommonScale([]float64{s.Center}, benchunit.ClassOf(base))
	if base == "×" {
		scale = benchunit.Scaler{Prec: 3, Factor: 1}
	}
	prefix := scale.Prefix
	scale.Prec, scale.Prefix = max(scale.Prec-1, 0), ""
	text := strings.TrimSpace(scale.Format(s.Center) + " " + prefix + map[string]string{"sec": "s", "B": "B", "×": "×"}[base])
	if spread := s.PctRangeString(); spread != "∞" && spread != "0%" {
		text += " ±" + spread
	}

	return text
}
