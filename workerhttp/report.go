package workerhttp

import (
	"bufio"
	"io"
	"net/http"

	"github.com/ankorstore/yokai/worker"
)

func (h *handler) serveReport(w http.ResponseWriter, r *http.Request) {
	query, err := parseReportQuery(r.URL.Query())
	if err != nil {
		refuse(w, r, http.StatusBadRequest, err)
		return
	}

	w.Header().Set("Content-Type", typeJSON)
	if query.lines {
		w.Header().Set("Content-Type", typeLines)
	}
	if r.Method == http.MethodHead {
		return
	}

	report := h.pool.Report()
	query.apply(&report)
	_ = h.stream(w, report, query.lines) // fails only if the client is gone
}

// plainReport has the fields of a report only.
type plainReport worker.PoolReport

// head is a report without its workers, and with what the handler knows.
type head struct {
	plainReport
	Workers  *struct{} `json:"workers,omitempty"` // hides the report's
	Instance instance  `json:"instance"`
	Control  bool      `json:"control,omitempty"` // whether workers can be restarted and stopped
}

// stream writes a report worker by worker: with all events that a big pool keeps, its whole text may not fit in memory.
func (h *handler) stream(w io.Writer, report worker.PoolReport, lines bool) error {
	begin, between, end := `,"workers":[`, ",", "]}\n"
	if lines {
		begin, between, end = "}\n", "\n", "\n"
	}

	text := marshal(head{plainReport: plainReport(report), Instance: h.instance, Control: h.control})
	buffer := bufio.NewWriterSize(w, 1<<16)
	_, _ = buffer.Write(text[:len(text)-1])
	_, _ = buffer.WriteString(begin)
	for i := range report.Workers {
		if i > 0 {
			_, _ = buffer.WriteString(between)
		}
		if _, err := buffer.Write(marshal(report.Workers[i])); err != nil {
			return err
		}
	}
	_, _ = buffer.WriteString(end)

	return buffer.Flush() // with the first error of any write
}
