package worker_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	dto "github.com/prometheus/client_model/go"
)

// check checks all that must hold once everything has ended.
func (w *world) check() {
	lives := w.lives()
	w.checkEnds(lives)
	w.checkEndings(lives)
	w.checkHeartbeats(lives)
	w.checkLateReturns()
	w.checkExecutions(lives)
	w.checkReports(lives)
	w.checkLogs()
	w.checkMetrics(lives)
}

// lives cuts what the listener was told into executions, by worker name, and checks each.
func (w *world) lives() map[string][]*life {
	lives := map[string][]*life{}
	for name, told := range w.told {
		for len(told) > 0 {
			next := slices.IndexFunc(told[1:], func(t worker.Transition) bool { return t.From == worker.Unknown }) + 1
			if next == 0 {
				next = len(told)
			}
			l, err := replay(w.spec(name), told[:next])
			if err != nil {
				w.violated("%v", err)
			}
			lives[name] = append(lives[name], l)
			told = told[next:]
		}
	}

	return lives
}

func (w *world) checkEnds(lives map[string][]*life) {
	for name, n := range w.current {
		if n != nil {
			w.violated("an attempt of %s is alive", name)
		}
	}
	for _, ctx := range w.contexts {
		if ctx.Err() == nil {
			w.violated("the context of an attempt was not cancelled")
		}
	}
	for _, all := range lives {
		for _, l := range all {
			if err := l.ended(); err != nil {
				w.violated("%v", err)
			}
		}
	}
}

// checkEndings compares what happened in the attempts with what was told of them: none is lost, none is told of twice.
func (w *world) checkEndings(lives map[string][]*life) {
	for _, spec := range w.plan.workers {
		var told []step
		for _, l := range lives[spec.name] {
			for i, s := range l.steps {
				if s.rule.endsAttempt() {
					told = append(told, s)
				}
				if s.rule.kind == "succeeded" && l.steps[i-1].rule.kind == "heartbeatMissed" && !w.stopping(s.At) {
					w.violated("%s was stuck to the end, and succeeded: %+v", spec.name, s.Transition)
				}
			}
		}

		happened := w.endings[spec.name]
		if len(told) != len(happened) {
			w.violated("%d attempts of %s have ended, %d were told of", len(happened), spec.name, len(told))
			continue
		}
		for i, ending := range happened {
			if err := ending.matches(told[i]); err != nil {
				w.violated("%v", err)
			}
			if ending.attempt.id != told[i].ExecutionID || !ending.attempt.started.Equal(startOf(lives[spec.name], told[i])) && w.plan.pool.punctual() {
				w.violated("attempt %s of %s was told of as %+v", ending.attempt.id, spec.name, told[i].Transition)
			}
			w.checkCancelled(spec, ending.attempt, told[i])
		}
	}
}

func startOf(lives []*life, ended step) (at time.Time) {
	for _, l := range lives {
		for _, s := range l.steps {
			if s.rule.kind == "starting" && s.ExecutionID == ended.ExecutionID {
				at = s.At
			}
		}
	}

	return at
}

// checkCancelled checks that a worker was stopped if, and only if, it was told to, and that nothing follows then.
func (w *world) checkCancelled(spec *workerSpec, a *attempt, s step) {
	if s.rule.kind == "cancelled" && a.toldAt.IsZero() && context.Cause(a.ctx) != worker.ErrHeartbeatMissed {
		w.violated("%s was cancelled by nobody: %+v", spec.name, s.Transition)
	}
	if a.toldAt.IsZero() {
		return
	}
	for _, t := range w.told[spec.name] {
		if t.ExecutionID == a.id && t.At.After(a.toldAt) && strings.HasPrefix(t.Message, "restarting") {
			w.violated("%s was told to stop at +%s: %+v", spec.name, a.toldAt.Sub(start), t)
		}
	}
}

