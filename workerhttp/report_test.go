package workerhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReportIsThePools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, do("b", block), do("a", fail, worker.WithMaxExecutionsAttempts(2)), do("c", succeed))
		h := started(t, pool)

		want, err := json.Marshal(pool.Report())
		require.NoError(t, err)
		var got map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(get(t, h, "/report").Body.Bytes(), &got))
		assert.Contains(t, got, "instance")
		assert.NotContains(t, got, "control")
		delete(got, "instance")
		pools, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(pools))
		assert.Equal(t, []string{"a", "b", "c"}, getReport(t, h, "/report").names())
	})
}

// goneClient takes no more after the first bytes.
type goneClient struct {
	*httptest.ResponseRecorder
	writes int
}

func (c *goneClient) Write([]byte) (int, error) {
	c.writes++

	return 0, io.ErrClosedPipe
}

// A report is not made to its end for a client that is gone.
func TestReportForAClientThatIsGone(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	pool := newPool(t, do("a", fail, worker.WithMaxExecutionsAttempts(1)), do("b"+long, block), do("c"+long, block))
	require.NoError(t, pool.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, pool.Stop()) })

	client := &goneClient{ResponseRecorder: httptest.NewRecorder()}
	workerhttp.NewHandler(pool).ServeHTTP(client, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/report", nil))
	assert.Equal(t, 1, client.writes)
}

func TestReportOfSomeWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t, do("a", block), do("b", block), do("c", block), do("\xff\xfe", block)))

		assert.Equal(t, []string{"b"}, getReport(t, h, "/report?worker=b").names())
		assert.Equal(t, []string{"a", "c"}, getReport(t, h, "/report?worker=c&worker=a&worker=z").names())
		assert.Empty(t, getReport(t, h, "/report?worker=z").names())
		assert.Contains(t, get(t, h, "/report?worker=z").Body.String(), `"workers":[]`)
		assert.Equal(t, []string{"\ufffd\ufffd"}, getReport(t, h, "/report?worker=%ef%bf%bd%ef%bf%bd").names(), "as the report shows it")
		assert.Equal(t, []string{"\ufffd\ufffd"}, getReport(t, h, "/report?worker=%ff%fe").names(), "as it is")
	})
}

func TestReportOfSomeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t, do("a", fail, worker.WithMaxExecutionsAttempts(2)), do("b", block)))

		all := getReport(t, h, "/report").Workers[0].Events
		require.Len(t, all, 6)
		for target, want := range map[string]int{"/report?events=0": 0, "/report?events=2": 2, "/report?events=6": 6, "/report?events=7": 6} {
			got := getReport(t, h, target)
			assert.Equal(t, all[6-want:], got.Workers[0].Events, target)
		}
		assert.Contains(t, get(t, h, "/report?events=0").Body.String(), `"events":[]`)
		assert.Len(t, getReport(t, h, "/report?events=1").Workers[1].Events, 1)
	})
}

func TestReportWithoutStacksAndWithShortTexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t,
			do("a", func(context.Context) error { panic(strings.Repeat("€", 1000)) }),
			do("b", func(context.Context) error { return errors.New("short") }),
		))

		whole := getReport(t, h, "/report?stack=true").Workers[0]
		assert.Contains(t, whole.LastStack, "goroutine")
		assert.Contains(t, whole.LastError, strings.Repeat("€", 1000))
		assert.Equal(t, whole, getReport(t, h, "/report").Workers[0])
		assert.Empty(t, getReport(t, h, "/report?stack=false").Workers[0].LastStack)

		cut := getReport(t, h, "/report?text=100").Workers
		for _, text := range []string{cut[0].LastError, cut[0].LastStack, cut[0].Events[1].Message} {
			assert.True(t, strings.HasSuffix(text, "…"), text)
			assert.LessOrEqual(t, len(text), 100+len("…"))
			assert.GreaterOrEqual(t, len(text), 98+len("…"))
			assert.NotContains(t, text, "\ufffd")
		}
		assert.Equal(t, "short", cut[1].LastError)
		assert.Equal(t, "…", getReport(t, h, "/report?text=0").Workers[1].LastError)
	})
}

func TestReportOfPoolsInsideIsCutLikewise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPool(t, do("fails", func(context.Context) error { panic(strings.Repeat("x", 1000)) }), do("runs", block))
		h := started(t, newPool(t, do("outer", inner.Run)))

		var got worker.PoolReport
		require.NoError(t, json.Unmarshal(get(t, h, "/report?events=1&stack=false&text=10").Body.Bytes(), &got))
		w := got.Workers[0].Nested[0].Workers[0]
		assert.Len(t, w.Events, 1)
		assert.Empty(t, w.LastStack)
		assert.Equal(t, "xxxxxxxxxx…", w.LastError)
	})
}

