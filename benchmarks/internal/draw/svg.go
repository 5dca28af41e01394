package draw

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// style has colours that are told apart by most eyes, on light and on dark ground.
const style = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.quiet { fill: #59636e; font-size: 12px }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.strong { stroke-width: 3.5 }
text.strong { font-weight: 700; stroke: none }
polyline { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round }
.lead { stroke-width: 1; stroke-dasharray: 2 3 }
.s0 { stroke: #59636e } .s1 { stroke: #8250df } .s2 { stroke: #0969da } .s3 { stroke: #1b7c83 }
.s4 { stroke: #9a6700 } .s5 { stroke: #cf222e } .s6 { stroke: #1a7f37 }
circle { stroke: none }
.f0 { fill: #59636e } .f1 { fill: #8250df } .f2 { fill: #0969da } .f3 { fill: #1b7c83 }
.f4 { fill: #9a6700 } .f5 { fill: #cf222e } .f6 { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.quiet { fill: #9198a1 }
.grid { stroke: #3d444d }
.s0 { stroke: #9198a1 } .s1 { stroke: #ab7df8 } .s2 { stroke: #4493f8 } .s3 { stroke: #39c5cf }
.s4 { stroke: #d29922 } .s5 { stroke: #f85149 } .s6 { stroke: #3fb950 }
.f0 { fill: #9198a1 } .f1 { fill: #ab7df8 } .f2 { fill: #4493f8 } .f3 { fill: #39c5cf }
.f4 { fill: #d29922 } .f5 { fill: #f85149 } .f6 { fill: #3fb950 }
}
`

// colours is how many of them the style has.
const colours = 7

// SVG returns the drawing. It has no background: it takes the page's, light or dark.
func (c Chart) SVG() string {
	total := height + len(c.Notes)*noteHeight + 4

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`,
		width, total, width, total, html.EscapeString(c.Title))
	fmt.Fprintf(&b, "\n<style>%s</style>\n", style)
	text(&b, left, 24, "title", c.Title)
	text(&b, left, 46, "quiet", c.Y)

	x, y := c.axes()
	c.grid(&b, x, y)
	for _, series := range c.Series {
		series.curve(&b, x, y)
	}
	c.names(&b, x, y)
	for i, note := range c.Notes {
		text(&b, left, height+float64(i*noteHeight)+8, "quiet", note)
	}
	b.WriteString("</svg>\n")

	return b.String()
}

func (c Chart) axes() (x, y axis) {
	var xs, ys []float64
	for _, series := range c.Series {
		for _, point := range series.Points {
			xs, ys = append(xs, point.X), append(ys, point.Y)
		}
	}

	return newAxis(xs, false, left, width-right), newAxis(ys, true, height-bottom, top)
}

func (c Chart) grid(b *strings.Builder, x, y axis) {
	for _, tick := range y.ticks() {
		at := y.at(tick)
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", left, at, width-right, at)
		text(b, left-8, at+4, `quiet" text-anchor="end`, c.YTick(tick))
	}
	for _, tick := range x.ticks() {
		text(b, x.at(tick), height-bottom+20, `quiet" text-anchor="middle`, c.XTick(tick))
	}
	text(b, (left+width-right)/2, height-bottom+40, `quiet" text-anchor="middle`, c.X)
}

func (s Series) curve(b *strings.Builder, x, y axis) {
	var points []string
	for _, point := range s.Points {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x.at(point.X), y.at(point.Y)))
	}
	fmt.Fprintf(b, `<polyline class="s%d%s" points="%s"/>`+"\n", s.colour(), s.class(), strings.Join(points, " "))
	for _, point := range s.Points {
		fmt.Fprintf(b, `<circle class="f%d" cx="%.1f" cy="%.1f" r="3"/>`+"\n", s.colour(), x.at(point.X), y.at(point.Y))
	}
}

func (s Series) colour() int {
	return s.Colour % colours
}

func (s Series) class() string {
	if s.Strong {
		return " strong"
	}

	return ""
}

// names writes the curves' names beside their ends, with lines to them where there is no room side by side.
func (c Chart) names(b *strings.Builder, x, y axis) {
	type end struct {
		Series
		Point
	}

	var ends []end
	for _, series := range c.Series {
		if n := len(series.Points); n > 0 {
			ends = append(ends, end{series, Point{x.at(series.Points[n-1].X), y.at(series.Points[n-1].Y)}})
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Compare(a.Y, b.Y) })

	positions := make([]float64, len(ends))
	for i, e := range ends {
		positions[i] = e.Y
	}
	for i, at := range apart(positions, nameHeight, height-bottom) {
		e := ends[i]
		fmt.Fprintf(b, `<line class="lead s%d" x1="%.1f" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", e.colour(), e.X+5, e.Y, width-right+18, at)
		text(b, width-right+22, at+4, fmt.Sprintf("f%d%s", e.colour(), e.class()), e.Name)
	}
}

func text(b *strings.Builder, x, y float64, class, content string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" class="%s">%s</text>`+"\n", x, y, class, html.EscapeString(content))
}