// checkHeartbeats checks that who is silent is missed, and who beats is not.
func (w *world) checkHeartbeats(lives map[string][]*life) {
	missed := map[string]bool{}
	for _, all := range lives {
		for _, l := range all {
			for _, s := range l.steps {
				if s.rule.kind == "heartbeatMissed" {
					missed[s.ExecutionID] = true
				}
			}
		}
	}

	for _, endings := range w.endings {
		for _, ending := range endings {
			a := ending.attempt
			if missed[a.id] && a.lively && a.spec.heartbeat > 0 && a.toldAt.IsZero() && a.quietFor() < a.spec.heartbeat/2 {
				w.violated("%s was missed although it beat", a.spec.name)
			}
			if !missed[a.id] && a.silent && a.busyFor() > a.spec.heartbeat*13/10 {
				w.violated("%s was silent for %s, and not missed", a.spec.name, a.busyFor())
			}
		}
	}
}

// checkLateReturns checks that the end of each worker was told of that a stop did not wait for, and of no others.
func (w *world) checkLateReturns() {
	for name, stops := range w.overdue {
		for _, at := range stops {
			told := func(t worker.Transition) bool {
				r, _ := ruleOf(t)
				return r.kind == "returnedLate" && t.At.After(at.Add(-time.Second))
			}
			if !slices.ContainsFunc(w.told[name], told) {
				w.violated("the end of %s was not told of, although a stop at +%s timed out", name, at.Sub(start))
			}
		}
	}

	for name, told := range w.told {
		for _, t := range told {
			if r, _ := ruleOf(t); r.kind == "returnedLate" && len(w.overdue[name]) == 0 {
				w.violated("%s has returned late for no stop: %+v", name, t)
			}
		}
	}
}

// checkExecutions compares the events of each execution with what the listener was told.
func (w *world) checkExecutions(lives map[string][]*life) {
	for e := range w.executions {
		matches := func(l *life) bool {
			events := e.Events()
			if len(events)+e.DroppedEvents() != len(l.steps) {
				return false
			}
			for i, event := range events {
				s := l.steps[i+e.DroppedEvents()]
				if event.ExecutionId() != s.ExecutionID || event.Message() != s.Message || !event.Timestamp().Equal(s.At) {
					return false
				}
			}
			return e.Status() == l.report.Status && e.CurrentExecutionAttempt() == l.report.Attempt
		}
		i := slices.IndexFunc(lives[e.Name()], matches)
		if i < 0 {
			w.violated("no life of %s has these events: %q (%s)", e.Name(), timeline(e), e.Status())
		} else if stopAt, ok := w.stopAt[e]; ok {
			w.checkInterrupted(lives[e.Name()][i], stopAt)
		}
	}
}

