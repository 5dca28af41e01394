package workerhttp

import (
	"net/http"

	"github.com/ankorstore/yokai/worker"
)

// probe is one of those of package healthcheck.
type probe interface {
	Failing() (workers map[string]worker.WorkerStatus, ok bool)
}

// verdict is the answer of a probe.
type verdict struct {
	OK      bool              `json:"ok"`
	State   worker.PoolState  `json:"state"`
	Workers map[string]string `json:"workers"` // the status of each that fails it, by name
}

func (h *handler) serveLivez(w http.ResponseWriter, r *http.Request) {
	failing, ok := h.live.Failing()
	serveVerdict(w, r, ok, h.pool.State(), failing)
}

// looks is how often a verdict is asked for until it fits the state beside it: each time, a start or a stop must have come between.
const looks = 10

// serveReadyz tells the state that the verdict is of: only in a started pool can a worker fail, or the probe succeed.
func (h *handler) serveReadyz(w http.ResponseWriter, r *http.Request) {
	failing, ok := h.ready.Failing()
	state := h.pool.State()
	for range looks {
		if judged := ok || len(failing) > 0; judged == (state == worker.PoolStarted) {
			break
		}
		failing, ok = h.ready.Failing()
		state = h.pool.State()
	}

	serveVerdict(w, r, ok, state, failing)
}

func serveVerdict(w http.ResponseWriter, r *http.Request, ok bool, state worker.PoolState, failing map[string]worker.WorkerStatus) {
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
	}

	workers := map[string]string{}
	for name, status := range failing {
		workers[name] = status.String()
	}
	writeJSON(w, r, status, verdict{OK: ok, State: state, Workers: workers})
}
