package workerhttp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/ankorstore/yokai/worker"
)

// unbounded stands for a bound that was not asked for.
const unbounded = -1

// reportQuery says what a request wants of the report.
type reportQuery struct {
	workers []string // all if there is none
	events  int      // per worker, or unbounded
	text    int      // bytes per text, or unbounded
	stack   bool
}

func (h *handler) serveReport(w http.ResponseWriter, r *http.Request) {
	query, err := parseReportQuery(r.URL.Query())
	if err != nil {
		write(w, r, http.StatusBadRequest, typeText, []byte("400 "+err.Error()+"\n"))
		return
	}

	w.Header().Set("Content-Type", typeJSON)
	if r.Method == http.MethodHead {
		return
	}

	report := h.pool.Report()
	query.apply(&report)
	_ = stream(w, report) // fails only if the client is gone
}

// stream writes a report worker by worker: with all events that a big pool keeps, its whole text may not fit in memory.
func stream(w io.Writer, report worker.PoolReport) error {
	workers := report.Workers
	report.Workers = []worker.WorkerReport{}
	begin, _ := bytes.CutSuffix(marshal(report), []byte("]}"))

	buffer := bufio.NewWriterSize(w, 1<<16)
	_, _ = buffer.Write(begin)
	for i := range workers {
		if i > 0 {
			_ = buffer.WriteByte(',')
		}
		if _, err := buffer.Write(marshal(workers[i])); err != nil {
			return err
		}
	}
	_, _ = buffer.WriteString("]}\n")

	return buffer.Flush() // with the first error of any write
}

func parseReportQuery(values url.Values) (reportQuery, error) {
	query := reportQuery{workers: values["worker"], stack: true}

	var err error
	if query.events, err = parseBound(values, "events"); err != nil {
		return query, err
	}
	if query.text, err = parseBound(values, "text"); err != nil {
		return query, err
	}
	if values.Has("stack") {
		if query.stack, err = strconv.ParseBool(values.Get("stack")); err != nil {
			return query, fmt.Errorf("stack: %q is not true or false", values.Get("stack"))
		}
	}

	return query, nil
}

func parseBound(values url.Values, name string) (int, error) {
	if !values.Has(name) {
		return unbounded, nil
	}

	n, err := strconv.Atoi(values.Get(name))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: %q is not a number from 0 on", name, values.Get(name))
	}

	return n, nil
}

// apply leaves out of a report what was not asked for. The report is the request's own copy.
func (q reportQuery) apply(report *worker.PoolReport) {
	if len(q.workers) > 0 {
		report.Workers = slices.DeleteFunc(report.Workers, func(w worker.WorkerReport) bool {
			return !slices.Contains(q.workers, w.Name) && !slices.Contains(q.workers, asShown(w.Name))
		})
	}

	for i := range report.Workers {
		q.trim(&report.Workers[i])
	}
}

func (q reportQuery) trim(w *worker.WorkerReport) {
	if !q.stack {
		w.LastStack = ""
	}
	if q.events != unbounded && len(w.Events) > q.events {
		w.Events = w.Events[len(w.Events)-q.events:]
	}
	if q.text == unbounded {
		return
	}

	w.LastError = cut(w.LastError, q.text)
	w.LastStack = cut(w.LastStack, q.text)
	for i := range w.Events {
		w.Events[i].Message = cut(w.Events[i].Message, q.text)
	}
}

// cut returns the first n bytes of a text, or a few less so as not to cut a character, and says that it did.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}

	return text[:n] + "…"
}

// asShown returns a name as JSON tells it: with one U+FFFD for each byte that is not UTF-8.
func asShown(name string) string {
	return string([]rune(name))
}
