package workerhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const maxText = 4 << 10 // bytes of an error that are kept

// FuzzNamesAndErrors takes a name and an error through all that the handler serves: it is valid JSON that says what went in, holds
// nothing that HTML would take for markup, and the page is not touched by it.
func FuzzNamesAndErrors(f *testing.F) {
	for _, text := range []string{"mailer", hostile, "bad-\xff\xfename", "\u2028\u2029", `","ok":true`, "{{.}}"} {
		f.Add(text, "broken")
		f.Add("mailer", text)
	}
	f.Add("mailer", "short, but not as UTF-8: "+strings.Repeat("\xcc", maxText/2))
	page := get(f, workerhttp.NewHandler(worker.NewWorkerPool()), "/").Body.String()

	f.Fuzz(func(t *testing.T, name, text string) {
		if name == "" {
			return
		}
		pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker(name, func(context.Context) error { return errors.New(text) })))
		require.Error(t, pool.Run(t.Context()))
		h := workerhttp.NewHandler(pool)

		response := get(t, h, "/report")
		assert.Equal(t, http.StatusOK, response.Code)
		for _, markup := range []string{"<", ">", "&", "\u2028", "\u2029"} {
			assert.NotContains(t, response.Body.String(), markup)
		}
		var report worker.PoolReport
		require.NoError(t, json.Unmarshal(response.Body.Bytes(), &report))
		require.Len(t, report.Workers, 1)
		assert.Equal(t, valid(name), report.Workers[0].Name)
		shown, whole := report.Workers[0].LastError, valid(text)
		if len(whole) > maxText {
			begin, cut := strings.CutSuffix(shown, "…")
			assert.True(t, cut && strings.HasPrefix(whole, begin) && len(shown) <= maxText, "%d bytes: %q", len(shown), shown)
		} else {
			assert.Equal(t, whole, shown)
		}

		for _, path := range []string{"/livez", "/readyz"} {
			var answer struct{ Workers map[string]string }
			require.NoError(t, json.Unmarshal(get(t, h, path).Body.Bytes(), &answer))
			for worker := range answer.Workers {
				assert.Equal(t, valid(name), worker)
			}
		}
		assert.Equal(t, page, get(t, h, "/").Body.String(), "the page has no data in it")
	})
}

// FuzzActions asks for actions at any path: none but a worker's own is taken, and a name is found again however it looks.
func FuzzActions(f *testing.F) {
	for _, path := range []string{"/workers/mailer/stop", "/workers//stop", "/workers/a/b/restart", "/workers/%2e%2e/stop", "/workers/stop", "/"} {
		f.Add(path, "a/../b")
		f.Add(path, hostile)
	}

	f.Fuzz(func(t *testing.T, path, name string) {
		if name == "" {
			return
		}
		h := workerhttp.NewHandler(newPool(t, do(name, block)), workerhttp.WithControl())

		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		request.URL.Path, request.URL.RawPath = "/workers/"+name+"/stop", ""
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, request)
		assert.Equal(t, "409 the pool is new\n", recorder.Body.String())

		request.URL.Path = path
		recorder = httptest.NewRecorder()
		h.ServeHTTP(recorder, request)
		assert.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusTemporaryRedirect}, recorder.Code)
		if recorder.Code == http.StatusConflict {
			assert.True(t, strings.Contains(path, name) || strings.Contains(path, valid(name)))
		}
	})
}

// valid is a text as JSON tells it: with U+FFFD for each byte that is not UTF-8.
func valid(text string) string {
	return string([]rune(text))
}
