package worker_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
)

// The grammar says which transition may follow which. A life is one execution as the reference sees it: add takes the next transition,
// refuses one that the grammar, the plan or the clock do not allow, and keeps what the report must say after it.

// keeps stands for the status that a worker has already.
const keeps worker.WorkerStatus = -1

// rule is a row of the transition table as the model knows it, and what may come next.
type rule struct {
	kind    string
	status  worker.WorkerStatus
	text    string // of the event and the log record, {} for what differs
	level   string
	counter string
	next    string // the kinds that may follow; "end" where the worker may have ended
}

// Kinds that may follow one another in many places.
const (
	outcomes    = " succeeded failed panicked goexited cancelled "
	meanwhile   = " ready notReady timedOut heartbeatMissed heartbeatResumed " + outcomes // in an attempt
	end         = " end returnedLate "
	waitsForRun = " scheduled scheduleFailed "
	nextRun     = waitsForRun + " skippedRuns scheduleEnded skippedWhileWaiting "
	first       = waitsForRun + " starting scheduleUnused stoppedWhileDeferred " // attempts, or the wait for them
	another     = " waiting starting skippedWhileWaiting "
	decisions   = " exhausted skipped restartLimited "
)

// grammar is what may happen to a worker: each event is followed by one that its rule allows, and the last one of a worker that has
// ended allows the end. Each kind is decided by the one before it, so the beginning of a log, and what is left of one whose oldest
// events were dropped, can be checked as well.
//
// It is written down anew here, from the README, so that the library's own table is not checked against itself.
var grammar = []rule{
	{"pending", worker.Pending, "waiting for {} before first execution attempt", "info", "", "dependencyFailed deferring" + first},
	{"dependencyFailed", worker.Error, "dependency {} failed", "error", "", end},
	{"deferring", worker.Deferred, "deferring execution attempt for {} seconds", "info", "", first},
	{"stoppedWhileDeferred", worker.Stopped, "stopping before first execution attempt", "info", "", end},

	{"scheduled", worker.Waiting, "waiting until {} for the next scheduled run", "info", "", "starting stoppedWhileScheduled"},
	{"stoppedWhileScheduled", worker.Stopped, "stopping before the next scheduled run", "info", "", end},
	{"skippedRuns", keeps, "skipping {} scheduled runs", "warn", "", "scheduled"},
	{"scheduleEnded", keeps, "schedule has ended", "info", "", end},
	{"scheduleUnused", worker.Success, "schedule has ended", "info", "", end},
	{"scheduleFailed", worker.Error, "schedule failed: {}", "error", "", end},

	{"starting", worker.Running, "starting execution attempt {}/{}", "info", "started", meanwhile},
	{"ready", keeps, "ready", "info", "", meanwhile},
	{"notReady", keeps, "not ready within {}", "error", "", meanwhile},
	{"timedOut", keeps, "attempt timed out after {}", "error", "", meanwhile},
	{"heartbeatMissed", worker.Stuck, "heartbeat missed for {}", "error", "", meanwhile},
	{"heartbeatResumed", worker.Running, "heartbeat resumed", "info", "", meanwhile},

	{"succeeded", worker.Success, "stopping execution attempt {}/{} with success", "info", "success", "restartingAfterSuccess" + decisions + nextRun + end},
	{"failed", worker.Error, "stopping execution attempt {}/{} with error: {}", "error", "error", "restartingAfterError permanent" + decisions},
	{"panicked", worker.Error, "stopping execution attempt {}/{} with recovered panic: {}", "error", "error", "restartingAfterPanic" + decisions},
	{"goexited", worker.Error, "stopping execution attempt {}/{} with runtime.Goexit", "error", "error", "restartingAfterGoexit" + decisions},
	{"cancelled", worker.Stopped, "stopping execution attempt {}/{} on cancellation", "info", "stopped", end},

	{"restartingAfterSuccess", keeps, "restarting after success", "info", "restarted", another},
	{"restartingAfterError", keeps, "restarting after error", "info", "restarted", another},
	{"restartingAfterPanic", keeps, "restarting after panic recovery", "info", "restarted", another},
	{"restartingAfterGoexit", keeps, "restarting after runtime.Goexit", "info", "restarted", another},
	{"waiting", worker.Waiting, "waiting {} before execution attempt {}/{}", "info", "", "starting skippedWhileWaiting"},
	{"skippedWhileWaiting", worker.Stopped, "skipping restart on cancellation", "info", "", end},

	{"exhausted", keeps, "max execution attempts reached", "info", "", nextRun + end},
	{"restartLimited", keeps, "restart limit of {} within {} reached", "info", "", nextRun + end},
	{"permanent", keeps, "permanent error, not restarting", "info", "", end},
	{"skipped", keeps, "skipping restart on cancellation", "info", "", end},
	{"returnedLate", keeps, "returned {} after its stop had timed out", "warn", "", "end"},
}

