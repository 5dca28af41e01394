package browsertest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const axePath = "node_modules/axe-core/axe.min.js"

// loadAxe returns the source of axe-core, which npm installs where it is missing.
func loadAxe(t *testing.T) string {
	t.Helper()

	if _, err := os.Stat(axePath); err != nil {
		said, err := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
		require.NoError(t, err, "npm ci: %s (Debian: apt-get install -y npm)", said)
	}
	source, err := os.ReadFile(axePath)
	require.NoError(t, err)

	return string(source)
}

// violation is what axe-core finds fault with.
type violation struct {
	ID, Help string
	Nodes    []string
}

// violations returns what axe-core finds on the page as it is now, by all rules that it has on.
func (b *tab) violations(axe string) []violation {
	b.t.Helper()

	b.do(chromedp.Evaluate[chromedp.Void](axe + "; undefined"))

	return eval[[]violation](b, `axe.run().then(({passes, violations}) => {
		if (passes.length < 5) throw new Error("axe has looked at next to nothing");
		return violations.map(({id, help, nodes}) => ({id, help, nodes: nodes.map((node) => node.html.slice(0, 200) + " " + node.failureSummary)}));
	})`)
}

func TestAxe(t *testing.T) {
	t.Parallel()
	axe := loadAxe(t)
	s := serveReport(t, everything())

	for name, l := range map[string]look{"light": desktop, "dark": dark(desktop), "narrow": phone, "narrow-dark": dark(phone)} {
		t.Run(name, func(t *testing.T) {
			b := open(t, s.url, l)
			b.until(`document.querySelectorAll("#list > .worker").length === 12`)
			b.until(`[...document.querySelectorAll(".row .timeline")].some((e) => e.ariaLabel !== "Loading")`)
			assert.Empty(t, b.violations(axe), "the list")

			for _, name := range []string{"api", "importer", "orders-consumer", "nightly-report"} {
				b.open(name)
			}
			eval[string](b, `document.querySelectorAll(".rest").forEach((e) => e.open = true), ""`)
			assert.Empty(t, b.violations(axe), "opened rows")
			eval[string](b, `document.querySelector("#gone").hidden = document.querySelector("#other").hidden = false, ""`)
			assert.Empty(t, b.violations(axe), "with all that may be said above the list")

			b.choose("orders-consumer", "Restart")
			b.until(`document.querySelector("#confirm").open`)
			assert.Empty(t, b.violations(axe), "the control dialog")
		})
	}
}
