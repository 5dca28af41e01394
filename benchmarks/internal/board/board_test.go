package board_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/board"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
	"github.com/stretchr/testify/assert"
)

// times adds rounds of start-and-stop times.
func times(r *board.Results, name string, values ...float64) board.Metric {
	s := sample.Sample{Experiment: sample.StartStop, Contender: name, Size: 100}
	for _, value := range values {
		r.Add(s, sample.Values{sample.StartStopTime: value}, nil)
	}

	return board.Metric{Sample: s, Value: sample.StartStopTime}
}

// tooSlow adds a round that was not done in time.
func tooSlow(r *board.Results, name string) board.Metric {
	m := times(r, name)
	r.Add(m.Sample, nil, sample.ErrTooSlow)

	return m
}

func plain(float64) string { return "shown" }

func TestJudge(t *testing.T) {
	r := board.NewResults(time.Second)
	ours := times(r, contender.Ours, 2, 40, 6)
	other := times(r, contender.Suture, 1, 20, 3)
	slow := tooSlow(r, contender.Published)

	verdicts := r.Judge([]board.Target{
		{Text: "ratio, round by round", Of: ours, To: &other, AtMost: 2},
		{Text: "ratio", Of: ours, To: &other, AtMost: 1.9},
		{Text: "absolute", Of: ours, AtMost: 6},
		{Text: "to what took too long", Of: ours, To: &slow, AtMost: 1},
		{Text: "not measured", Of: board.Metric{}, AtMost: 1},
		{Text: "as much", Of: ours, AtLeast: 6},
		{Text: "not as much", Of: ours, AtLeast: 7},
	})

	assert.Equal(t, 2.0, verdicts[0].Value)
	assert.Equal(t, []bool{true, false, true, false, false, true, false}, reached(verdicts))
	assert.True(t, math.IsNaN(verdicts[3].Value))
	assert.True(t, math.IsNaN(verdicts[4].Value))

	for i := range verdicts {
		verdicts[i].Format = plain
	}
	assert.Equal(t, [][]string{
		{"ratio, round by round", "shown", "shown", "yes"},
		{"ratio", "shown", "shown", "no"},
		{"absolute", "shown", "shown", "yes"},
		{"to what took too long", "shown", "–", "–"},
		{"not measured", "shown", "–", "–"},
		{"as much", "at least shown", "shown", "yes"},
		{"not as much", "at least shown", "shown", "no"},
	}, board.VerdictTable(verdicts).Rows)
}

func reached(verdicts []board.Verdict) []bool {
	var all []bool
	for _, v := range verdicts {
		all = append(all, v.Reached)
	}

	return all
}

func TestTableSaysWhyThereIsNoValue(t *testing.T) {
	r := board.NewResults(20 * time.Second)
	times(r, contender.Ours, 1, 2, 3)
	tooSlow(r, contender.Published)
	r.Add(times(r, contender.Suture, 1).Sample, nil, errors.New("it crashed"))

	table := r.Table(board.Section{Title: "Title", Columns: []board.Column{
		{Header: "100", Experiment: sample.StartStop, Size: 100, Value: sample.StartStopTime, Format: plain},
	}})

	assert.Equal(t, [][]string{
		{contender.Suture, "failed"},
		{contender.Published, "over 20 s"},
		{contender.Ours, "shown"},
		{"goroutines, errgroup, conc, oklog/run", "–"},
	}, table.Rows)
	assert.Equal(t, []string{"it crashed"}, r.Failures())
}

func TestOneSlowRoundOfSeveralIsNoReasonToGiveUp(t *testing.T) {
	r := board.NewResults(time.Second)

	m := times(r, contender.Ours, 1, 2)
	tooSlow(r, contender.Ours)
	assert.False(t, r.GivenUp(m.Sample))
	assert.Equal(t, 2.0, r.Median(m))

	tooSlow(r, contender.Ours)
	tooSlow(r, contender.Ours)
	assert.True(t, math.IsInf(r.Median(m), 1))

	first := tooSlow(r, contender.Suture)
	assert.True(t, r.GivenUp(first.Sample), "it would be too slow again")
}

func TestEveryTargetIsMeasured(t *testing.T) {
	for name, sizes := range map[string]board.Sizes{"full": board.FullSizes(), "quick": board.QuickSizes()} {
		t.Run(name, func(t *testing.T) {
			samples := board.Samples(board.Sections(sizes))
			assert.Len(t, slices.Compact(slices.Clone(samples)), len(samples))

			for _, target := range board.Targets(sizes) {
				assert.Contains(t, samples, target.Of.Sample, target.Text)
				if target.To != nil {
					assert.Contains(t, samples, target.To.Sample, target.Text)
				}
			}
		})
	}
}

func TestTablesHaveTheTargetsOfTheirSectionsOnly(t *testing.T) {
	sections := []board.Section{{Name: "binary", Title: "Binary"}}
	tables := board.NewResults(time.Second).Tables(sections, board.Targets(board.FullSizes()))

	assert.Len(t, tables, 2)
	assert.Equal(t, "Binary", tables[0].Title)
	assert.Len(t, tables[1].Rows, 1)
}

func TestChartsLeaveOutWhatTookTooLong(t *testing.T) {
	r := board.NewResults(5 * time.Second)
	times(r, contender.Ours, 1, 2, 3)
	tooSlow(r, contender.Published)

	chart := r.WorkersChart(board.Sizes{Workers: []int{100}})

	assert.Len(t, chart.Series, 1)
	assert.Equal(t, contender.Ours, chart.Series[0].Name)
	assert.True(t, chart.Series[0].Strong)
	assert.Equal(t, []string{"published v1.4.0: over 5 s for 100 workers"}, chart.Notes)
	assert.Empty(t, r.AttemptsChart(board.FullSizes()).Series)
}
