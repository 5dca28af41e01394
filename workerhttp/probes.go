package workerhttp

import (
	"net/http"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/healthcheck"
)

// verdict is the answer of a probe.
type verdict struct {
	OK      bool              `json:"ok"`
	State   worker.PoolState  `json:"state"`
	Workers map[string]string `json:"workers"` // the status of each that fails it, by name
}

func (h *handler) serveLivez(w http.ResponseWriter, r *http.Request) {
	h.serveProbe(w, r, h.live)
}

func (h *handler) serveReadyz(w http.ResponseWriter, r *http.Request) {
	h.serveProbe(w, r, h.ready)
}

func (h *handler) serveProbe(w http.ResponseWriter, r *http.Request, p *healthcheck.WorkerProbe) {
	failing, ok := p.Failing()
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
	}

	workers := map[string]string{}
	for name, status := range failing {
		workers[name] = status.String()
	}
	writeJSON(w, r, status, verdict{OK: ok, State: h.pool.State(), Workers: workers})
}
