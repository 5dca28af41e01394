package main

import (
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/board"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	full, err := parse(nil)
	require.NoError(t, err)
	assert.Equal(t, options{sizes: board.FullSizes(), rounds: 7, bound: 30 * time.Second}, full)

	quick, err := parse([]string{"-quick", "-rounds", "2", "-run", "memory,binary", "-svg", "out"})
	require.NoError(t, err)
	assert.Equal(t, options{
		sizes: board.QuickSizes(), rounds: 2, bound: 3 * time.Second, sections: []string{"memory", "binary"}, svg: "out",
	}, quick)

	_, err = parse([]string{"-run", "memory,nothing"})
	assert.ErrorContains(t, err, `unknown section "nothing"`)
}

func TestChosenSections(t *testing.T) {
	all := board.Sections(board.FullSizes())

	assert.Len(t, options{}.chosen(board.Sections(board.FullSizes())), len(all))
	for _, section := range (options{sections: []string{"failing"}}).chosen(all) {
		assert.Equal(t, "failing", section.Name)
	}
}
