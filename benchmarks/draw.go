package main

import (
	"fmt"
	"math"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// curve shows how a price grows with a number.
type curve struct {
	file, title, x, bench, unit string
	most                        int
}

var curves = []curve{
	{"../docs/benchmark-workers.svg", "Build, start and stop workers", "workers", "StartStop/workers=", "sec/worker", 100_000},
	{"../docs/benchmark-attempts.svg", "A failing attempt of one worker", "attempts in a row", "Failing/attempts=", "sec/attempt", 1_000_000},
}

// rows returns what has to be measured: at each power of ten.
func (c curve) rows() (rows []row) {
	for n := 10; n <= c.most; n *= 10 {
		rows = append(rows, row{bench: c.bench + fmt.Sprint(n), unit: c.unit})
	}

	return rows
}

// curveTable has the rows of all curves.
func curveTable() table {
	t := table{dir: here, contenders: contender.All}
	for _, c := range curves {
		t.rows = append(t.rows, c.rows()...)
	}

	return t
}

func draw(r results) error {
	plot.DefaultFont.Variant = "Sans"
	for _, c := range curves {
		p := plot.New()
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, "µs for each"
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
		p.Legend.Top, p.Legend.Left = true, true
		p.Add(plotter.NewGrid())
		err := plotutil.AddLinePoints(p, c.lines(r)...)
		if err == nil {
			p.X.Max, p.Y.Max = p.X.Max*1.5, p.Y.Max*4 // room for the last label, and for the legend
			err = p.Save(20*vg.Centimeter, 12*vg.Centimeter, c.file)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

// lines returns names and points of the contenders, as plotutil asks for them.
func (c curve) lines(r results) []any {
	var lines []any
	for _, by := range contender.All {
		var points plotter.XYs
		for i, row := range c.rows() {
			if values := r[row.of(by)]; values != nil {
				points = append(points, plotter.XY{X: math.Pow10(i + 1), Y: summary(values).Center * 1e6})
			}
		}
		if points != nil {
			lines = append(lines, by.Name, points)
		}
	}

	return lines
}
