// Package draw draws growth curves as SVG.
package draw

import "math"

// Chart is a chart with logarithmic axes.
type Chart struct {
	Title  string
	X, Y   string // what the axes show
	Series []Series
	Notes  []string // below the chart

	XTick, YTick func(float64) string // label the axes' powers of ten
}

// Series is one curve. Coordinates must be positive.
type Series struct {
	Name   string
	Colour int  // which one of the drawing's colours
	Strong bool // the one to look at
	Points []Point
}

// Point is one measured value.
type Point struct {
	X, Y float64
}

// The drawing's measures in pixels.
const (
	width, top, bottom = 760, 64, 56
	left, right        = 72, 168 // the names of the curves stand on the right
	height             = 420
	noteHeight         = 18
	nameHeight         = 16
)

// axis maps the logarithm of values to pixels.
type axis struct {
	low, high float64 // exponents of ten
	from, to  float64 // pixels
}

// newAxis returns an axis on which all values have room. The powers of ten around them are its ends where whole is set.
func newAxis(values []float64, whole bool, from, to float64) axis {
	a := axis{low: math.Inf(1), high: math.Inf(-1), from: from, to: to}
	for _, value := range values {
		a.low, a.high = min(a.low, math.Log10(value)), max(a.high, math.Log10(value))
	}
	if whole {
		a.low, a.high = math.Floor(a.low), math.Ceil(a.high)
	}
	if a.low >= a.high {
		a.high = a.low + 1
	}

	return a
}

func (a axis) at(value float64) float64 {
	return a.from + (math.Log10(value)-a.low)/(a.high-a.low)*(a.to-a.from)
}

// ticks returns the powers of ten on the axis.
func (a axis) ticks() []float64 {
	var ticks []float64
	for exponent := math.Ceil(a.low); exponent <= a.high; exponent++ {
		ticks = append(ticks, math.Pow(10, exponent))
	}

	return ticks
}

// apart moves positions, which are in ascending order, so that each is at least gap after the one before, and the last one not
// after end if they have room.
func apart(positions []float64, gap, end float64) []float64 {
	moved := make([]float64, len(positions))
	for i, position := range positions {
		moved[i] = position
		if i > 0 {
			moved[i] = max(position, moved[i-1]+gap)
		}
	}
	for i := len(moved) - 1; i >= 0; i-- {
		moved[i] = min(moved[i], end)
		end = moved[i] - gap
	}

	return moved
}
