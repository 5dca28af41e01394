//go:build unix

package recipes_test

import (
	"context"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notifySystemd tells systemd of a state. Without NOTIFY_SOCKET it is not systemd that has started the process, and nothing is done.
func notifySystemd(state string) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	connection, err := net.Dial("unixgram", socket)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.WriteString(connection, state)

	return err
}

func runNotifying(ctx context.Context, pool *worker.WorkerPool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if pool.WaitReady(ctx) != nil {
			return // Run tells why
		}
		if err := notifySystemd("READY=1"); err != nil {
			log.Print(err)
		}
	}()

	return pool.Run(ctx)
}

func TestSystemd(t *testing.T) {
	// The path of a socket is short, and those of t.TempDir are not.
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "notify")
	systemd, err := net.ListenPacket("unixgram", socket)
	require.NoError(t, err)
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", socket)

	warm := make(chan struct{})
	pool := newCached(
		func(ctx context.Context) error {
			select {
			case <-warm:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		worker.NewFuncWorker("api", block),
	)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- runNotifying(ctx, pool) }()

	buffer := make([]byte, 100)
	require.NoError(t, systemd.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, _, err = systemd.ReadFrom(buffer)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the cache is not warm")

	close(warm)
	require.NoError(t, systemd.SetReadDeadline(time.Now().Add(10*time.Second)))
	n, _, err := systemd.ReadFrom(buffer)
	require.NoError(t, err)
	assert.Equal(t, "READY=1", string(buffer[:n]))
	assert.True(t, pool.Health().Ready)

	cancel()
	require.NoError(t, <-ended)
}

func TestSystemdWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	require.NoError(t, notifySystemd("READY=1"))
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	require.Error(t, notifySystemd("READY=1"))
}
