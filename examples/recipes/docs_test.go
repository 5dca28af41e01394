package recipes_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocsSnippetsCompile finds each Go snippet of docs/*.md in a Go file of the repository: all of those are compiled.
func TestDocsSnippetsCompile(t *testing.T) {
	const root = "../.."

	var compiled strings.Builder
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(file) == ".go" {
			compiled.WriteString(squeeze(t, file))
		}

		return err
	}))

	pages, err := filepath.Glob(root + "/docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		for _, snippet := range regexp.MustCompile("(?s)```go (.*?)```").FindAllStringSubmatch(squeeze(t, page), -1) {
			assert.True(t, strings.Contains(compiled.String(), strings.TrimSpace(snippet[1])), "%s: %s", page, snippet[1])
		}
	}
}

// squeeze reads a file and makes one space of all white space, so that indentation does not count.
func squeeze(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)

	return strings.Join(strings.Fields(string(content)), " ")
}
