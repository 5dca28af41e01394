//go:build unix

package main

import (
	"io"
	"log"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMainRunsUntilItIsInterrupted interrupts this process once the clock has told the time.
func TestMainRunsUntilItIsInterrupted(t *testing.T) {
	output, input := io.Pipe()
	log.SetOutput(input)
	ended := make(chan struct{})
	go func() {
		main()
		close(ended)
	}()

	line := make([]byte, 100)
	n, err := output.Read(line)
	require.NoError(t, err)
	require.Contains(t, string(line[:n]), "it is ")
	require.True(t, strings.HasSuffix(string(line[:n]), "\n"))

	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	go func() { _, _ = io.Copy(io.Discard, output) }()
	<-ended
}