// checkInterrupted checks that a worker that was told to stop did not wait any longer for its next attempt. What the pool calls, and may
// dawdle, takes less than half a second.
func (w *world) checkInterrupted(l *life, stopAt time.Time) {
	for i, s := range l.steps[1:] {
		waiting := l.steps[i]
		if waiting.rule.kind != "waiting" && waiting.rule.kind != "deferring" {
			continue
		}
		if told := later(waiting.At, stopAt); s.At.Sub(told) > 500*time.Millisecond {
			w.violated("%s waited for %s after it was told to stop", s.Worker, s.At.Sub(told))
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}

// checkReports compares each report that was read with the model's, as of that many events.
func (w *world) checkReports(lives map[string][]*life) {
	for _, report := range w.reports {
		if !slices.IsSortedFunc(report.Workers, func(a, b worker.WorkerReport) int { return cmp.Compare(a.Name, b.Name) }) {
			w.violated("report is not sorted")
		}
		for _, r := range report.Workers {
			if !slices.ContainsFunc(lives[r.Name], func(l *life) bool { return l.had(r, w.stopping) }) && (len(r.Events) > 0 || r.Status != worker.Unknown) {
				w.violated("no life of %s has this report:\n%s\nlives:%s", r.Name, asJSON(r), describeLives(lives[r.Name], r))
			}
		}
	}
}

// had returns whether this was the report of the execution at a time. Who fails for the last time while it is stopping has not given
// up, and which came first cannot be told from outside.
func (l *life) had(r worker.WorkerReport, stopping func(time.Time) bool) bool {
	n := len(r.Events) + r.DroppedEvents
	if n == 0 || n > len(l.steps) || l.steps[n-1].Message != r.Events[len(r.Events)-1].Message {
		return false
	}

	then := l.until(n)
	want := then.report
	want.DroppedEvents, want.Events = r.DroppedEvents, want.Events[r.DroppedEvents:]
	if then.stack != (r.LastStack != "") {
		return false
	}
	want.LastStack = r.LastStack
	want.GaveUp = want.GaveUp && (r.GaveUp || !stopping(r.Events[len(r.Events)-1].At))

	return reflect.DeepEqual(want, r)
}

// until is the life up to its first n steps.
func (l *life) until(n int) *life {
	transitions := make([]worker.Transition, n)
	for i, s := range l.steps[:n] {
		transitions[i] = s.Transition
	}
	then, _ := replay(l.spec, transitions)

	return then
}

func describeLives(lives []*life, r worker.WorkerReport) string {
	text := ""
	for _, l := range lives {
		if n := len(r.Events) + r.DroppedEvents; n <= len(l.steps) {
			text += "\n" + asJSON(l.until(n).report)
		}
	}

	return text
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}

	return string(text)
}

// checkLogs compares the log records of each worker with what the listener was told.
func (w *world) checkLogs() {
	type line struct{ Level, Worker, WorkerExecutionID, Message, Error, Stack string }

	logged := map[string][]line{}
	if w.plan.pool.logs {
		for _, text := range w.logs.lines() {
			var l line
			if err := json.Unmarshal([]byte(text), &l); text != "" && err != nil {
				w.violated("log line %q: %v", text, err)
			}
			if strings.Count(text, `"worker":`) > 1 || strings.Count(text, `"workerExecutionID":`) > 1 {
				w.violated("a log line with a field twice: %s", text)
			}
			if l.Worker != "" && !aside(l.Message) {
				logged[l.Worker] = append(logged[l.Worker], l)
			}
		}
	}

	for name, told := range w.told {
		if !w.plan.pool.logs {
			continue
		}
		if len(told) != len(logged[name]) {
			w.violated("%d transitions of %s, %d log lines", len(told), name, len(logged[name]))
			continue
		}
		for i, t := range told {
			l := logged[name][i]
			r, values := ruleOf(t)
			want := line{r.level, t.Worker, t.ExecutionID, t.Message, "", l.Stack}
			hasStack := r.kind == "panicked" || r.kind == "goexited" || r.kind == "heartbeatMissed"
			if r.kind == "failed" {
				want.Error = values[2]
			}
			if l != want || hasStack != (l.Stack != "") {
				w.violated("told %+v, logged %+v", t, l)
			}
		}
	}
}

// aside returns whether a log record is about something else than a transition.
func aside(message string) bool {
	switch message {
	case "at work", "worker execution id generator failed, using a default id", "worker backoff failed, using the default",
		"worker pool listener panicked: a quirk":
		return true
	}

	return false
}

// ruleOf returns the rule of a transition that follows one to the status From.
func ruleOf(t worker.Transition) (rule, []string) {
	for _, r := range grammar {
		if values, ok := capture(r.text, t.Message); ok {
			return r, values
		}
	}

	return rule{}, nil
}

// checkMetrics compares all samples with what the listener was told. Workers of one label share theirs.
func (w *world) checkMetrics(lives map[string][]*life) {
	want := map[string]float64{}
	for name, all := range lives {
		label := worker.Sanitize(name)
		for _, l := range all {
			for _, s := range l.steps {
				if s.rule.counter != "" {
					want["worker_executions_total "+s.rule.counter+" "+label]++
				}
				if s.rule.endsAttempt() {
					want["worker_execution_duration_seconds "+label]++
				}
				if s.rule.kind == "panicked" {
					want["worker_panics_total "+label]++
				}
			}
		}
		if label == name { // no other worker has it
			last := all[len(all)-1].report
			want["worker_consecutive_failures "+label] = float64(last.ConsecutiveFailures)
			want["worker_up "+label], want["worker_stuck "+label] = 0, 0
		}
	}

	got := w.samples()
	for key, value := range want {
		if sample, ok := got[key]; !ok || sample != value {
			w.violated("%s is %v (%v), want %v", key, sample, ok, value)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok && strings.HasPrefix(key, "worker_executions_total") {
			w.violated("%s should not be there", key)
		}
	}
}

// samples returns all samples by family and labels; of histograms their count.
func (w *world) samples() map[string]float64 {
	families, err := w.registry.Gather()
	if err != nil {
		w.violated("metrics: %v", err)
	}

	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			key := strings.TrimPrefix(family.GetName(), w.plan.pool.namespace+"_")
			for _, label := range metric.GetLabel() {
				key += " " + label.GetValue()
			}
			got[key] = valueOf(metric)
		}
	}

	return got
}