// The page reads worker by worker, so that a big report does not hold it up.
func TestReportInLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t, do("a", block), do(hostile+"\n", block)))

		response := get(t, h, "/report?lines=true")
		assert.Equal(t, "application/x-ndjson; charset=utf-8", response.Header().Get("Content-Type"))
		lines := strings.Split(strings.TrimSuffix(response.Body.String(), "\n"), "\n")
		require.Len(t, lines, 3)
		var head struct {
			State    string
			Instance struct{ ID string }
			Workers  any
		}
		require.NoError(t, json.Unmarshal([]byte(lines[0]), &head))
		assert.Equal(t, "started", head.State)
		assert.NotEmpty(t, head.Instance.ID)
		assert.Nil(t, head.Workers)
		for i, want := range []string{hostile + "\n", "a"} {
			var got workerReport
			require.NoError(t, json.Unmarshal([]byte(lines[i+1]), &got))
			assert.Equal(t, want, got.Name)
		}
	})
}

func TestReportWorstFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retried := func(n int) []worker.WorkerExecutionOption {
			wait := func(failures int, _ error) time.Duration { return time.Duration(failures/n) * time.Hour }
			return []worker.WorkerExecutionOption{worker.WithMaxExecutionsAttempts(-1), worker.WithBackoff(wait)}
		}
		release := make(chan struct{})
		pool := newPool(t, do("a", block), do("b", fail, retried(2)...), do("c", fail, retried(5)...), do("d", fail),
			do("e", ignore(release), worker.WithHeartbeat(time.Minute)), do("f", succeed), do("g", fail, retried(1)...),
			do("h", ignore(release), worker.WithAttemptTimeout(time.Minute)))
		h := started(t, pool)
		t.Cleanup(func() { close(release) })
		require.NoError(t, pool.StopWorker(t.Context(), "g"))
		time.Sleep(2 * time.Minute)

		assert.Equal(t, []string{"a", "b", "c", "d", "e", "f", "g", "h"}, getReport(t, h, "/report").names())
		assert.Equal(t, []string{"e", "h", "d", "c", "b", "a", "f", "g"}, getReport(t, h, "/report?worst=true").names())
	})
}

// One answer has the list and what opened rows show, so that all of it is of one moment.
func TestReportInDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panicking := func(context.Context) error { panic(strings.Repeat("x", 30_000)) }
		pool := newPool(t, do("a", panicking, worker.WithMaxExecutionsAttempts(2)), do("b", panicking), do("many", succeed))
		h := started(t, pool)
		for range 300 {
			pool.Executions()["many"].AddEvent("one more")
		}

		got := getReport(t, h, "/report?events=1&stack=false&text=10&detail=a&detail=many&detail=nobody").Workers
		require.Len(t, got, 3)
		assert.Len(t, got[0].Events, 6)
		assert.NotEmpty(t, got[0].LastStack)
		assert.Greater(t, len(got[0].LastError), 4000)
		assert.LessOrEqual(t, len(got[0].LastError), 20_000+len("…"))
		assert.Len(t, got[1].Events, 1)
		assert.Empty(t, got[1].LastStack)
		assert.LessOrEqual(t, len(got[1].LastError), 10+len("…"))
		assert.Len(t, got[2].Events, 200)
	})
}

func TestReportOfNonsense(t *testing.T) {
	h := workerhttp.NewHandler(newPool(t))

	for _, query := range []string{"events=x", "events=-1", "events=", "events=1e3", "text=x", "text=-1", "stack=x", "stack=", "lines=x", "worst=x", "events=99999999999999999999"} {
		response := get(t, h, "/report?"+query)
		assert.Equal(t, http.StatusBadRequest, response.Code, query)
		assert.Equal(t, "text/plain; charset=utf-8", response.Header().Get("Content-Type"))
	}
	for _, query := range []string{"anything=else", "%zz", "a;b", "&&"} {
		assert.Equal(t, http.StatusOK, get(t, h, "/report?"+query).Code, query)
	}
}

func TestHostileTextsAreEscaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := started(t, newPool(t, do(hostile, func(context.Context) error { return errors.New(hostile) })))

		body := get(t, h, "/report").Body.String()
		assert.NotContains(t, body, "<")
		assert.NotContains(t, body, ">")
		assert.NotContains(t, body, "\x00")

		got := getReport(t, h, "/report?worker="+url.QueryEscape(hostile))
		require.Equal(t, []string{hostile}, got.names())
		assert.Equal(t, hostile, got.Workers[0].LastError)

		assert.NotContains(t, get(t, h, "/readyz").Body.String(), "<")
		assert.NotContains(t, get(t, h, "/report?events="+url.QueryEscape(hostile)).Body.String(), "\x00")
	})
}

// What is left out is left out of the pools inside a worker too.
func TestReportOfAPoolInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPool(t, do("inner", inOrder(fail, block), worker.WithMaxExecutionsAttempts(2)))
		h := started(t, newPool(t, do("outer", inner.Run)))

		got := struct{ Workers []struct{ Nested []report } }{}
		require.NoError(t, json.Unmarshal(get(t, h, "/report?events=1&text=3").Body.Bytes(), &got))
		require.Len(t, got.Workers[0].Nested, 1)
		w := got.Workers[0].Nested[0].Workers[0]
		assert.Equal(t, "inner", w.Name)
		assert.Equal(t, "bro…", w.LastError)
		require.Len(t, w.Events, 1)
		assert.Equal(t, "sta…", w.Events[0].Message)
	})
}