// begin precedes the first event of a worker.
var begin = rule{kind: "begin", status: worker.Unknown, next: "pending dependencyFailed deferring" + first}

func (r rule) allows(kind string) bool {
	return strings.Contains(" "+r.next+" ", " "+kind+" ")
}

func (r rule) endsAttempt() bool { return strings.Contains(outcomes, " "+r.kind+" ") }
func (r rule) failure() bool     { return r.endsAttempt() && r.status == worker.Error }

// hasError returns whether a transition of this kind tells an error.
func (r rule) hasError() bool {
	return r.failure() || rule{next: "heartbeatMissed notReady timedOut dependencyFailed scheduleFailed"}.allows(r.kind)
}

// hasStack returns whether one tells a stack.
func (r rule) hasStack() bool {
	return rule{next: "panicked goexited heartbeatMissed"}.allows(r.kind)
}

// following returns the rule of a transition that follows another one, and what stands in the place of each {}.
func (r rule) following(t worker.Transition) (rule, []string, error) {
	for _, next := range grammar {
		if values, ok := capture(next.text, t.Message); ok && next.kind == t.Kind.String() && r.allows(next.kind) {
			return next, values, nil
		}
	}

	return rule{}, nil, fmt.Errorf("%s %q may not follow %s", t.Kind, t.Message, r.kind)
}

// mayEndWith returns whether a worker may have ended with this event.
func mayEndWith(message string) bool {
	for _, r := range grammar {
		if _, ok := capture(r.text, message); ok && r.allows("end") {
			return true
		}
	}

	return false
}

// capture returns what stands in the place of each {} of a pattern, if the text matches it.
func capture(pattern, text string) (values []string, ok bool) {
	literals := strings.Split(pattern, "{}")
	if text, ok = strings.CutPrefix(text, literals[0]); !ok {
		return nil, false
	}

	for i, literal := range literals[1:] {
		at := strings.Index(text, literal)
		if literal == "" && i == len(literals)-2 {
			at = len(text)
		}
		if at < 0 {
			return nil, false
		}
		values = append(values, text[:at])
		text = text[at+len(literal):]
	}

	return values, text == ""
}

// cutText is a text as an execution keeps it: 4 KiB of it.
func cutText(text string) string {
	if len(text) <= 4096 {
		return text
	}
	text = text[:4096-len("…")]
	for text != strings.ToValidUTF8(text, "") {
		text = text[:len(text)-1]
	}

	return text + "…"
}

// step is one transition with what the model makes of it.
type step struct {
	worker.Transition
	rule   rule
	values []string // in the place of each {} of the rule's text
}

