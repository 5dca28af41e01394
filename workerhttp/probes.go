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

// serveReadyz tells the state that the verdict is of: only in a started pool can a worker fail, or the probe succeed.
func (h *handler) serveReadyz(w http.ResponseWriter, r *http.Request) {
	for {
		failing, ok := h.ready.Failing()
		state := h.pool.State()
		if judged := ok || len(failing) > 0; judged == (state == worker.PoolStarted) {
			serveVerdict(w, r, ok, state, failing)
			return
		}
	}
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
