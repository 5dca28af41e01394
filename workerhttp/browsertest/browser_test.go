package browsertest

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience is how long anything on the page may take before a test gives up on it.
const patience = 30 * time.Second

// browsers are the names of Chromium, by preference.
var browsers = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// findBrowser fails the test where there is no browser: a page that nobody has looked at is not tested.
func findBrowser(t *testing.T) string {
	t.Helper()

	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("no Chromium found among %s: install it (Debian: apt-get install -y chromium)", strings.Join(browsers, ", "))

	return ""
}

// look is how the browser shows a page.
type look struct {
	width, height int64
	scheme        string // "light" or "dark"
	motion        string // "no-preference" or "reduce"
	scale         float64
}

var (
	desktop = look{width: 1280, height: 900, scheme: "light", motion: "no-preference", scale: 1}
	phone   = look{width: 390, height: 844, scheme: "light", motion: "no-preference", scale: 1}
)

// tab is one page in a browser of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex // guards the field below
	problems []string   // what the console said
}

// open opens an address in a fresh browser. Unless the test takes them, there must be no problems at its end.
func open(t *testing.T, address string, l look) *tab {
	t.Helper()

	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(findBrowser(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)

	b := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	t.Cleanup(func() { require.NoError(t, chromedp.Cancel(ctx)) })
	b.show(l)
	b.do(chromedp.Navigate(address))
	t.Cleanup(func() { require.Empty(t, b.takeProblems(), "the console") })

	return b
}

// listen must return fast.
func (b *tab) listen(event any) {
	var problem string
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		problem = fmt.Sprint("console ", e.Type)
		for _, arg := range e.Args {
			problem += " " + string(arg.Value)
		}
	case *runtime.EventExceptionThrown:
		problem = fmt.Sprintf("exception %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
	case *log.EventEntryAdded:
		problem = fmt.Sprintf("log %s %s", e.Entry.Level, e.Entry.Text)
	default:
		return
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, problem)
}

// takeProblems returns what the console said so far, and forgets it.
func (b *tab) takeProblems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()

	problems := b.problems
	b.problems = nil

	return problems
}

// bounded bounds one action.
func (b *tab) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, patience)
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()

	ctx, cancel := b.bounded()
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// show changes how the browser shows its page.
func (b *tab) show(l look) {
	b.t.Helper()

	ctx, cancel := b.bounded()
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: l.scale,
	})
	require.NoError(b.t, err)
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: l.motion},
	}})
	require.NoError(b.t, err)
}
