package workerhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/rs/zerolog"
)

const (
	outcomeWithin = time.Minute // for how long the outcome of an action is waited for, to be logged; the request itself outlives it
	logPatience   = time.Second // for how long an action waits until it is logged that it was asked for
)

// verbs are the actions on a worker, by the last segment of their route, and what is told once they are done.
var verbs = map[string]string{"restart": "restarted", "stop": "stopped"}

type userKey struct{}

// ContextWithUser returns a context that says who asks, for the log and the worker's events. It is for a middleware in front of the
// handler that has authenticated the user: next.ServeHTTP(w, r.WithContext(workerhttp.ContextWithUser(r.Context(), user))).
func ContextWithUser(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// asker tells who sent a request.
func asker(r *http.Request) string {
	if user, _ := r.Context().Value(userKey{}).(string); user != "" {
		return fmt.Sprintf("%s (%s)", user, r.RemoteAddr)
	}

	return r.RemoteAddr
}

// action is one that was asked for.
type action struct {
	pool         *worker.WorkerPool
	verb, worker string
	by           string
}

// actionOf returns the action that one of the escaped paths of a request asks for. A name is one segment, escaped, as only one of the
// paths can have it; where none has, it may have lost its escapes on the way.
func actionOf(paths []string) (verb, name string, ok bool) {
	for _, path := range paths {
		pathVerb, segments, isAction := parseAction(path)
		if isAction && (!ok || len(segments) == 1) {
			verb, name, ok = pathVerb, unescape(strings.Join(segments, "/")), true
		}
	}

	return verb, name, ok
}

// parseAction reads "/workers/NAME/VERB". The name is whatever is between, escaped slashes and others.
func parseAction(path string) (verb string, name []string, ok bool) {
	segments := strings.Split(path, "/")
	last := len(segments) - 1
	if last < 3 || segments[0] != "" || unescape(segments[1]) != "workers" || last == 3 && segments[2] == "" {
		return "", nil, false
	}
	verb = unescape(segments[last])
	_, ok = verbs[verb]

	return verb, segments[2:last], ok
}

// serveAction begins an action, and answers without waiting for it.
func (h *handler) serveAction(w http.ResponseWriter, r *http.Request, verb, shownName string) {
	if err := h.protection.Check(r); err != nil {
		refuse(w, r, http.StatusForbidden, err)
		return
	}
	values, err := url.ParseQuery(r.URL.RawQuery) // not to lose an instance that cannot be read
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err)
		return
	}
	query, err := parseReportQuery(values)
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err)
		return
	}
	if wanted := values.Get("instance"); wanted != "" && wanted != h.instance.ID {
		refuse(w, r, http.StatusMisdirectedRequest, errors.New("this is another instance"))
		return
	}
	name, err := h.find(shownName)
	if err != nil {
		refuse(w, r, http.StatusNotFound, err)
		return
	}
	if state := h.pool.State(); state != worker.PoolStarted {
		refuse(w, r, http.StatusConflict, fmt.Errorf("the pool is %s", state))
		return
	}

	action{pool: h.pool, verb: verb, worker: name, by: asker(r)}.begin(r.Context())
	h.serveAccepted(w, r, name, query)
}

// find returns the name of the worker that is shown by a name.
func (h *handler) find(shown string) (string, error) {
	registrations := h.pool.Registrations()
	if registrations[shown] != nil {
		return shown, nil
	}

	found := []string{}
	for name := range registrations {
		if asShown(name) == shown {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d workers are shown by this name", len(found))
	}

	return found[0], nil
}

// serveAccepted answers with the report of the worker as it is now.
func (h *handler) serveAccepted(w http.ResponseWriter, r *http.Request, name string, query reportQuery) {
	query.workers = []string{name}
	report := h.pool.Report()
	query.apply(&report)
	if len(report.Workers) == 0 { // it was unregistered meanwhile
		refuse(w, r, http.StatusNotFound, errors.New("the worker is gone"))
		return
	}

	writeJSON(w, r, http.StatusAccepted, report.Workers[0])
}

func refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	write(w, r, status, typeText, fmt.Appendf(nil, "%d %s\n", status, err))
}

// begin does the action on a goroutine of its own, which the end of the request does not end.
func (a action) begin(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	logged := a.tell(ctx, nil, zerolog.InfoLevel, fmt.Sprintf("%s asked for by %s", a.verb, a.by))
	go a.do(ctx, logged)
}

func (a action) do(ctx context.Context, logged <-chan struct{}) {
	select {
	case <-logged: // first, since the process may end of it
	case <-time.After(logPatience):
	}
	bounded, cancel := context.WithTimeout(ctx, outcomeWithin)
	defer cancel()

	do := a.pool.StopWorker
	if a.verb == "restart" {
		do = a.pool.RestartWorker
	}

	var late *worker.StopError
	switch err := do(bounded, a.worker); {
	case err == nil:
		a.tell(ctx, logged, zerolog.InfoLevel, fmt.Sprintf("%s as asked for by %s", verbs[a.verb], a.by))
	case errors.As(err, &late):
		a.tell(ctx, logged, zerolog.WarnLevel, fmt.Sprintf("%s asked for by %s has not ended yet: %v", a.verb, a.by, err))
	default:
		a.tell(ctx, logged, zerolog.ErrorLevel, fmt.Sprintf("%s asked for by %s not done: %v", a.verb, a.by, err))
	}
}

// tell puts a message into the events of the worker's execution, if there is one, and into the log, once what came before is logged.
// The log may block. The channel is closed once the message is logged.
func (a action) tell(ctx context.Context, before <-chan struct{}, level zerolog.Level, message string) <-chan struct{} {
	if execution, err := a.pool.Execution(a.worker); err == nil {
		execution.AddEvent(message)
	}

	logged := make(chan struct{})
	go func() {
		defer close(logged)
		defer func() { _ = recover() }() // a log writer that panics must not end the process
		if before != nil {
			<-before
		}
		zerolog.Ctx(ctx).WithLevel(level).Str("worker", a.worker).Str("action", a.verb).Str("by", a.by).Msg(message)
	}()

	return logged
}
