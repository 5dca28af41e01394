package workerhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
)

// The page and the report for operators, under a prefix, and the probes where the orchestrator looks for them.
func ExampleNewHandler() {
	pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("mailer", block), worker.WithDeferredStartThreshold(60)))
	if err := pool.Start(context.Background()); err != nil {
		panic(err)
	}
	defer func() { _ = pool.Stop() }()

	if err := pool.WaitReady(context.Background()); err != nil {
		panic(err)
	}

	handler := workerhttp.NewHandler(pool)
	mux := http.NewServeMux()
	mux.Handle("/workers/", handler)
	mux.Handle("/livez", handler)
	mux.Handle("/readyz", handler)

	for _, target := range []string{"/workers/", "/workers/report", "/livez", "/readyz"} {
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, httptest.NewRequest(http.MethodGet, target, nil))
		fmt.Println(target, response.Code, response.Header().Get("Content-Type"))
	}
	// Output:
	// /workers/ 200 text/html; charset=utf-8
	// /workers/report 200 application/json; charset=utf-8
	// /livez 200 application/json; charset=utf-8
	// /readyz 200 application/json; charset=utf-8
}
