package workerhttp

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ankorstore/yokai/worker/healthcheck"
)

// verdict is the answer of a probe.
type verdict struct {
	OK      bool              `json:"ok"`
	Workers map[string]string `json:"workers"` // the status of each that fails it, by name
}

func (h *handler) serveLivez(w http.ResponseWriter, r *http.Request) {
	h.serveProbe(w, r, h.live)
}

func (h *handler) serveReadyz(w http.ResponseWriter, r *http.Request) {
	h.serveProbe(w, r, h.ready)
}

func (h *handler) serveProbe(w http.ResponseWriter, r *http.Request, p *healthcheck.WorkerProbe) {
	result := p.Check(r.Context())
	status := http.StatusOK
	if !result.Success {
		status = http.StatusServiceUnavailable
	}

	writeJSON(w, r, status, verdict{OK: result.Success, Workers: h.failing(result.Message)})
}

// failing reads the workers that a probe names out of its message, "NAME: STATUS" joined by commas and sorted by name: which
// of them fail is for the probe alone to say. A name may hold anything, so it is not searched for in the message; the names
// that there are, in the same order, are taken off its beginning.
func (h *handler) failing(message string) map[string]string {
	failing := map[string]string{}

	switch message {
	case "pool: new", "pool: stopping", "pool: stopped": // no worker fails with such a status, whatever its name
		return failing
	}

	for _, name := range slices.Sorted(maps.Keys(h.pool.Executions())) {
		if rest, named := strings.CutPrefix(message, name+": "); named {
			failing[name], message, _ = strings.Cut(rest, ", ")
		}
	}

	return failing
}
