package browsertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
)

// fields are a JSON object.
type fields = map[string]any

// pool is a report made by hand.
type pool struct {
	head    fields // all but "workers", over what stands for a started pool
	workers []fields
}

// stub serves the page with reports made by hand, so that they can tell anything.
type stub struct {
	url string

	mu      sync.Mutex // guards the fields below
	pool    pool
	asked   int // reports of all workers
	actions []string
	status  int // of the answer to an action
}

// worked returns a worker with what each has, and more.
func worked(name, status string, more fields) fields {
	w := fields{
		"name": name, "status": status, "executionId": "0e0e0e0e-0001", "attempt": 1, "maxAttempts": 1, "consecutiveFailures": 0,
		"since": ago(90), "startedAt": ago(90), "stopPoolOnFailure": false, "gaveUp": false, "droppedEvents": 0, "events": []fields{},
		"ready": true, "fine": true, "live": true, "optional": false,
	}
	maps.Copy(w, more)

	return w
}

// ago returns a time some seconds before now, to the second.
func ago(seconds int) string {
	return time.Now().Add(-time.Duration(seconds) * time.Second).UTC().Format(time.RFC3339)
}

func event(at, message string) fields {
	return fields{"at": at, "executionId": "0e0e0e0e-0001", "message": message}
}

func serveReport(t *testing.T, p pool) *stub {
	t.Helper()

	s := &stub{pool: p, status: http.StatusAccepted}
	page := workerhttp.NewHandler(worker.NewWorkerPool())
	mux := http.NewServeMux()
	mux.Handle("/", page)
	mux.HandleFunc("GET /report", s.serveReport)
	mux.HandleFunc("POST /workers/{name}/{verb}", s.serveAction)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL + "/"

	return s
}

// set changes what the next report says.
func (s *stub) set(p pool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.pool = p
}

// serveReport knows what the page asks for: lines, some workers, and details, for which events come.
func (s *stub) serveReport(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	query := r.URL.Query()
	head := fields{"at": time.Now().UTC().Format(time.RFC3339Nano), "state": "started", "instance": fields{"id": "1", "name": "web-1"}}
	maps.Copy(head, s.pool.head)
	workers := []fields{}
	for _, each := range s.pool.workers {
		if named := query["worker"]; len(named) == 0 || slices.Contains(named, each["name"].(string)) {
			workers = append(workers, each)
		}
	}

	encoder := json.NewEncoder(w)
	if query.Get("lines") != "true" {
		head["workers"] = workers
		_ = encoder.Encode(head)
		return
	}
	s.asked++
	_ = encoder.Encode(head)
	for _, each := range workers {
		_ = encoder.Encode(each)
	}
}

func (s *stub) serveAction(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.actions = append(s.actions, r.PathValue("verb")+" "+r.PathValue("name")+" of "+r.URL.Query().Get("instance"))
	w.WriteHeader(s.status)
	_, _ = w.Write([]byte("why not\n"))
}

// taken returns the actions that were asked for so far.
func (s *stub) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.actions)
}

func (s *stub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.asked
}
