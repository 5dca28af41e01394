package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// contrastScript returns what can be read with too little contrast: texts below 4.5, large ones and bars below 3.
const contrastScript = `(() => {
	const parse = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = (node) => {
		for (let e = node; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] === 1) return c;
			if (c[3] !== 0) throw new Error("half transparent");
		}
	};
	const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) };
	const bad = [];
	let seen = 0;
	const judge = (node, color, least) => {
		const r = ratio(parse(color), ground(node));
		seen++;
		if (r < least) bad.push(node.textContent.slice(0, 30) + " " + node.getAttribute("class") + " " + r.toFixed(2));
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || e.closest("svg, .hidden, noscript") || !e.checkVisibility()) continue;
		judge(e, getComputedStyle(e).color, parseFloat(getComputedStyle(e).fontSize) >= 24 ? 3 : 4.5);
	}
	for (const bar of document.querySelectorAll(".bar:not(.next)")) judge(bar, getComputedStyle(bar).fill, 3);
	judge(document.querySelector("#name"), getComputedStyle(document.querySelector("#name"), "::placeholder").color, 4.5);
	return {bad, seen};
})()`

func TestContrast(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)

	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			l := desktop
			l.scheme = scheme
			b := open(t, s.url(), l)
			b.untilLoaded(len(statuses))
			b.open("price-sync")
			b.open(hostileName)
			b.filterByStatus("running")
			b.filterByStatus("running")
			eval[string](b, `document.querySelector("#gone").hidden = false, ""`)

			got := eval[struct {
				Bad  []string
				Seen int
			}](b, contrastScript)
			assert.Empty(t, got.Bad)
			assert.Greater(t, got.Seen, 100, "there was something to judge")
		})
	}
}

func TestNamesAndRoles(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	b.open("price-sync")

	for what, expression := range map[string]string{
		"the language":                     `document.documentElement.lang === "en"`,
		"one main heading":                 `document.querySelectorAll("h1").length === 1`,
		"each button has a name":           `[...document.querySelectorAll("button")].every((e) => e.textContent.trim() !== "" && e.type === "button")`,
		"the input has a label":            `document.querySelector("#name").labels.length === 1`,
		"pictures are named or decorative": `[...document.querySelectorAll("svg")].every((e) => e.ariaHidden === "true" || e.getAttribute("role") === "img" && e.getAttribute("aria-label"))`,
		"ids are unique":                   `new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size === document.querySelectorAll("[id]").length`,
		"what scrolls takes the focus":     `[...document.querySelectorAll(".scroll")].every((e) => e.tabIndex === 0 && e.ariaLabel)`,
		"filters tell their state":         `[...document.querySelectorAll(".tile")].every((e) => e.ariaPressed === "false")`,
		"rows tell their state":            `[...document.querySelectorAll(".open")].every((e) => e.ariaExpanded && document.getElementById(e.getAttribute("aria-controls")))`,
		"values have labels":               `[...document.querySelectorAll(".row .value")].every((e) => e.parentElement.querySelector(".label").textContent.trim())`,
		"a live region":                    `document.querySelector("#live").ariaLive === "polite"`,
	} {
		assert.True(t, eval[bool](b, expression), what)
	}
}

// The live region speaks of what needs attention once, not with each refresh.
func TestLiveRegionIsNotChatty(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), desktop)
	b.untilLoaded(len(statuses))
	assert.Equal(t, "4 workers need attention: 1 stuck, 1 gave up, 1 failing, 1 not ready", b.text("#live"))

	eval[string](b, `window.said = 0; new MutationObserver(() => said++).observe(document.querySelector("#live"), {childList: true}); ""`)
	b.refreshes(3)
	assert.Zero(t, eval[int](b, "said"))
}

func TestKeyboardReachesEverything(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block), do("b", block)))
	b := open(t, s.url(), desktop)
	b.untilLoaded(2)

	var order []string
	for range 25 {
		b.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](b, `document.activeElement.id || document.activeElement.textContent`))
		outline := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`)
		assert.Equal(t, "solid", outline, "the focus of %s can be seen", order[len(order)-1])
	}
	assert.Equal(t, []string{
		"skip", "pause", "utc", "JSON",
		"2running", "0waiting", "0stuck", "0error", "0pending", "0deferred", "0success", "0stopped", "0unknown", "name",
		"Worker", "Status", "Attempt", "Failures", "Since", "Next", "Failed", "Note, last error", "Timeline", "a", "b",
	}, order)
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	s := serveEveryStatus(t)
	b := open(t, s.url(), phone)
	b.untilLoaded(len(statuses))
	b.open("price-sync")
	b.open(hostileName)

	assert.Equal(t, 390, eval[int](b, `document.documentElement.scrollWidth`), "nothing sticks out")
	small := eval[[]string](b, `[...document.querySelectorAll("button, input")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.textContent)`)
	assert.Empty(t, small, "too small for a finger")
	assert.Equal(t, "Next in", b.text(`.worker[data-status="waiting"] .next`)[:7], "values tell what they are")
}

func TestReducedMotion(t *testing.T) {
	t.Parallel()
	s := serve(t, newPool(t, do("a", block)))
	l := desktop
	l.motion = "reduce"
	b := open(t, s.url(), l)
	b.untilLoaded(1)

	moving := eval[[]string](b, `[...document.querySelectorAll("*")].filter((e) => {
		const style = getComputedStyle(e);
		return style.transitionDuration !== "0s" || style.animationName !== "none";
	}).map((e) => e.tagName)`)
	assert.Empty(t, moving)
}
