package workerhttp_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// assetLinks finds what the page and its scripts load.
var assetLinks = regexp.MustCompile(`(?:(?:src|href)="(assets/[^"]+)"|from "\./([^"]+)")`)

func TestRoutes(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))

	for target, want := range map[string]struct {
		code        int
		contentType string
	}{
		"/":                   {http.StatusOK, "text/html; charset=utf-8"},
		"/?anything=else":     {http.StatusOK, "text/html; charset=utf-8"},
		"/report":             {http.StatusOK, "application/json; charset=utf-8"},
		"/livez":              {http.StatusOK, "application/json; charset=utf-8"},
		"/readyz":             {http.StatusServiceUnavailable, "application/json; charset=utf-8"},
		"/assets/app.js":      {http.StatusOK, "text/javascript; charset=utf-8"},
		"/assets/base.css":    {http.StatusOK, "text/css; charset=utf-8"},
		"/livez/":             {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/ready":              {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/ready/":             {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/assets":             {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/assets/":            {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/assets/../go.mod":   {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/assets/%2e%2e/x.js": {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/index.html":         {http.StatusNotFound, "text/plain; charset=utf-8"},
	} {
		t.Run(target, func(t *testing.T) {
			response := get(t, h, target)

			assert.Equal(t, want.code, response.Code)
			assert.Equal(t, want.contentType, response.Header().Get("Content-Type"))
			if target != "/report" { // which is streamed
				assert.Equal(t, strconv.Itoa(response.Body.Len()), response.Header().Get("Content-Length"))
			}
		})
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))

	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		for _, target := range []string{"/", "/report", "/report?events=x", "/livez", "/readyz", "/assets/app.js", "/nothing"} {
			header := ask(t, h, method, target).Header()

			policy := header.Get("Content-Security-Policy")
			for _, directive := range []string{
				"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
				"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
			} {
				assert.Contains(t, policy, directive)
			}
			assert.NotContains(t, policy, "unsafe")
			assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", header.Get("Cache-Control"))
			assert.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
			assert.Equal(t, "same-origin", header.Get("Cross-Origin-Resource-Policy"))
		}
	}
}

func TestOnlyGetAndHead(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))

	for _, target := range []string{"/", "/report", "/livez", "/readyz", "/assets/app.js"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"} {
			response := ask(t, h, method, target)
			assert.Equal(t, http.StatusMethodNotAllowed, response.Code, "%s %s", method, target)
			assert.Equal(t, "GET, HEAD", response.Header().Get("Allow"))
		}

		got, head := get(t, h, target), ask(t, h, http.MethodHead, target)
		assert.Equal(t, got.Code, head.Code)
		assert.Empty(t, head.Body.Bytes())
		assert.Equal(t, got.Header().Get("Content-Type"), head.Header().Get("Content-Type"))
		assert.NotEqual(t, "0", head.Header().Get("Content-Length"))
	}
}

func TestPageLoadsOnlyWhatIsThere(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))
	seen := map[string]bool{}

	var visit func(target string)
	visit = func(target string) {
		if seen[target] {
			return
		}
		seen[target] = true

		response := get(t, h, target)
		require.Equal(t, http.StatusOK, response.Code, target)
		assert.NotRegexp(t, `https?://(?:[^w]|w[^w])`, response.Body.String(), "only names of namespaces may look like addresses")
		assert.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`, response.Body.String())
		for _, match := range assetLinks.FindAllStringSubmatch(response.Body.String(), -1) {
			if match[1] != "" {
				visit("/" + match[1])
			} else {
				visit("/assets/" + match[2])
			}
		}
	}
	visit("/")

	assert.Contains(t, seen, "/assets/timeline.js", "modules are followed")
}

func TestPageHasNothingInline(t *testing.T) {
	body := get(t, workerhttp.NewHandler(newPool(t)), "/").Body.String()

	assert.NotRegexp(t, `<style|style=|<script>|\son[a-z]+=`, body)
}

// A real server must agree with the recorder on what a HEAD gets.
func TestServer(t *testing.T) {
	server := httptest.NewServer(workerhttp.NewHandler(newPool(t)))
	t.Cleanup(server.Close)
	t.Cleanup(server.Client().CloseIdleConnections)

	for _, method := range []string{http.MethodGet, http.MethodHead} {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/report", nil)
		require.NoError(t, err)
		response, err := server.Client().Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())

		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
	}
}

func TestHandlerFollowsThePool(t *testing.T) {
	pool := newPool(t, do("a", block))
	h := workerhttp.NewHandler(pool)

	assert.Equal(t, "new", getReport(t, h, "/report").State)
	assert.Empty(t, getReport(t, h, "/report").Workers)
	assert.Contains(t, get(t, h, "/report").Body.String(), `"workers":[]`)

	for range 2 {
		require.NoError(t, pool.Start(t.Context()))
		assert.Equal(t, "started", getReport(t, h, "/report").State)
		assert.Equal(t, []string{"a"}, getReport(t, h, "/report").names())

		require.NoError(t, pool.Stop())
		assert.Equal(t, "stopped", getReport(t, h, "/report").State)
	}
}

var _ http.Handler = workerhttp.NewHandler(worker.NewWorkerPool())