func valueOf(m *dto.Metric) float64 {
	if h := m.GetHistogram(); h != nil {
		return float64(h.GetSampleCount())
	}

	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// epilogue uses the pool from one goroutine, after all actors are done, so that there is one right answer to everything.
func (w *world) epilogue() {
	w.mayStop()
	w.stopForGood()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)

	if err := w.pool.Start(w.context(ctx)); err != nil {
		if !w.poisoned.Load() {
			w.violated("the pool does not start again: %v", err)
		}
		return
	}
	time.Sleep(time.Second)
	if w.plan.again {
		for i := range w.plan.workers {
			w.perform(operation{verb: register, worker: i})
			w.perform(operation{verb: restartWorker, worker: i, bound: time.Second})
		}
		time.Sleep(time.Second)
	}
	synctest.Wait()
	w.checkStarted()

	if w.plan.again {
		cancel(errParent)
		if err := w.pool.Wait(context.Background()); err != nil {
			w.reported(err)
		}
	}
	w.stopForGood()
	w.checkWait()
}

// stopForGood stops the pool until it has stopped.
func (w *world) stopForGood() {
	at := time.Now()
	stop := func(context.Context) error { return w.pool.Stop() }
	for !w.stops(context.Background(), operation{verb: stopPool}, stop) && time.Since(at) < stopBound {
	}
	w.inTime(operation{verb: stopPool}, at)
	if state := w.pool.Report().State; state != worker.PoolStopped && state != worker.PoolNew {
		w.violated("after its stop the pool is %s", state)
	}
}

// checkStarted checks that each registered worker was started, and that the pool has stopped if one that may stop it has given up.
func (w *world) checkStarted() {
	report := w.pool.Report()
	executions := w.pool.Executions()
	if report.State == worker.PoolStarted && len(executions) != len(w.pool.Registrations()) || len(report.Workers) != len(executions) {
		w.violated("%d registrations, %d executions, %d reports", len(w.pool.Registrations()), len(executions), len(report.Workers))
	}

	gaveUp := false
	for _, r := range report.Workers {
		gaveUp = gaveUp || r.GaveUp && r.StopPoolOnFailure
		if len(r.Events) == 0 {
			w.violated("%s was not started", r.Name)
		}
		if r.Status == worker.Unknown {
			w.violated("%s is unknown: %s", r.Name, asJSON(r))
		}
	}
	stopping := report.State == worker.PoolStopping || report.State == worker.PoolStopped
	if gaveUp && !stopping {
		w.violated("a worker that stops the pool has given up, but the pool is %s", report.State)
	}
}

// checkWait checks that the errors of the workers are told, and no others.
func (w *world) checkWait() {
	var want, got []string
	for _, r := range w.pool.Report().Workers {
		if r.Status == worker.Error {
			want = append(want, fmt.Sprintf("%s #%d: %s", r.Name, r.Attempt, r.ExecutionID))
		}
	}

	for _, err := range separate(w.pool.Wait(context.Background())) {
		var failed *worker.WorkerError
		if errors.As(err, &failed) {
			got = append(got, fmt.Sprintf("%s #%d: %s", failed.Worker, failed.Attempt, failed.ExecutionID))
		}
	}
	slices.Sort(got)
	if !slices.Equal(want, got) {
		w.violated("Wait told of %q, want %q", got, want)
	}
}

// checkQuiet checks that nothing happens any more.
func (w *world) checkQuiet() {
	seen := func() (n int, report worker.PoolReport, samples map[string]float64) {
		w.mu.Lock()
		for _, told := range w.told {
			n += len(told)
		}
		w.mu.Unlock()
		report = w.pool.Report()
		report.At = time.Time{}

		return n, report, w.samples()
	}

	n, report, samples := seen()
	time.Sleep(2 * time.Hour)
	later, laterReport, laterSamples := seen()
	if n != later || !reflect.DeepEqual(report, laterReport) || !maps.Equal(samples, laterSamples) {
		w.violated("something happened after the stop: %d transitions more", later-n)
	}
}
