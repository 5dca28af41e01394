package workerhttp

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/ankorstore/yokai/worker"
)

// unbounded stands for a bound that was not asked for.
const unbounded = -1

// What an opened row of the page shows.
const (
	detailEvents = 200
	detailText   = 20_000 // bytes
)

// reportQuery says what a request wants of the report.
type reportQuery struct {
	workers []string // all if there is none
	details []string // those that come as an opened row shows them
	events  int      // per worker, or unbounded
	text    int      // bytes per text, or unbounded
	stack   bool
	lines   bool
	worst   bool // those that fail come first
}

func parseReportQuery(values url.Values) (reportQuery, error) {
	query := reportQuery{workers: values["worker"], details: values["detail"]}

	var errs [5]error
	query.events, errs[0] = parseBound(values, "events")
	query.text, errs[1] = parseBound(values, "text")
	query.stack, errs[2] = parseBool(values, "stack", true)
	query.lines, errs[3] = parseBool(values, "lines", false)
	query.worst, errs[4] = parseBool(values, "worst", false)

	return query, cmp.Or(errs[:]...)
}

func parseBool(values url.Values, name string, otherwise bool) (bool, error) {
	if !values.Has(name) {
		return otherwise, nil
	}

	value, err := strconv.ParseBool(values.Get(name))
	if err != nil {
		return false, fmt.Errorf("%s: %q is not true or false", name, values.Get(name))
	}

	return value, nil
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
		report.Workers = slices.DeleteFunc(report.Workers, func(w worker.WorkerReport) bool { return !named(q.workers, w.Name) })
	}

	if q.worst {
		report.Workers = worstFirst(report.Workers)
	}

	detailed := reportQuery{events: detailEvents, text: detailText, stack: true}
	for i := range report.Workers {
		if w := &report.Workers[i]; named(q.details, w.Name) {
			detailed.trim(w)
		} else {
			q.trim(w)
		}
	}
}

// worstFirst moves the workers that fail to the front, the worst of them first. The others keep their order.
func worstFirst(workers []worker.WorkerReport) []worker.WorkerReport {
	failing, others := []worker.WorkerReport{}, make([]worker.WorkerReport, 0, len(workers))
	for _, w := range workers {
		if badness(w) > 0 {
			failing = append(failing, w)
		} else {
			others = append(others, w)
		}
	}
	slices.SortStableFunc(failing, func(a, b worker.WorkerReport) int { return cmp.Compare(badness(b), badness(a)) })

	return append(failing, others...)
}

// badness grows with how badly a worker needs attention, from 0 for one that does not fail.
func badness(w worker.WorkerReport) int {
	switch {
	case w.Status == worker.Stuck:
		return math.MaxInt
	case w.TimedOut:
		return math.MaxInt - 1
	case w.GaveUp:
		return math.MaxInt - 2
	case w.Status == worker.Stopped:
		return 0
	default:
		return w.ConsecutiveFailures
	}
}

// named reports whether a worker is among names, as it is or as it is shown.
func named(names []string, name string) bool {
	return len(names) > 0 && (slices.Contains(names, name) || slices.Contains(names, asShown(name)))
}

func (q reportQuery) trim(w *worker.WorkerReport) {
	if !q.stack {
		w.LastStack = ""
	}
	if q.events != unbounded && len(w.Events) > q.events {
		w.Events = w.Events[len(w.Events)-q.events:]
	}
	for _, inner := range w.Nested {
		for i := range inner.Workers {
			q.trim(&inner.Workers[i])
		}
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
