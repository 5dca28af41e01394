package browsertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// replicas are two processes behind one address, which take the requests in turn.
type replicas struct {
	url  string
	next atomic.Int64
	only atomic.Int64 // the one that takes all, if it is above 0
}

func serveReplicas(t *testing.T, options ...workerhttp.Option) *replicas {
	t.Helper()

	handlers := []http.Handler{}
	for _, name := range []string{"web-1", "web-2"} {
		pool := newPool(t, do("shared", block), do("only-on-"+name, block))
		require.NoError(t, pool.Start(context.Background()))
		t.Cleanup(func() { require.NoError(t, pool.Stop()) })
		handlers = append(handlers, workerhttp.NewHandler(pool, append(options, workerhttp.WithInstance(name))...))
	}
	r := &replicas{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		n := r.next.Add(1) % 2
		if only := r.only.Load(); only > 0 {
			n = only - 1
		}
		handlers[n].ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL + "/"

	return r
}

// Two replicas behind one address are never mixed: the page says that there are two, and stays with one.
func TestReplicasAreNotMixed(t *testing.T) {
	t.Parallel()
	r := serveReplicas(t)
	b := open(t, r.url, desktop)
	b.until(`!document.querySelector("#other").hidden`)

	ours := b.text("#instance")[:5]
	other := map[string]string{"web-1": "web-2", "web-2": "web-1"}[ours]
	require.NotEmpty(t, other)
	assert.Equal(t, "Several instances answer at this address. This page stays with "+ours+"; "+other+" answers too.", b.text("#other-what"))
	assert.Regexp(t, `^`+ours+` · host .+ · pid \d+ · started \d\d:\d\d:\d\d`, b.text("#instance"))

	eval[string](b, `window.seen = new Set(); new MutationObserver(() => document.querySelectorAll("#list .open").forEach((e) => seen.add(e.textContent)))
		.observe(document.querySelector("#list"), {childList: true, characterData: true, subtree: true}); ""`)
	b.open("shared")
	b.refreshes(4)
	assert.Equal(t, []string{"only-on-" + ours, "shared"}, b.shown())
	assert.False(t, eval[bool](b, `seen.has("only-on-`+other+`")`))

	eval[string](b, `document.querySelector("#switch").click(), ""`)
	b.until(item("only-on-" + other))
	assert.Equal(t, []string{"only-on-" + other, "shared"}, b.shown())
	assert.Equal(t, other, b.text("#instance")[:5])
}

// One that does not come back is followed by the other, and the page says so.
func TestReplicaThatIsGone(t *testing.T) {
	t.Parallel()
	r := serveReplicas(t)
	r.only.Store(1)
	b := open(t, r.url, desktop)
	b.until(item("only-on-web-1"))

	r.only.Store(2)
	b.until(`!document.querySelector("#gone").hidden`)
	assert.Equal(t, "web-1 does not answer; web-2 does.", b.text("#gone-what"))
	assert.Equal(t, []string{"only-on-web-1", "shared"}, b.shown(), "what was known stays")

	b.until(item("only-on-web-2"))
	assert.Equal(t, []string{"only-on-web-2", "shared"}, b.shown())
	assert.Equal(t, "This is web-2 now: web-1 answers no more.", b.text("#other-what"))
}
