package draw

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAxisIsLogarithmic(t *testing.T) {
	a := newAxis([]float64{1, 100_000}, false, 0, 500)

	assert.InDelta(t, 0, a.at(1), 1e-9)
	assert.InDelta(t, 200, a.at(100), 1e-9)
	assert.InDelta(t, 500, a.at(100_000), 1e-9)
	assert.InDeltaSlice(t, []float64{1, 10, 100, 1000, 10_000, 100_000}, a.ticks(), 1e-6)
}

func TestAxisEndsAtPowersOfTen(t *testing.T) {
	a := newAxis([]float64{15, 700}, true, 400, 0)

	assert.InDelta(t, 400, a.at(10), 1e-9)
	assert.InDelta(t, 0, a.at(1000), 1e-9)
}

func TestAxisOfOneValueHasRoom(t *testing.T) {
	a := newAxis([]float64{10}, true, 0, 100)

	assert.InDelta(t, 0, a.at(10), 1e-9)
	assert.InDelta(t, 100, a.at(100), 1e-9)
}

func TestApart(t *testing.T) {
	assert.Equal(t, []float64{10, 20, 30}, apart([]float64{10, 12, 30}, 10, 100))
	assert.Equal(t, []float64{80, 90, 100}, apart([]float64{95, 97, 99}, 10, 100), "not below the end")
	assert.Empty(t, apart(nil, 10, 100))
}

func TestSVG(t *testing.T) {
	svg := Chart{
		Title: "Growth <of> things",
		X:     "things",
		Y:     "time",
		Series: []Series{
			{Name: "one & two", Points: []Point{{1, 10}, {100, 1000}}},
			{Name: "three", Colour: colours + 2, Strong: true, Points: []Point{{1, 10}}},
			{Name: "nothing measured"},
		},
		Notes: []string{"three: over 5 s for 100 things"},
		XTick: label,
		YTick: label,
	}.SVG()

	assertWellFormed(t, svg)
	assert.Contains(t, svg, "Growth &lt;of&gt; things")
	assert.Contains(t, svg, ">one &amp; two</text>")
	assert.Contains(t, svg, ">three: over 5 s for 100 things</text>")
	assert.Contains(t, svg, `<polyline class="s0" points="72.0,364.0 592.0,64.0"/>`)
	assert.Contains(t, svg, `<polyline class="s2 strong" points="72.0,364.0"/>`)
	assert.Contains(t, svg, "prefers-color-scheme: dark")
	assert.NotContains(t, svg, ">nothing measured</text>")
}

func label(value float64) string {
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func assertWellFormed(t *testing.T, document string) {
	t.Helper()

	for decoder := xml.NewDecoder(strings.NewReader(document)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else {
			require.NoError(t, err)
		}
	}
}