// life is what a listener was told of one execution, from the first transition on, and what follows from it.
type life struct {
	world   *world
	spec    *workerSpec
	steps   []step
	reports []worker.WorkerReport // as it must be after each step, but for its events
	coming  []worker.Transition   // those after the current one

	report     worker.WorkerReport // as it must be after the last step
	stack      bool                // whether that has a stack
	streak     int                 // attempts that count against the maximum
	row        int                 // failures in a row, as a backoff is asked with
	permanent  bool                // whether the last attempt ended with a permanent error
	waitUntil  time.Time           // when the next attempt is due
	seen       []string            // the kinds of the transitions of the current attempt
	restarts   []time.Time         // that count against the restart limit
	due        time.Time           // of the last scheduled run
	runBegins  bool                // whether the next attempt is the first of a run
	skipped    string              // what the last step said of due times
	succeeded  bool                // whether it has, as far as it is ready then
	unknownRow bool                // whether the last attempt was healthy cannot be told
	unknown    bool                // and so neither can the number of failures in a row
}

// replay makes the life of a worker of transitions, and checks each against the grammar, the status diagram and the worker's
// options.
func (w *world) replay(spec *workerSpec, transitions []worker.Transition) (*life, error) {
	l := &life{world: w, spec: spec, report: worker.WorkerReport{Name: spec.name}}
	l.report.MaxAttempts = spec.maxAttempts()
	l.report.StopPoolOnFailure, l.report.Optional = spec.stopPool, spec.optional
	l.report.DependsOn = spec.dependsOn
	l.report.Heartbeat = spec.heartbeat.Seconds()
	l.report.Scheduled = spec.schedule != nil

	for i, t := range transitions {
		l.coming = transitions[i+1:]
		if err := l.add(t); err != nil {
			return l, fmt.Errorf("transition %d of %s, %+v: %w", i+1, spec.name, t, err)
		}
	}

	return l, nil
}

func (l *life) last() rule {
	if len(l.steps) == 0 {
		return begin
	}

	return l.steps[len(l.steps)-1].rule
}

func (l *life) add(t worker.Transition) error {
	r, values, err := l.last().following(t)
	if err != nil {
		return err
	}
	now := step{t, r, values}

	want := r.status
	if want == keeps {
		want = l.report.Status
	}
	switch {
	case t.Worker != l.spec.name:
		return fmt.Errorf("of another worker")
	case t.Level.String() != r.level:
		return fmt.Errorf("level %s", t.Level)
	case t.From != l.report.Status || t.To != want:
		return fmt.Errorf("from %s to %s, want %s to %s", t.From, t.To, l.report.Status, want)
	case (t.Err != nil) != r.hasError():
		return fmt.Errorf("error %v", t.Err)
	}

	if err := l.apply(now); err != nil {
		return err
	}
	l.steps = append(l.steps, now)
	snapshot := l.report
	snapshot.Runs = slices.Clone(l.report.Runs)
	if l.unknown {
		snapshot.ConsecutiveFailures = -1
	}
	if !l.stack {
		snapshot.LastStack = "none"
	}
	snapshot.Ready = l.ready()
	l.reports = append(l.reports, snapshot)

	return nil
}

// apply is the reference of what a transition does to a worker's report.
func (l *life) apply(now step) error {
	w := &l.report
	if w.Status != now.To {
		w.Since = now.At
	}
	w.Status, w.ExecutionID, w.NextAttemptAt = now.To, now.ExecutionID, time.Time{}
	skipped := l.skipped
	l.skipped = ""
	if now.rule.hasError() && now.To == worker.Error {
		w.LastError, w.LastErrorAt = l.errorText(now), now.At
	}

	switch now.rule.kind {
	case "deferring":
		l.waitFor(now, seconds(l.spec.deferral()))
	case "waiting":
		return l.wait(now)
	case "scheduled":
		return l.schedule(now, skipped)
	case "skippedRuns":
		l.skipped = now.values[0]
	case "starting":
		return l.start(now)
	case "ready", "notReady", "timedOut", "heartbeatMissed", "heartbeatResumed":
		return l.meanwhile(now)
	case "succeeded", "failed", "panicked", "goexited", "cancelled":
		l.endAttempt(now)
	case "pending":
		return l.pend(now)
	case "dependencyFailed":
		return l.failDependency(now)
	case "scheduleUnused":
		l.succeeded = true
	case "scheduleFailed":
		w.GaveUp = true
	case "scheduleEnded":
		w.GaveUp = now.To == worker.Error
	case "returnedLate", "skippedWhileWaiting", "stoppedWhileDeferred", "stoppedWhileScheduled":
	default:
		return l.decide(now)
	}

	return l.numbered(now, w.Attempt)
}

