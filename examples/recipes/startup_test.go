package recipes_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startup(pool *worker.WorkerPool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		health := pool.Health()
		if !health.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		for _, name := range slices.Sorted(maps.Keys(health.NotReady)) {
			fmt.Fprintln(w, name, "is", health.NotReady[name])
		}
	})
}

func TestStartupProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newCached(
			func(context.Context) error {
				time.Sleep(time.Minute)

				return nil
			},
			worker.NewFuncWorker("api", block),
		)
		probe := func(handler http.Handler, path string) (int, string) {
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))

			return recorder.Code, recorder.Body.String()
		}
		want := func(code int, body string) {
			t.Helper()
			got, text := probe(startup(pool), "/startup")
			assert.Equal(t, code, got)
			assert.Equal(t, body, text)
			got, _ = probe(workerhttp.NewHandler(pool), "/readyz")
			assert.Equal(t, code, got, "as the page has it")
		}

		want(http.StatusServiceUnavailable, "")
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		want(http.StatusServiceUnavailable, "api is pending\ncache is running\n")
		live, _ := probe(workerhttp.NewHandler(pool), "/livez")
		assert.Equal(t, http.StatusOK, live)

		require.NoError(t, pool.WaitReady(t.Context()))
		want(http.StatusOK, "")
		require.NoError(t, pool.Stop())
	})
}

// The manifest of the recipe has to leave the cache its time.
func TestStartupProbeLeavesTime(t *testing.T) {
	recipes, err := os.ReadFile("../../docs/recipes.md")
	require.NoError(t, err)

	found := regexp.MustCompile(`startupProbe:\s+httpGet: .*\s+periodSeconds: (\d+)\s+failureThreshold: (\d+)`).FindSubmatch(recipes)
	require.Len(t, found, 3)
	period, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	threshold, err := strconv.Atoi(string(found[2]))
	require.NoError(t, err)
	assert.Greater(t, time.Duration(period*threshold)*time.Second, 2*warmTime, "two attempts")
}
