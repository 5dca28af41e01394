package workerhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWithoutControlNothingIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		h := started(t, pool)

		for _, method := range []string{"POST", "GET", "HEAD", "PUT", "DELETE"} {
			for _, target := range []string{"/workers/a/restart", "/workers/a/stop", "/workers/none/stop"} {
				response := ask(t, h, method, target)
				assert.Equal(t, http.StatusMethodNotAllowed, response.Code, "%s %s", method, target)
				assert.Empty(t, response.Header().Get("Allow"))
			}
		}
		synctest.Wait()
		assert.Equal(t, []string{"starting execution attempt 1/1"}, messages(t, pool, "a"))
		assert.NotContains(t, get(t, h, "/report").Body.String(), `"control"`)
	})
}

func TestOnlyPostControls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		h := controlled(t, pool)

		for _, method := range []string{"GET", "HEAD", "PUT", "OPTIONS", "DELETE"} {
			response := ask(t, h, method, "/workers/a/stop")
			assert.Equal(t, http.StatusMethodNotAllowed, response.Code, method)
			assert.Equal(t, "POST", response.Header().Get("Allow"))
		}
		for _, target := range []string{"/workers/a/kill", "/workers/a", "/workers/stop", "/workers//stop", "/a/stop"} {
			assert.Equal(t, http.StatusNotFound, post(t, h, target).Code, target)
		}
		synctest.Wait()
		assert.Equal(t, []string{"starting execution attempt 1/1"}, messages(t, pool, "a"))
		assert.Contains(t, get(t, h, "/report").Body.String(), `"control":true`)
	})
}

func TestRefusedActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block), do("\xff", block), do("\xfe", block))
		h := workerhttp.NewHandler(pool, workerhttp.WithControl())
		for target, want := range map[string]struct {
			code int
			text string
		}{
			"/workers/b/stop":             {http.StatusNotFound, "404 0 workers are shown by this name\n"},
			"/workers/%ef%bf%bd/stop":     {http.StatusNotFound, "404 2 workers are shown by this name\n"},
			"/workers/a/stop?events=x":    {http.StatusBadRequest, "400 events: \"x\" is not a number from 0 on\n"},
			"/workers/a/stop?instance=x":  {http.StatusMisdirectedRequest, "421 this is another instance\n"},
			"/workers/a/stop?instance=%z": {http.StatusBadRequest, "400 invalid URL escape \"%z\"\n"},
			"/workers/a/stop?instance=;":  {http.StatusBadRequest, "400 invalid semicolon separator in query\n"},
			"/workers/a/stop":             {http.StatusConflict, "409 the pool is new\n"},
			"/workers/a/restart":          {http.StatusConflict, "409 the pool is new\n"},
		} {
			response := post(t, h, target)
			assert.Equal(t, want.code, response.Code, target)
			assert.Equal(t, want.text, response.Body.String())
		}
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.Stop())
		assert.Equal(t, "409 the pool is stopped\n", post(t, h, "/workers/a/restart").Body.String())
	})
}

// A web page of another origin cannot make a browser restart anything.
func TestCrossOriginActionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		h := controlled(t, pool)

		for _, c := range []struct {
			header, value string
			code          int
		}{
			{"Sec-Fetch-Site", "cross-site", http.StatusForbidden},
			{"Sec-Fetch-Site", "same-site", http.StatusForbidden},
			{"Origin", "http://evil.example", http.StatusForbidden},
			{"Origin", "null", http.StatusForbidden},
			{"Sec-Fetch-Site", "same-origin", http.StatusAccepted},
			{"Origin", "http://example.com", http.StatusAccepted},
		} {
			before := len(messages(t, pool, "a"))
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/workers/a/stop", nil)
			request.Header.Set(c.header, c.value)
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, request)
			synctest.Wait()

			assert.Equal(t, c.code, recorder.Code, "%s: %s", c.header, c.value)
			assert.Equal(t, c.code == http.StatusAccepted, len(messages(t, pool, "a")) > before)
		}
	})
}

// Names are what they are, escaped into the path, wherever the handler is mounted.
func TestActionsByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a b", "a/b", "a//b", "a/../b", "x/stop", "stop", "%2F", "ä", hostile, "a?b#c", "\xff"}
		options := []worker.WorkerPoolOption{}
		for _, name := range names {
			options = append(options, do(name, block))
		}
		pool := newPool(t, options...)
		mux := http.NewServeMux()
		mux.Handle("/ops/", controlled(t, pool))

		for _, name := range names {
			assert.Equal(t, http.StatusAccepted, post(t, mux, "/ops/workers/"+url.PathEscape(name)+"/stop").Code, name)
			synctest.Wait()
			assert.Equal(t, worker.Stopped, pool.Executions()[name].Status(), name)
		}
		assert.Equal(t, http.StatusAccepted, post(t, mux, "/ops/workers/%ef%bf%bd/restart").Code, "as it is shown")
		synctest.Wait()
		assert.Equal(t, worker.Running, pool.Executions()["\xff"].Status())
	})
}

// A name that is not UTF-8 can be given as it is shown, as the page has it, too.
func TestActionByTheNameThatIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("job \xff", block), do("job", block))
		h := controlled(t, pool)

		assert.Equal(t, http.StatusAccepted, post(t, h, "/workers/job%20%ef%bf%bd/stop").Code)
		synctest.Wait()
		assert.Equal(t, worker.Stopped, pool.Executions()["job \xff"].Status())
	})
}

// asking is a context that does something when it is asked who asks.
type asking struct {
	context.Context
	do func()
}

func (a asking) Value(key any) any {
	a.do()

	return a.Context.Value(key)
}

func TestActionOnAWorkerThatGoesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("a", block))
		h := controlled(t, pool)
		ctx := asking{t.Context(), func() { _ = pool.Unregister(context.Background(), "a") }}

		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/workers/a/stop", nil))
		assert.Equal(t, http.StatusNotFound, recorder.Code)
		assert.Equal(t, "404 the worker is gone\n", recorder.Body.String())
		synctest.Wait()
	})
}