func (l *life) errorText(now step) string {
	switch now.rule.kind {
	case "dependencyFailed", "scheduleFailed":
		return cutText(now.Err.Error())
	case "goexited":
		return worker.ErrGoexit.Error()
	default:
		return cutText(now.values[2])
	}
}

// numbered checks the number of the attempt, and the maximum where the text has it.
func (l *life) numbered(now step, attempt int) error {
	if now.Attempt != l.report.Attempt {
		return fmt.Errorf("attempt %d, want %d", now.Attempt, l.report.Attempt)
	}

	most := strconv.Itoa(l.report.MaxAttempts)
	if l.report.MaxAttempts == worker.UnlimitedExecutionsAttempts {
		most = "unlimited"
	}
	if want := fmt.Sprintf("execution attempt %d/%s", attempt, most); strings.Contains(now.rule.text, "{}/{}") && !strings.Contains(now.Message, want) {
		return fmt.Errorf("want %s", want)
	}

	return nil
}

// pend checks what a worker is said to wait for.
func (l *life) pend(now step) error {
	for name := range strings.SplitSeq(now.values[0], ", ") {
		if !slices.Contains(l.spec.dependsOn, name) {
			return fmt.Errorf("it does not depend on %q", name)
		}
	}

	return l.numbered(now, 0)
}

func (l *life) failDependency(now step) error {
	l.report.GaveUp = true

	var failed *worker.DependencyError
	if !errors.As(now.Err, &failed) || failed.Worker != l.spec.name || failed.Dependency != now.values[0] || failed.Err == nil {
		return fmt.Errorf("error %#v", now.Err)
	}
	if !slices.Contains(l.spec.dependsOn, failed.Dependency) {
		return fmt.Errorf("it does not depend on %q", failed.Dependency)
	}

	return l.numbered(now, 0)
}

func (l *life) start(now step) error {
	if err := l.isDue(now); err != nil {
		return err
	}

	w := &l.report
	l.waitUntil, l.seen = time.Time{}, nil
	w.Attempt = l.streak + 1
	w.StartedAt, w.EndedAt = now.At, time.Time{}
	if l.spec.schedule != nil {
		if l.runBegins || len(w.Runs) == 0 {
			w.Runs = append(w.Runs, worker.RunReport{StartedAt: now.At})
			w.Runs = w.Runs[max(len(w.Runs)-20, 0):]
			l.runBegins = false
		}
		run := &w.Runs[len(w.Runs)-1]
		run.ExecutionID, run.EndedAt, run.Status = now.ExecutionID, time.Time{}, worker.Running
	}

	return l.numbered(now, w.Attempt)
}

func (l *life) isDue(now step) error {
	switch {
	case now.At.Before(l.waitUntil):
		return fmt.Errorf("%s early", l.waitUntil.Sub(now.At))
	case l.spec.punctual() && !l.waitUntil.IsZero() && now.At.After(l.waitUntil):
		return fmt.Errorf("%s late", now.At.Sub(l.waitUntil))
	}

	return nil
}

