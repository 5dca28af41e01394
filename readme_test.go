package worker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
	row := regexp.MustCompile(`(?m)^\t(\w+): +\{(\w+), "(.*)", zerolog\.(\w+)Level, count(\w+)\},$`)
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

	readme := read(t, "README.md")
	table := readme[strings.Index(readme, "| transition |"):]
	table, _, _ = strings.Cut(table, "\n\n")
	inReadme := strings.Split(table, "\n")[2:]
	for i := range inReadme {
		inReadme[i] = squeeze(inReadme[i])
	}
	assert.Equal(t, rows, inReadme)
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)

	return string(content)
}

// squeeze takes all white space out, so that indentation does not count.
func squeeze(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
