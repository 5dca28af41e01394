package board

import (
	"strings"
	"unicode/utf8"
)

// Table is a table of texts. Its first column is aligned to the left, the others to the right.
type Table struct {
	Title  string
	Note   string // below the title, may be empty
	Header []string
	Rows   [][]string // each as long as Header
}

// Text returns the table for a terminal.
func (t Table) Text() string {
	widths := t.widths()

	var b strings.Builder
	b.WriteString(t.Title + "\n")
	if t.Note != "" {
		b.WriteString(t.Note + "\n")
	}
	b.WriteString("\n")
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		b.WriteString("  " + strings.TrimRight(strings.Join(aligned(row, widths), "   "), " ") + "\n")
	}

	return b.String()
}

// Markdown returns the table as GitHub reads it.
func (t Table) Markdown() string {
	widths := t.widths()
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", max(width-1, 2)) + ":"
	}
	rule[0] = strings.Repeat("-", max(widths[0], 3))

	var b strings.Builder
	b.WriteString("### " + t.Title + "\n\n")
	if t.Note != "" {
		b.WriteString(t.Note + "\n\n")
	}
	for _, row := range append([][]string{t.Header, rule}, t.Rows...) {
		b.WriteString("| " + strings.Join(aligned(row, widths), " | ") + " |\n")
	}

	return b.String()
}

func (t Table) widths() []int {
	widths := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}

	return widths
}

func aligned(row []string, widths []int) []string {
	cells := make([]string, len(row))
	for i, cell := range row {
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			cells[i] = cell + padding
		} else {
			cells[i] = padding + cell
		}
	}

	return cells
}