// meanwhile checks what is told of an attempt that is going on: most of it once.
func (l *life) meanwhile(now step) error {
	kind := now.rule.kind
	lasted := now.At.Sub(l.report.StartedAt)
	punctual := l.spec.punctual()
	limit := map[string]time.Duration{"notReady": l.spec.within(), "timedOut": l.spec.timeout(), "heartbeatMissed": l.spec.heartbeat}[kind]
	switch {
	case kind == "heartbeatResumed" && now.From != worker.Stuck, kind == "heartbeatMissed" && now.From == worker.Stuck:
		return fmt.Errorf("while it was %s", now.From)
	case !strings.HasPrefix(kind, "heartbeat") && slices.Contains(l.seen, kind):
		return fmt.Errorf("told twice")
	case kind == "ready" && (l.spec.readiness == nil || slices.Contains(l.seen, "notReady")), kind == "notReady" && slices.Contains(l.seen, "ready"):
		return fmt.Errorf("readiness told otherwise")
	case !strings.HasPrefix(kind, "ready") && kind != "heartbeatResumed" && (limit <= 0 || lasted < limit || now.values[0] != limit.String()):
		return fmt.Errorf("after %s, want %s", lasted, limit)
	case punctual && (kind == "notReady" || kind == "timedOut") && lasted != limit:
		return fmt.Errorf("after %s, want %s", lasted, limit)
	}
	l.seen = append(l.seen, kind)
	l.stack = l.stack || now.Stack != ""

	return l.numbered(now, l.report.Attempt)
}

func (l *life) endAttempt(now step) {
	w := &l.report
	w.EndedAt = now.At
	if l.wasHealthy(now) {
		l.streak, l.row, w.ConsecutiveFailures, l.unknown = 0, 0, 0, false
	}
	l.unknown = l.unknown || l.unknownRow
	l.streak++
	l.permanent = now.rule.kind == "failed" && isPermanent(now.Err)

	switch {
	case now.rule.failure():
		l.row++
		w.ConsecutiveFailures++
		l.succeeded = false
	case now.rule.kind == "succeeded":
		l.row, w.ConsecutiveFailures = 0, 0
		l.unknown = false
		l.succeeded = true
		w.LastSuccessAt = now.At
	}
	if n := len(w.Runs); n > 0 {
		w.Runs[n-1].ExecutionID, w.Runs[n-1].EndedAt, w.Runs[n-1].Status = now.ExecutionID, now.At, now.To
	}
	l.stack = l.stack || now.rule.hasStack()
}

// wasHealthy returns whether an attempt has lasted for long enough. With a heartbeat it takes the pool's word for it, where the number of
// the next attempt tells, unless the attempt was silent from its begin on.
func (l *life) wasHealthy(now step) bool {
	l.unknownRow = false
	healthy := l.spec.healthy()
	a := l.world.attemptOf(now.ExecutionID)
	if healthy <= 0 || a == nil || a.spoiled {
		return false
	}
	if l.spec.heartbeat <= 0 {
		return a.endedAt.Sub(a.started) >= healthy
	}
	if a.silent || now.At.Sub(a.started) < healthy {
		return false
	}
	if l.streak == 0 { // the next is the second in any case
		l.unknown = l.unknown || l.report.ConsecutiveFailures > 0
		return false
	}

	for _, t := range l.coming {
		for _, text := range []string{"starting execution attempt {}/{}", "waiting {} before execution attempt {}/{}"} {
			if values, ok := capture(text, t.Message); ok {
				return values[len(values)-2] == "2"
			}
		}
		if strings.HasPrefix(t.Message, "waiting until") {
			break // a run of its own, whose attempts are counted anew
		}
	}
	l.unknownRow = true

	return false
}

