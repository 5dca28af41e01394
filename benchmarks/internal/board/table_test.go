package board_test

import (
	"testing"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/board"
	"github.com/stretchr/testify/assert"
)

var table = board.Table{
	Title:  "Times",
	Note:   "Measured.",
	Header: []string{"", "10", "1,000"},
	Rows:   [][]string{{"one", "1.00 µs", "–"}, {"another", "2 ns", "3 ns"}},
}

func TestText(t *testing.T) {
	assert.Equal(t, `Times
Measured.

                 10   1,000
  one       1.00 µs       –
  another      2 ns    3 ns
`, table.Text())
}

func TestMarkdown(t *testing.T) {
	assert.Equal(t, `### Times

Measured.

|         |      10 | 1,000 |
| ------- | ------: | ----: |
| one     | 1.00 µs |     – |
| another |    2 ns |  3 ns |
`, table.Markdown())
}
