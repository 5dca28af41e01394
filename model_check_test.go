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

// What was seen in a world is compared here, once everything has ended: the log, the events, the report and the samples with the lives
// that the listener was told of, and these with the workers' own notes. Before that, epilogue starts the pool once more and uses it from
// one goroutine, so that there is one right answer to everything.

// check checks all that must hold once everything has ended.
func (w *world) check() {
	lives := w.lives()
	w.checkEnds(lives)
	w.checkEndings(lives)
	w.checkWatches(lives)
	w.checkDependencies(lives)
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
			l, err := w.replay(w.spec(name), told[:next])
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
		starts := map[string]time.Time{}
		for _, l := range lives[spec.name] {
			for _, s := range l.steps {
				switch {
				case s.rule.kind == "starting":
					starts[s.ExecutionID] = s.At
				case s.rule.endsAttempt():
					told = append(told, s)
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
			if ending.attempt.id != told[i].ExecutionID || !ending.attempt.started.Equal(starts[ending.attempt.id]) && w.plan.pool.punctual() {
				w.violated("attempt %s of %s was told of as %+v", ending.attempt.id, spec.name, told[i].Transition)
			}
			w.checkCancelled(spec, ending.attempt, told[i])
		}
	}
}

// checkCancelled checks that a worker was stopped if, and only if, it was told to, and that nothing follows then.
func (w *world) checkCancelled(spec *workerSpec, a *attempt, s step) {
	if s.rule.kind == "cancelled" && a.toldAt.IsZero() && !(isFailure(context.Cause(a.ctx)) && w.maybeTold(a)) {
		if w.mayLackCause() && context.Cause(a.ctx) == context.Canceled {
			return // by Start's context, in the moment in which it ended
		}
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

// checkWatches checks that who is silent, not ready or running for too long is found, and nobody else.
func (w *world) checkWatches(lives map[string][]*life) {
	told := map[string][]string{} // by execution id, the kinds
	for _, all := range lives {
		for _, l := range all {
			for _, s := range l.steps {
				told[s.ExecutionID] = append(told[s.ExecutionID], s.rule.kind)
			}
		}
	}

	for _, endings := range w.endings {
		for _, ending := range endings {
			if err := ending.attempt.watched(ending, told[ending.attempt.id]); err != nil {
				w.violated("%s (%v): %v", ending.attempt.spec.name, told[ending.attempt.id], err)
			}
		}
	}
}

// watched checks what was told of an attempt while it lasted.
func (a *attempt) watched(ending ending, kinds []string) error {
	took := a.endedAt.Sub(a.started)
	has := func(kind string) bool { return slices.Contains(kinds, kind) }
	heartbeat, within, timeout := a.spec.heartbeat, a.spec.within(), a.spec.timeout()
	switch {
	case has("heartbeatMissed") && a.lively && a.quietFor() < heartbeat/2:
		return fmt.Errorf("it was missed although it beat")
	case !a.spec.punctual() || a.spoiled:
		return nil
	case !has("heartbeatMissed") && a.silent && took > heartbeat*13/10:
		return fmt.Errorf("it was silent for %s, and not missed", took)
	case !has("timedOut") && timeout > 0 && took > timeout && a.aliveFor(timeout):
		return fmt.Errorf("it ran for %s, and has not timed out", took)
	case a.spec.readiness == nil || ending.kind == "goexited":
		return nil
	case a.said != has("ready"):
		return fmt.Errorf("it has said that it is ready: %v", a.said)
	case !a.said && !has("notReady") && within > 0 && took > within && a.aliveFor(within):
		return fmt.Errorf("it was not ready for %s, which was not told", took)
	}

	return nil
}

// aliveFor returns whether the attempt's context was alive for longer than d.
func (a *attempt) aliveFor(d time.Duration) bool {
	for _, at := range []time.Time{a.toldAt, a.failedAt} {
		if !at.IsZero() && at.Sub(a.started) <= d {
			return false
		}
	}

	return true
}

// checkDependencies checks that no attempt began before what it depends on had been ready, since the start of the pool.
func (w *world) checkDependencies(lives map[string][]*life) {
	for _, spec := range w.plan.workers {
		for _, l := range lives[spec.name] {
			at := slices.IndexFunc(l.steps, func(s step) bool { return s.rule.kind == "starting" })
			if at < 0 {
				continue
			}
			since := time.Time{}
			for _, t := range w.starts {
				// One in the same moment may have come later, but for the last.
				if t.Before(l.steps[0].At) || t.Equal(l.steps[0].At) && t.Equal(w.starts[len(w.starts)-1]) {
					since = later(since, t)
				}
			}
			for _, name := range spec.dependsOn {
				if !slices.ContainsFunc(lives[name], func(other *life) bool { return other.wasReady(since, l.steps[at].At) }) {
					w.violated("%s began at +%s before %s was ready", spec.name, l.steps[at].At.Sub(start), name)
				}
			}
		}
	}
}

func (l *life) wasReady(from, to time.Time) bool {
	for i, r := range l.reports {
		if s := l.steps[i]; r.Ready && !s.At.Before(from) && !s.At.After(to) {
			return true
		}
	}

	return false
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
			if r, _ := ruleOf(t); r.kind == "returnedLate" && len(w.overdue[name]) == 0 && w.plan.pool.stopTimeout <= 0 {
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
				if event.ExecutionId() != s.ExecutionID || event.Message() != cutText(s.Message) || !event.Timestamp().Equal(s.At) {
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
		if !(rule{next: "waiting deferring scheduled pending"}).allows(waiting.rule.kind) {
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
			if !slices.ContainsFunc(lives[r.Name], func(l *life) bool { return l.had(report, r) }) && (len(r.Events) > 0 || r.Status != worker.Unknown) {
				w.violated("no life of %s has this report:\n%s\nlives:%s", r.Name, asJSON(r), describeLives(lives[r.Name], r))
			}
		}
	}
}

// had returns whether this was the report of the execution at a time. Who fails for the last time while it is stopping has not given
// up, and which came first cannot be told from outside.
func (l *life) had(pool worker.PoolReport, r worker.WorkerReport) bool {
	n := len(r.Events) + r.DroppedEvents
	if n == 0 || n > len(l.reports) {
		return false
	}
	for i, event := range r.Events {
		s := l.steps[i+r.DroppedEvents]
		if event != (worker.EventReport{At: s.At, ExecutionID: s.ExecutionID, Message: cutText(s.Message)}) {
			return false
		}
	}

	want := l.reports[n-1]
	if (want.LastStack == "none") != (r.LastStack == "") {
		return false
	}
	want.DroppedEvents, want.Events, want.LastStack = r.DroppedEvents, r.Events, r.LastStack
	want.Options, want.Nested, want.LastBeatAt, want.WaitingFor, want.Cause = r.Options, r.Nested, r.LastBeatAt, r.WaitingFor, r.Cause
	if want.NextAttemptAt.Equal(r.NextAttemptAt) {
		want.NextAttemptAt = r.NextAttemptAt // in its location
	}
	for _, name := range r.WaitingFor {
		if !slices.Contains(l.spec.dependsOn, name) {
			return false
		}
	}
	lasts := want.Status == worker.Running || want.Status == worker.Stuck
	want.TimedOut = lasts && l.spec.timeout() > 0 && pool.At.Sub(want.StartedAt) >= l.spec.timeout()
	stopping := l.world.stopping(l.steps[n-1].At)
	want.GaveUp = want.GaveUp && (r.GaveUp || !stopping)
	if want.ConsecutiveFailures < 0 || l.mayBeHealthy(want, r, pool.At) {
		want.ConsecutiveFailures = r.ConsecutiveFailures
	}
	if r.Status == worker.Success && stopping {
		want.Ready = r.Ready // it was told to stop before, or not
	}
	want.Live, want.Fine = healthOf(r, pool.State == worker.PoolStopping)

	return reflect.DeepEqual(want, r)
}

// mayBeHealthy returns whether the row of failures that a report tells of is right for an attempt that has lasted for so long.
func (l *life) mayBeHealthy(want, r worker.WorkerReport, at time.Time) bool {
	healthy := l.spec.healthy()
	a := l.world.attemptOf(r.ExecutionID)
	if healthy <= 0 || a == nil || a.spoiled || r.Status != worker.Running && r.Status != worker.Stuck {
		return false
	}

	return r.ConsecutiveFailures == 0 && at.Sub(a.started) >= healthy
}

// healthOf is the reference of what probes say of a worker.
func healthOf(r worker.WorkerReport, leaving bool) (live, fine bool) {
	live = r.Status != worker.Stuck && (leaving || !r.StopPoolOnFailure || !r.GaveUp)
	fine = r.Ready
	switch r.Status {
	case worker.Deferred:
		fine = true
	case worker.Waiting:
		fine = r.ConsecutiveFailures == 0
	case worker.Stopped, worker.Success:
		fine = r.Ready || r.Cause == worker.ErrWorkerStopped.Error()
	}

	return live || r.Optional, fine || r.Optional
}

func describeLives(lives []*life, r worker.WorkerReport) string {
	text := ""
	for _, l := range lives {
		if n := len(r.Events) + r.DroppedEvents; n > 0 && n <= len(l.reports) {
			text += "\n" + asJSON(l.reports[n-1])
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
			switch {
			case r.kind == "failed" && t.Err == error((*panickyError)(nil)): // which zerolog leaves out
			case r.kind == "failed":
				want.Error = values[2]
			case r.hasError() && t.Stack == "":
				want.Error = t.Err.Error()
			}
			if l != want || l.Stack != t.Stack || (r.kind == "panicked" || r.kind == "goexited") && t.Stack == "" {
				w.violated("told %+v, logged %+v", t, l)
			}
		}
	}
}

// aside returns whether a log record is about something else than a transition.
func aside(message string) bool {
	switch message {
	case "at work", "worker has not stopped in time", "worker execution id generator failed, using a default id",
		"worker backoff failed, using the default",
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

// checkMetrics compares all samples with what the listener was told. Workers of one label share theirs, and those that were unregistered
// have taken them away.
func (w *world) checkMetrics(lives map[string][]*life) {
	forgotten := map[string]bool{}
	for name := range w.forgotten {
		forgotten[worker.Sanitize(name)] = true
	}
	want := map[string]float64{}
	for name, all := range lives {
		label := worker.Sanitize(name)
		if forgotten[label] {
			continue
		}
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
	}
	for _, r := range w.pool.Report().Workers {
		if label := worker.Sanitize(r.Name); label == r.Name && !forgotten[label] { // no other worker has it
			want["worker_consecutive_failures "+label] = float64(r.ConsecutiveFailures)
			if r.Cause != "" && (r.Status == worker.Stopped || r.Status == worker.Success) {
				want["worker_consecutive_failures "+label] = 0
			}
			want["worker_up "+label], want["worker_stuck "+label] = 0, 0
			want["worker_ready "+label], want["worker_gave_up "+label] = oneIf(r.Ready), oneIf(r.GaveUp)
		}
	}

	got := w.samples()
	for key, value := range want {
		if sample, ok := got[key]; !ok || sample != value {
			w.violated("%s is %v (%v), want %v", key, sample, ok, value)
		}
	}
	for key := range got {
		label := key[strings.LastIndex(key, " ")+1:]
		if _, ok := want[key]; !ok && strings.HasPrefix(key, "worker_executions_total") && !forgotten[label] {
			w.violated("%s should not be there", key)
		}
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}

	return 0
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
	for i := range w.plan.workers {
		w.perform(operation{verb: register, worker: i})
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)

	time.Sleep(time.Millisecond)
	at := time.Now()
	err := w.pool.Start(w.context(ctx))
	if err != nil && strings.HasPrefix(err.Error(), "nil worker registration") { // which is told once
		err = w.pool.Start(w.context(ctx))
	}
	if w.hasStarted(at, err); err != nil {
		w.violated("the pool does not start again: %v", err)
		return
	}
	time.Sleep(w.plan.settle)
	if w.plan.again {
		for i := range w.plan.workers {
			w.perform(operation{verb: register, worker: i})
			w.perform(operation{verb: restartWorker, worker: i, bound: time.Second})
		}
		time.Sleep(time.Second)
	}
	w.checkRequests()
	synctest.Wait()
	w.checkStarted()
	w.checkHealth()

	if w.plan.again {
		w.stopBegan(w.pool.Executions(), time.Now()) // which one that has failed before does not see
		cancel(errParent)
		if err := w.pool.Wait(context.Background()); err != nil {
			w.reported(err)
		}
		w.stopForGood()
	} else {
		w.checkDelay()
	}
	w.checkWait()
}

// checkRequests makes requests of workers that overlap, and checks that the last one of each has won.
func (w *world) checkRequests() {
	before, last := w.pool.Executions(), map[string]verb{}
	for _, op := range w.plan.asked {
		name, registered := w.plan.workers[op.worker].name, w.pool.Registrations()
		needed := slices.ContainsFunc(w.plan.workers, func(s *workerSpec) bool { return registered[s.name] != nil && slices.Contains(s.dependsOn, name) })
		w.perform(op)
		switch {
		case registered[name] == nil, op.verb == unregister && needed: // it was refused
		case op.verb != unregister && w.pool.Registrations()[name] == nil: // likewise, since an earlier request was just done
		default:
			last[name] = op.verb
		}
	}
	if len(last) == 0 {
		return
	}
	time.Sleep(5 * time.Second)
	synctest.Wait()

	for name, verb := range last {
		e, err := w.pool.Execution(name)
		status := worker.Unknown
		if err == nil {
			status = e.Status()
		}
		over := status == worker.Success || status == worker.Error || status == worker.Stopped
		switch {
		case w.plan.calls() || w.pool.State() != worker.PoolStarted:
		case verb == restartWorker && (err != nil || e == before[name] || status == worker.Unknown),
			verb == stopWorker && (err != nil || !over), verb == unregister && err == nil:
			w.violated("the last request of %s was %s, but it is %s (%v)", name, verb, status, err)
		}
	}
	for i := range w.plan.workers {
		if last[w.plan.workers[i].name] == unregister {
			w.perform(operation{verb: register, worker: i})
		}
	}
	time.Sleep(time.Second)
}

// checkHealth checks that all that tells of the pool's health says the same.
func (w *world) checkHealth() {
	report, health := w.pool.Report(), w.pool.Health()
	live, ready := true, report.State == worker.PoolStarted
	for _, r := range report.Workers {
		live = live && r.Live
		ready = ready && r.Fine
	}
	if health.Live != live || health.Ready != ready {
		w.violated("health %+v, but report %s", health, asJSON(report))
	}

	now, cancel := context.WithCancel(context.Background())
	cancel()
	err := w.pool.WaitReady(now)
	if (err == nil) != ready {
		w.violated("WaitReady says %v, health %+v", err, health)
	}
	for _, r := range report.Workers {
		if report.State == worker.PoolStarted && !r.Fine && r.GaveUp && strings.HasPrefix(err.Error(), context.Canceled.Error()+": not ready: ") {
			w.violated("WaitReady says %v, although %s has given up", err, r.Name)
		}
	}
}

// checkDelay stops the pool, and checks when each worker is told: once the stop's delay is over, and who stops before has ended, or is
// overdue.
func (w *world) checkDelay() {
	at, delay := time.Now(), w.plan.pool.stopDelay
	started := w.pool.State() == worker.PoolStarted
	w.mu.Lock()
	alive := slices.Collect(maps.Values(w.current))
	w.mu.Unlock()
	w.stopForGood()
	synctest.Wait() // for those who note when they were told
	if !started || w.plan.calls() || w.plan.pool.stopTimeout > 0 {
		return
	}

	alive = slices.DeleteFunc(alive, func(a *attempt) bool { return a == nil })
	if !w.plan.pool.punctual() || slices.ContainsFunc(alive, func(a *attempt) bool { return !a.failedAt.IsZero() }) {
		return // when that was told cannot be seen
	}
	for _, a := range alive {
		want := at.Add(delay)
		for _, other := range alive {
			if other.spec.stage < a.spec.stage || slices.Contains(other.spec.dependsOn, a.spec.name) {
				want = later(want, other.released())
			}
		}
		if !a.toldAt.IsZero() && !a.toldAt.Equal(want) {
			w.violated("%s was told to stop after %s, and not after %s", a.spec.name, a.toldAt.Sub(at), want.Sub(at))
		}
	}
}

// released returns when an attempt no longer holds up the stop.
func (a *attempt) released() time.Time {
	if d := a.spec.stopTimeout; d > 0 && !a.toldAt.IsZero() && a.endedAt.Sub(a.toldAt) > d {
		return a.toldAt.Add(d)
	}

	return a.endedAt
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
		if r.Status == worker.Error && strings.Contains(r.LastError, ": dependency ") {
			want = append(want, r.Name+" depends")
		} else if r.Status == worker.Error {
			want = append(want, fmt.Sprintf("%s #%d: %s", r.Name, r.Attempt, r.ExecutionID))
		}
	}

	for _, err := range separate(w.pool.Wait(context.Background())) {
		var failed *worker.WorkerError
		if dependent, ok := err.(*worker.DependencyError); ok {
			got = append(got, dependent.Worker+" depends")
		} else if errors.As(err, &failed) {
			got = append(got, fmt.Sprintf("%s #%d: %s", failed.Worker, failed.Attempt, failed.ExecutionID))
		}
	}
	slices.Sort(want)
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
