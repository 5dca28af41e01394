package worker_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeSnippetsCompile finds each Go snippet of the README in a file that is compiled and tested.
func TestReadmeSnippetsCompile(t *testing.T) {
	var compiled strings.Builder
	for _, pattern := range []string{"*_test.go", "examples/*/*.go", "workerhttp/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			compiled.WriteString(squeeze(read(t, file)))
		}
	}

	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	require.NotEmpty(t, snippets)
	for _, snippet := range snippets {
		assert.Contains(t, compiled.String(), squeeze(snippet[1]), snippet[1])
	}
}

// TestReadmeTransitions compares the README's table of transitions with the one in the code.
func TestReadmeTransitions(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\tTransition\w+: +\{"(\w+)", .*?, (\w+), "(.*)", zerolog\.(\w+)Level, count(\w+)\},$`)
	inCode := row.FindAllStringSubmatch(read(t, "transition.go"), -1)
	require.NotEmpty(t, inCode)

	var rows []string
	for _, cells := range inCode {
		counter := strings.ToLower(cells[5])
		if counter == "nothing" {
			counter = ""
		}
		line := []string{"", cells[1], cells[2], "`" + cells[3] + "`", strings.ToLower(cells[4]), counter, ""}
		rows = append(rows, squeeze(strings.Join(line, " | ")))
	}

	inReadme := tableRows(t, "| transition | status after | text | log level | counter |")
	for i := range inReadme {
		inReadme[i] = squeeze(inReadme[i])
	}
	assert.Equal(t, rows, inReadme)
}

// TestReadmeDifferences finds a test for each row of the README's table of differences, and a row for each test.
func TestReadmeDifferences(t *testing.T) {
	var rows, tests []int
	for _, row := range tableRows(t, "| | published | here |") {
		rows = append(rows, number(t, strings.Split(row, "|")[1]))
	}
	for _, test := range regexp.MustCompile(`(?m)^func TestDifference(\d+)`).FindAllStringSubmatch(read(t, "differences_test.go"), -1) {
		tests = append(tests, number(t, test[1]))
	}
	assert.Equal(t, tests, rows)
	assert.Len(t, rows, 12)
}

// TestReadmeMetrics compares the README's table of metric families with those that a worker has that did all there is to count.
func TestReadmeMetrics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t,
			worker.WithWorker(inOrder("job", panics, succeed, block), worker.WithMaxExecutionsAttempts(3),
				worker.WithRestartPolicy(worker.RestartAlways), worker.WithHeartbeat(time.Hour), worker.WithAttemptTimeout(time.Hour)),
			worker.WithWorker(do("scheduled", succeed), worker.WithSchedule(worker.Every(time.Hour))))
		registry := prometheus.NewRegistry()
		require.NoError(t, pool.Metrics().Register(registry))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()

		var want []string
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			var labels []string
			for _, label := range family.GetMetric()[0].GetLabel() {
				labels = append(labels, label.GetName())
			}
			slices.SortFunc(labels, func(a, b string) int { return strings.Compare(b, a) })
			want = append(want, fmt.Sprintf("`%s{%s}` %s", family.GetName(), strings.Join(labels, ","), strings.ToLower(family.GetType().String())))
		}

		var rows []string
		for _, row := range tableRows(t, "| family | type | |") {
			cells := strings.Split(row, "|")
			rows = append(rows, squeeze(cells[1]+cells[2]))
		}
		assert.ElementsMatch(t, want, rows)
		require.NoError(t, pool.Stop())
	})
}

// tableRows returns the rows of the README's table with that first line.
func tableRows(t *testing.T, heading string) []string {
	t.Helper()
	_, table, found := strings.Cut(read(t, "README.md"), heading+"\n")
	require.True(t, found, heading)
	table, _, _ = strings.Cut(table, "\n\n")

	return strings.Split(table, "\n")[1:]
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(s))
	require.NoError(t, err)

	return n
}

// squeeze takes all white space out, so that indentation does not count.
func squeeze(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
