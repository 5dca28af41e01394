package main

import (
	"regexp"
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/stretchr/testify/assert"
)

func TestCell(t *testing.T) {
	r := row{"", "StartStop", "sec/worker"}
	all := results{
		r.of(contender.Ours):                              {2e-6, 40e-6, 6e-6},
		r.of(contender.Suture):                            {1e-6, 20e-6, 3e-6},
		{r.bench, contender.Published.Name, "s-exceeded"}: {10},
	}

	assert.Equal(t, "6.00 µs", r.cell(all, contender.Ours))
	assert.Equal(t, "3.00 µs (2.00 ×)", r.cell(all, contender.Suture), "one slow round does not count")
	assert.Equal(t, "over 10 s in all", r.cell(all, contender.Published))
	assert.Equal(t, "–", r.cell(all, contender.Goroutines))
}

func TestMedian(t *testing.T) {
	assert.Equal(t, "1.10 KiB ±9%", median([]float64{1024, 1126.4, 1126.4, 1126.4, 1126.4, 1126.4, 1228.8}, "heap-B/worker"))
	assert.Equal(t, "290", median([]float64{290}, "packages"))
	assert.Equal(t, "12.34 ×", median([]float64{12.34}, "×"))
	assert.Equal(t, "284 k", median([]float64{284_000}, "one-msg/s"))
}

func TestFlagsMatchOneBenchmark(t *testing.T) {
	assert.Equal(t, []string{"-test.run=^$", `-test.bench=^BenchmarkMemory$/^worker=deep$/^by=a v1\.0$`, "-test.benchtime=1x"},
		value{bench: "Memory/worker=deep", by: "a v1.0"}.flags("9s"))
	assert.Contains(t, value{bench: "Report"}.flags("9s"), "-test.benchtime=9s")
}

func TestChosen(t *testing.T) {
	assert.Len(t, chosen(tables, regexp.MustCompile(""), false), len(tables))
	some := chosen(tables, regexp.MustCompile("/Failing/"), true)
	assert.Len(t, some, 1)
	assert.Len(t, some[0].rows, 4)
}
