package workerhttp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMountedAnywhere(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))
	mux := http.NewServeMux()

	mux.Handle("/root/", http.StripPrefix("/root", h))
	mux.Handle("/slash/", http.StripPrefix("/slash/", h))
	mux.Handle("/plain/", h)
	mux.Handle("GET /method/", h)
	mux.Handle("example.com/host/", h)
	mux.Handle("/a/b/c/", h)
	mux.Handle("/rest/{path...}", h)
	mux.Handle("/of/{tenant}/workers/", h)
	mux.Handle("/assets/", http.StripPrefix("/assets", h))
	mux.Handle("/bare/assets/", h)
	mux.Handle("/by/{tenant}/", stripValue("/by/", "tenant", h))
	tenants := http.NewServeMux()
	tenants.Handle("/{tenant}/", stripValue("/", "tenant", h))
	mux.Handle("/all/", http.StripPrefix("/all", tenants))
	unstripped := http.NewServeMux()
	unstripped.Handle("/{tenant}/", h)
	unstripped.Handle("/assets/", h)
	mux.Handle("/each/", http.StripPrefix("/each", unstripped))
	inner := http.NewServeMux()
	inner.Handle("/in/workers/", h)
	mux.Handle("/out/", http.StripPrefix("/out", inner))

	for _, prefix := range []string{
		"/root", "/slash", "/plain", "/method", "/host", "/a/b/c", "/rest", "/of/x%2Fy/workers", "/of/shop/workers", "/out/in/workers",
		"/assets", "/bare/assets", "/by/shop", "/by/assets", "/by/report", "/all/shop", "/all/assets", "/each/shop", "/each/assets",
	} {
		t.Run(prefix, func(t *testing.T) {
			assert.Contains(t, get(t, mux, prefix+"/").Body.String(), "<title>Workers</title>")
			assert.Equal(t, http.StatusOK, get(t, mux, prefix+"/report?events=0").Code)
			assert.Equal(t, http.StatusOK, get(t, mux, prefix+"/livez").Code)
			assert.Equal(t, http.StatusOK, get(t, mux, prefix+"/live%7a").Code)
			assert.Equal(t, http.StatusServiceUnavailable, get(t, mux, prefix+"/readyz").Code)
			assert.Equal(t, http.StatusOK, get(t, mux, prefix+"/assets/app.js").Code)
			assert.Equal(t, http.StatusNotFound, get(t, mux, prefix+"/nothing/livez").Code)
			assert.Equal(t, http.StatusNotFound, get(t, mux, prefix+"/livez/").Code)
		})
	}
}

// A prefix that is called as a part of the routes is, such as "/workers/", is no part of a worker's name.
func TestActionsMountedAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block), do("a/b", block), do("workers/a", block))
		h := controlled(t, pool)
		mux := http.NewServeMux()
		mux.Handle("/workers/", h)
		mux.Handle("/strip/", http.StripPrefix("/strip", h))
		mux.Handle("/of/{tenant}/workers/", h)
		inner := http.NewServeMux()
		inner.Handle("/workers/", h)
		inner.Handle("/{tenant}/", h)
		inner.Handle("/strip/workers/", http.StripPrefix("/strip/workers", h))
		mux.Handle("/out/", http.StripPrefix("/out", inner))

		for _, prefix := range []string{"/workers", "/strip", "/of/workers/workers", "/out/workers", "/out/shop", "/out/strip/workers"} {
			for _, name := range []string{"a", "a/b", "workers/a"} {
				response := post(t, mux, prefix+"/workers/"+url.PathEscape(name)+"/stop")
				assert.Equal(t, http.StatusAccepted, response.Code, "%s %s: %s", prefix, name, response.Body)
				assert.Contains(t, response.Body.String(), `"name":"`+name+`"`, prefix)
			}
		}
	})
}

// stripValue takes off the prefix that a wildcard matched, as services do that have a page per tenant.
func stripValue(before, wildcard string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix(before+r.PathValue(wildcard), h).ServeHTTP(w, r)
	})
}

func TestMountedRoute(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))
	mux := http.NewServeMux()
	mux.Handle("/livez", h)
	mux.Handle("/internal/readyz", h)

	assert.Equal(t, http.StatusOK, get(t, mux, "/livez").Code)
	assert.Equal(t, http.StatusServiceUnavailable, get(t, mux, "/internal/readyz").Code)
}

func TestMissingSlashIsRedirected(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))

	for _, c := range []struct{ prefix, target, location string }{
		{"/workers", "/workers", "http://example.com/workers/"},
		{"/a/b/workers", "/a/b/workers", "http://example.com/a/b/workers/"},
		{"/workers", "/workers?x=1", "http://example.com/workers/"},
		{"/javascript:alert(1)", "/javascript:alert(1)", "http://example.com/javascript:alert(1)/"},
		{"//evil.example", "//evil.example", "http://example.com//evil.example/"},
		{"/a b", "/a%20b", "http://example.com/a%20b/"},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com"+c.target, nil)
		recorder := httptest.NewRecorder()
		http.StripPrefix(c.prefix, h).ServeHTTP(recorder, request)

		require.Equal(t, http.StatusTemporaryRedirect, recorder.Code, c.target)
		location, err := url.Parse(recorder.Header().Get("Location"))
		require.NoError(t, err)
		assert.Equal(t, c.location, request.URL.ResolveReference(location).String())
	}
}

func TestRequestMadeByHand(t *testing.T) {
	for _, uri := range []string{"", "/workers/"} {
		recorder := httptest.NewRecorder()
		workerhttp.NewHandler(newPool(t)).ServeHTTP(recorder, &http.Request{Method: http.MethodGet, URL: &url.URL{}, RequestURI: uri})
		assert.Equal(t, http.StatusOK, recorder.Code)
	}
}
