package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile are names and texts that have broken others.
var hostile = []string{
	"", " ", "mailer", "Mailer-2 EU", "a\"b\\c", "line\nbreak\r\n\t", "\x00\x1b[31m", "bad-\xff\xfename", "\xed\xa0\x80", "\u2028\u2029", "İSTANBUL ß K",
	`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `","level":"fatal`, `"} 1` + "\nup 1\n", "%s%n%!d(MISSING)", "${jndi:ldap://x}", "{{.}}",
	"n/m {} 1/2", "execution attempt 1/1 with success", strings.Repeat("x", 5000),
}

func FuzzSanitize(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := worker.Sanitize(text)

		assert.NotContains(t, got, " ")
		assert.NotContains(t, got, "-")
		assert.Equal(t, got, worker.Sanitize(got), "a second time changes nothing")
		if !utf8.ValidString(text) {
			return
		}
		assert.True(t, utf8.ValidString(got))
		assert.Equal(t, utf8.RuneCountInString(text), utf8.RuneCountInString(got))
		before := []rune(text)
		for i, r := range []rune(got) {
			want := unicode.ToLower(before[i])
			if before[i] == ' ' || before[i] == '-' {
				want = '_'
			}
			assert.Equal(t, string(want), string(r))
		}
	})
}

func FuzzExponentialBackoff(f *testing.F) {
	for _, d := range []int64{0, 1, 2, -1, int64(time.Second), int64(30 * time.Second), math.MaxInt64, math.MinInt64, math.MaxInt64/2 + 1} {
		for _, failures := range []int{0, 1, 2, 63, 64, 1 << 40, math.MaxInt, math.MinInt} {
			f.Add(d, int64(30*time.Second), failures)
			f.Add(int64(time.Second), d, failures)
		}
	}
	f.Fuzz(func(t *testing.T, least, most int64, failures int) {
		want := math.Max(float64(least), 0) * math.Pow(2, float64(max(failures, 1)-1))
		want = math.Min(want, math.Max(float64(most), 0))
		if math.IsNaN(want) { // 0 times infinity
			want = 0
		}

		for range 3 {
			got := worker.ExponentialBackoff(time.Duration(least), time.Duration(most))(failures, nil)
			assert.GreaterOrEqual(t, got, time.Duration(0))
			assert.LessOrEqual(t, got, max(time.Duration(most), 0))
			assert.LessOrEqual(t, float64(got), want*(1+1e-9))
			assert.GreaterOrEqual(t, float64(got), want/2*(1-1e-9)-1)
		}
		assert.Equal(t, time.Duration(least), worker.ConstantBackoff(time.Duration(least))(failures, nil))
	})
}

// FuzzNamesAndErrors takes a name and an error through all that a pool puts out: what comes out is valid, says what went in, and
// nothing else.
func FuzzNamesAndErrors(f *testing.F) {
	for i, text := range hostile {
		f.Add(text, hostile[len(hostile)-1-i])
		f.Add("job", text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		failing := do(name, func(context.Context) error { return errors.New(text) })
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(failing))
		if name == "" {
			require.ErrorContains(t, err, "empty name")
			return
		}
		require.NoError(t, err)
		var logs logBuffer
		require.EqualError(t, pool.Run(logs.context()), "worker "+name+": "+text)

		assert.True(t, execution(t, pool, name).HasEvent("stopping execution attempt 1/1 with error: "+text))
		checkHostileLogs(t, logs.lines(), name, text)
		checkHostileMetrics(t, pool, name)
		report, err := json.Marshal(pool.Report())
		require.NoError(t, err)
		checkHostileReport(t, report, name, text)
	})
}

// valid is a text as JSON and Prometheus tell it: with U+FFFD for each byte that is not UTF-8.
func valid(text string) string { return string([]rune(text)) }

func checkHostileLogs(t *testing.T, lines []string, name, text string) {
	t.Helper()
	require.Len(t, lines, 3, "one line for each transition, and none for what is in the texts")
	for i, line := range lines {
		var fields map[string]string
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		want := map[string]string{
			"level": "info", "worker": valid(name), "workerExecutionID": fields["workerExecutionID"], "message": fields["message"],
		}
		if i == 1 {
			want["level"], want["error"] = "error", valid(text)
			want["message"] = "stopping execution attempt 1/1 with error: " + valid(text)
		}
		assert.Equal(t, want, fields)
		assert.Equal(t, 2*len(want), countStrings(t, line), "no field is there twice: %s", line)
	}
}

// countStrings returns how many names and values there are in an object of strings.
func countStrings(t *testing.T, object string) (n int) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(t, err)
		if _, ok := token.(string); ok {
			n++
		}
	}
}

// sampleLine is a line of the text format.
var sampleLine = regexp.MustCompile(`^worker_[a-z_]+\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\} \S+$`)

func checkHostileMetrics(t *testing.T, pool *worker.WorkerPool, name string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, pool.Metrics().Register(registry))
	for line := range strings.SplitSeq(strings.TrimSuffix(scrape(registry), "\n"), "\n") {
		if !strings.HasPrefix(line, "# ") {
			assert.Regexp(t, sampleLine, line)
		}
		assert.NotContains(t, line, "\r\n")
	}

	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			label := metric.GetLabel()[len(metric.GetLabel())-1]
			assert.Equal(t, "worker", label.GetName())
			assert.Equal(t, strings.ToValidUTF8(worker.Sanitize(name), "\uFFFD"), strings.ToValidUTF8(label.GetValue(), "\uFFFD"))
		}
	}
}

func checkHostileReport(t *testing.T, text []byte, name, failure string) {
	t.Helper()
	var report worker.PoolReport
	require.NoError(t, json.Unmarshal(text, &report))
	require.Len(t, report.Workers, 1)
	assert.Equal(t, valid(name), report.Workers[0].Name)
	assert.Equal(t, cut(valid(failure)), report.Workers[0].LastError)
	assert.Len(t, report.Workers[0].Events, 3)
	for _, markup := range []string{"<", ">", "&", "\u2028", "\u2029", "\n\""} {
		assert.NotContains(t, string(text), markup, "it may stand in HTML")
	}
}

// cut is a text as an execution keeps it: 4 KiB of it at most.
func cut(text string) string {
	if len(text) <= 4096 {
		return text
	}
	for text = text[:4096-len("…")]; !utf8.ValidString(text); {
		text = text[:len(text)-1]
	}

	return text + "…"
}
