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

// Control over the workers, for those whom the service has authenticated.
func ExampleWithControl() {
	pool := worker.NewWorkerPool(worker.WithWorker(worker.NewFuncWorker("mailer", block)))
	if err := pool.Start(context.Background()); err != nil {
		panic(err)
	}
	defer func() { _ = pool.Stop() }()

	handler := workerhttp.NewHandler(pool, workerhttp.WithInstance("web-1"), workerhttp.WithControl())
	authenticated := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "ann" || password != "secret" {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r.WithContext(workerhttp.ContextWithUser(r.Context(), user)))
	})

	for _, password := range []string{"guess", "secret"} {
		request := httptest.NewRequest(http.MethodPost, "/workers/mailer/restart", nil)
		request.SetBasicAuth("ann", password)
		response := httptest.NewRecorder()
		authenticated.ServeHTTP(response, request)
		fmt.Println(response.Code)
	}
	// Output:
	// 401
	// 202
}
