// Package routers mounts the pages of a pool at /workers/, and the probes where an orchestrator asks for them, with the routers that
// services use. Only [http.ServeMux] tells a handler the pattern that it stands under; below any other one the prefix is stripped.
package routers

import (
	"net/http"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
)

// ServeMux mounts them with the standard library's.
func ServeMux(pool *worker.WorkerPool) http.Handler {
	pages := workerhttp.NewHandler(pool)

	mux := http.NewServeMux()
	mux.Handle("/workers/", pages)
	mux.Handle("/livez", pages)
	mux.Handle("/readyz", pages)

	return mux
}

// Chi mounts them with chi.
func Chi(pool *worker.WorkerPool) http.Handler {
	pages := workerhttp.NewHandler(pool)

	router := chi.NewRouter()
	router.Mount("/workers", http.StripPrefix("/workers", pages))
	router.Handle("/livez", pages)
	router.Handle("/readyz", pages)

	return router
}

// Echo mounts them with echo, which yokai's fxhttpserver and fxcore are made of.
func Echo(pool *worker.WorkerPool) http.Handler {
	pages := workerhttp.NewHandler(pool)
	below := echo.WrapHandler(http.StripPrefix("/workers", pages))

	router := echo.New()
	router.Any("/workers", below)
	router.Any("/workers/*", below)
	router.Any("/livez", echo.WrapHandler(pages))
	router.Any("/readyz", echo.WrapHandler(pages))

	return router
}
