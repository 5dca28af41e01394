package board

import (
	"slices"
	"strings"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
)

// Section is one table: a row for each contender, and columns that say what is measured.
type Section struct {
	Name    string // for the command line
	Title   string
	Note    string
	Columns []Column
}

// Column is one value of the samples of one experiment and size.
type Column struct {
	Header     string
	Experiment string
	Size       int
	Value      string
	Format     func(float64) string
}

func (c Column) metric(name string) Metric {
	return Metric{sample.Sample{Experiment: c.Experiment, Contender: name, Size: c.Size}, c.Value}
}

// Samples returns the samples that the sections need, each once. Those of one experiment are together, so that what is compared
// is measured at nearly the same time.
func Samples(sections []Section) []sample.Sample {
	var samples []sample.Sample
	for _, section := range sections {
		for _, column := range section.Columns {
			for _, c := range contender.All() {
				s := column.metric(c.Name).Sample
				if s.Applies() && !slices.Contains(samples, s) {
					samples = append(samples, s)
				}
			}
		}
	}

	return samples
}

// Table shows the medians of a section. The contenders that have nothing like it share a row of dashes.
func (r *Results) Table(section Section) Table {
	table := Table{Title: section.Title, Note: section.Note, Header: []string{""}}
	for _, column := range section.Columns {
		table.Header = append(table.Header, column.Header)
	}

	var without []string
	for _, c := range contender.All() {
		row := []string{c.Name}
		for _, column := range section.Columns {
			row = append(row, r.cell(column.metric(c.Name), column.Format))
		}
		if slices.ContainsFunc(row[1:], func(cell string) bool { return cell != missing }) {
			table.Rows = append(table.Rows, row)
		} else {
			without = append(without, c.Name)
		}
	}
	if len(without) > 0 {
		table.Rows = append(table.Rows, append([]string{strings.Join(without, ", ")}, slices.Repeat([]string{missing}, len(section.Columns))...))
	}

	return table
}

// Tables returns the tables of the sections, and one of the targets that belong to them.
func (r *Results) Tables(sections []Section, targets []Target) []Table {
	var tables []Table
	names := map[string]bool{}
	for _, section := range sections {
		tables = append(tables, r.Table(section))
		names[section.Name] = true
	}

	own := slices.DeleteFunc(targets, func(t Target) bool { return !names[t.Section] })

	return append(tables, VerdictTable(r.Judge(own)))
}