// decide checks that what follows an attempt is what the options ask for.
func (l *life) decide(now step) error {
	kind := now.rule.kind
	final := l.spec.schedule == nil || l.spec.stopPool || kind == "permanent"
	l.report.GaveUp = now.rule.counter == "" && kind != "skipped" && now.To == worker.Error && final

	always := kind != "restartingAfterSuccess" && l.last().kind != "succeeded" || l.spec.restartsAlways()
	exhausted := l.streak >= l.report.MaxAttempts && l.report.MaxAttempts != worker.UnlimitedExecutionsAttempts
	switch {
	case !always:
		return fmt.Errorf("with a policy that does not restart after a success")
	case l.permanent != (kind == "permanent"):
		return fmt.Errorf("after a permanent error: %v", l.permanent)
	case !l.permanent && !l.unknownRow && exhausted != (kind == "exhausted"):
		return fmt.Errorf("after %d attempts of %d", l.streak, l.report.MaxAttempts)
	}
	if now.rule.counter == "restarted" || kind == "restartLimited" {
		if err := l.countRestart(now); err != nil {
			return err
		}
	}

	return l.numbered(now, l.report.Attempt)
}

// countRestart checks that there are no more restarts than the limit allows, and that it is no stricter than that.
func (l *life) countRestart(now step) error {
	n, within := l.spec.restartLimit()
	before := 0
	for _, at := range l.restarts {
		if now.At.Sub(at) < within {
			before++
		}
	}
	switch limited := now.rule.kind == "restartLimited"; {
	case limited != (n >= 1 && before+1 > n):
		return fmt.Errorf("after %d restarts within %s, with a limit of %d", before, within, n)
	case limited && (now.values[0] != strconv.Itoa(n) || now.values[1] != within.String()):
		return fmt.Errorf("want a limit of %d within %s", n, within)
	case !limited:
		l.restarts = append(l.restarts, now.At)
	}

	return nil
}

// wait checks the announced wait against the backoff.
func (l *life) wait(now step) error {
	d, err := time.ParseDuration(now.values[0])
	if err != nil {
		return err
	}
	if least, most := l.spec.backoffBounds(l.row); !l.unknownRow && (d < least || d > most) {
		return fmt.Errorf("want a wait between %s and %s after %d failures", least, most, l.row)
	}
	l.waitFor(now, d)

	return l.numbered(now, l.streak+1)
}

func (l *life) waitFor(now step, d time.Duration) {
	if d == forever {
		return
	}
	l.waitUntil = now.At.Add(d)
	l.report.NextAttemptAt = l.waitUntil
}

// schedule checks when the next run is said to be due.
func (l *life) schedule(now step, skipped string) error {
	due, err := time.Parse(time.RFC3339Nano, now.values[0])
	switch {
	case err != nil:
		return err
	case l.spec.schedule == nil:
		return fmt.Errorf("without a schedule")
	case len(l.steps) > 0 && l.last().kind == "deferring":
		if err := l.isDue(now); err != nil {
			return err
		}
	}

	if want, skips := l.spec.schedule.due(l.due, now.At); l.spec.punctual() && (!due.Equal(want) || skips != skipped) {
		return fmt.Errorf("want %s, and %q skipped", want, skips)
	}
	l.due, l.waitUntil, l.report.NextAttemptAt = due, due, due
	if due.Before(now.At) {
		l.waitUntil = now.At
	}
	l.streak, l.row, l.runBegins, l.report.GaveUp = 0, 0, true, false

	return l.numbered(now, l.report.Attempt)
}

// ready is the reference of whether a worker is ready, as long as it is not told to stop.
func (l *life) ready() bool {
	switch status := l.report.Status; {
	case status == worker.Success:
		return l.succeeded
	case l.spec.readyOnSuccess:
		return l.succeeded && (status == worker.Running || status == worker.Waiting)
	case l.spec.readiness != nil:
		return status == worker.Running && slices.Contains(l.seen, "ready")
	default:
		return status == worker.Running
	}
}

// ended checks that the worker has ended, and properly.
func (l *life) ended() error {
	last := l.last()
	switch {
	case last.kind != "begin" && !last.allows("end"):
		return fmt.Errorf("%s ended with %s", l.spec.name, last.kind)
	case last.kind == "succeeded" && l.spec.restartsAlways():
		return fmt.Errorf("%s ended without a word after a success, although it is always restarted", l.spec.name)
	}

	return nil
}
