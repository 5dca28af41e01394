package routers_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/examples/routers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRouters(t *testing.T) {
	for name, newRouter := range map[string]func(*worker.WorkerPool) http.Handler{
		"ServeMux": routers.ServeMux,
		"chi":      routers.Chi,
		"echo":     routers.Echo,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(newRouter(worker.NewWorkerPool()))
			defer server.Close()
			get := func(path string) *httptest.ResponseRecorder {
				response, err := server.Client().Get(server.URL + path)
				require.NoError(t, err)
				defer response.Body.Close()
				recorder := httptest.NewRecorder()
				recorder.Code = response.StatusCode
				_, err = recorder.Body.ReadFrom(response.Body)
				require.NoError(t, err)

				return recorder
			}

			for _, path := range []string{"/workers", "/workers/"} { // the first is redirected to the second
				page := get(path)
				assert.Equal(t, http.StatusOK, page.Code, path)
				links := regexp.MustCompile(`(?:src|href)="(assets/[^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
				require.NotEmpty(t, links, path)
				for _, link := range links {
					assert.Equal(t, http.StatusOK, get("/workers/"+link[1]).Code, link[1])
				}
			}
			for _, path := range []string{"/workers/report", "/workers/livez", "/livez"} {
				assert.Equal(t, http.StatusOK, get(path).Code, path)
			}
			for _, path := range []string{"/workers/readyz", "/readyz"} { // the pool was not started
				assert.Equal(t, http.StatusServiceUnavailable, get(path).Code, path)
			}
			assert.Equal(t, http.StatusNotFound, get("/workers/nothing").Code)
		})
	}
}
