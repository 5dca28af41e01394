package workerslog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestWriterWithoutALevel is about what no logger calls, but zerolog's interface has.
func TestWriterWithoutALevel(t *testing.T) {
	var out bytes.Buffer
	_, err := io.WriteString(&writer{context.Background(), slog.NewTextHandler(&out, nil)}, `{"a":1,"message":"m"}`)
	assert.NoError(t, err)
	assert.Contains(t, out.String(), "level=INFO msg=m a=1\n")
}
