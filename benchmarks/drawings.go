package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/board"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/draw"
)

// drawInto writes the growth curves that were measured into a directory.
func drawInto(dir string, results *board.Results, sizes board.Sizes) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}

	charts := map[string]draw.Chart{
		"benchmark-workers.svg":  results.WorkersChart(sizes),
		"benchmark-attempts.svg": results.AttemptsChart(sizes),
	}
	for name, chart := range charts {
		if len(chart.Series) == 0 {
			continue // its section was not run
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(chart.SVG()), 0o644); err != nil {
			return err
		}
		fmt.Println("drawn:", filepath.Join(dir, name))
	}

	return nil
}
