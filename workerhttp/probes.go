package workerhttp

import (
	"net/http"

	"github.com/ankorstore/yokai/worker"
)

// verdict is the answer of a probe.
type verdict struct {
	OK      bool              `json:"ok"`
	State   worker.PoolState  `json:"state"`
	Workers map[string]string `json:"workers"` // the status of each that fails it, by name
}

func (h *handler) serveLivez(w http.ResponseWriter, r *http.Request) {
	health := h.pool.Health()
	serveVerdict(w, r, health.Live, health.State, health.NotLive)
}

func (h *handler) serveReadyz(w http.ResponseWriter, r *http.Request) {
	health := h.pool.Health()
	serveVerdict(w, r, health.Ready, health.State, health.NotReady)
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
