package workerhttp_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type instance struct {
	ID, Name, Host, Version string
	PID                     int
	StartedAt               time.Time
}

func instanceOf(t *testing.T, h http.Handler) instance {
	t.Helper()

	var got struct{ Instance instance }
	require.NoError(t, json.Unmarshal(get(t, h, "/report").Body.Bytes(), &got))

	return got.Instance
}

func TestReportTellsItsInstance(t *testing.T) {
	pool := newPool(t)
	got := instanceOf(t, workerhttp.NewHandler(pool, workerhttp.WithInstance("web-1")))
	host, err := os.Hostname()
	require.NoError(t, err)

	assert.Equal(t, "web-1", got.Name)
	assert.Equal(t, host, got.Host)
	assert.Equal(t, os.Getpid(), got.PID)
	assert.WithinDuration(t, time.Now(), got.StartedAt, time.Hour)
	assert.Regexp(t, "^[0-9a-f]{16}$", got.ID)

	other := instanceOf(t, workerhttp.NewHandler(pool, workerhttp.WithInstance("web-2")))
	unnamed := instanceOf(t, workerhttp.NewHandler(pool))
	assert.NotEqual(t, got.ID, other.ID)
	assert.NotEqual(t, got.ID, unnamed.ID)
	assert.Empty(t, unnamed.Name)
	assert.Equal(t, unnamed, instanceOf(t, workerhttp.NewHandler(newPool(t))), "handlers of one process are one instance")
}
