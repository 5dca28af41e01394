package workerhttp

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/ankorstore/yokai/worker"
)

// contentSecurityPolicy lets the page load the handler's own files and nothing else, and run no text as code or markup.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

const (
	typeJSON  = "application/json; charset=utf-8"
	typeLines = "application/x-ndjson; charset=utf-8"
	typeText  = "text/plain; charset=utf-8"
)

// handler holds what does not change, so it needs no lock.
type handler struct {
	pool       *worker.WorkerPool
	assets     map[string]asset
	instance   instance
	control    bool
	protection *http.CrossOriginProtection
}

// NewHandler returns a handler of the status page, the report and the probes of a pool, which must not be nil. The package
// documentation tells the routes, and who should be able to reach them.
//
// It works wherever it is mounted: at the root, under a pattern of [http.ServeMux] such as "/workers/" or "/{tenant}/workers/", or
// under a prefix that [http.StripPrefix] or a proxy took away. Other routers need StripPrefix. A page asked for without its trailing
// slash is redirected to where it has one, because its links are relative. A single route can be mounted too, as in
// mux.Handle("/livez", handler).
//
// The handler is safe for concurrent use, and reads the pool anew for each request: before Start, after Stop and between,
// and while the pool is started again.
func NewHandler(pool *worker.WorkerPool, options ...Option) http.Handler {
	h := &handler{
		pool:       pool,
		assets:     loadAssets(),
		instance:   newInstance(),
		protection: http.NewCrossOriginProtection(),
	}
	for _, option := range options {
		option(h)
	}
	h.instance = h.instance.identified()

	return h
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())

	if verb, name, ok := actionOf(mountedPaths(r)); ok {
		h.routeAction(w, r, verb, name)
		return
	}

	serve := h.routed(r)
	switch {
	case serve == nil:
		write(w, r, http.StatusNotFound, typeText, []byte("404 page not found\n"))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuseMethod(w, r, "GET, HEAD")
	default:
		serve(w, r)
	}
}

// routed returns what serves a request, nil if nothing does.
func (h *handler) routed(r *http.Request) http.HandlerFunc {
	for _, path := range mountedPaths(r) {
		if serve := h.route(unescape(path)); serve != nil {
			return serve
		}
	}

	return nil
}

// routeAction lets only POST through, and nothing without [WithControl].
func (h *handler) routeAction(w http.ResponseWriter, r *http.Request, verb, name string) {
	switch {
	case !h.control:
		refuseMethod(w, r, "")
	case r.Method != http.MethodPost:
		refuseMethod(w, r, "POST")
	default:
		h.serveAction(w, r, verb, name)
	}
}

// route returns what serves a path, nil if nothing does.
func (h *handler) route(path string) http.HandlerFunc {
	switch path {
	case "":
		return redirect
	case "/":
		return h.assets["/assets/index.html"].serve
	case "/report":
		return h.serveReport
	case "/livez":
		return h.serveLivez
	case "/readyz":
		return h.serveReadyz
	}
	if file, ok := h.assets[path]; ok {
		return file.serve
	}

	return nil
}

func setHeaders(header http.Header) {
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// refuseMethod answers a method that the route does not take.
func refuseMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	write(w, r, http.StatusMethodNotAllowed, typeText, []byte("405 method not allowed\n"))
}

// write sends a whole answer; a HEAD gets the same header, and no body.
func write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)

	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // fails only if the client is gone
	}
}

// writeJSON sends a value as a line of JSON.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	write(w, r, status, typeJSON, append(marshal(value), '\n'))
}

// marshal returns a value as JSON, which can tell all values here.
func marshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}

	return text
}
