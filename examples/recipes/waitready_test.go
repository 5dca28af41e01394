package recipes_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCachedAPI(t *testing.T) {
	var prices string
	load := func(context.Context) error {
		prices = "wine 5"

		return nil
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, prices) })
	listener := listen(t)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // no test waits as long, unless it fails
	defer cancel()

	pool := newCached(load, newServer("api", listener, api))
	require.NoError(t, pool.Start(ctx))
	require.NoError(t, pool.WaitReady(ctx)) // else the error names those that are not ready

	require.NoError(t, get("http://"+listener.Addr().String()))
	require.NoError(t, pool.Stop())
}

func TestWaitReadyNamesWhoIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()

		pool := newCached(block, worker.NewFuncWorker("api", block))
		require.NoError(t, pool.Start(t.Context()))
		assert.EqualError(t, pool.WaitReady(ctx), "context deadline exceeded: not ready: api, cache")
		require.NoError(t, pool.Stop())
	})
}
