package worker_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
)

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

const (
	outcomes = "succeeded failed panicked goexited cancelled"
	end      = "end returnedLate"
)

// grammar is what may happen to a worker: its event log begins with deferring or starting, each event is followed by one that
// its rule allows, and the last one of a worker that has ended allows the end. Each kind is decided by the one before it, so the
// beginning of a log, and what is left of one whose oldest events were dropped, can be checked as well.
//
// It is written down anew here, from the README, so that the library's own table is not checked against itself.
var grammar = []rule{
	{"deferring", worker.Deferred, "deferring execution attempt for {} seconds", "info", "", "starting stoppedWhileDeferred"},
	{"stoppedWhileDeferred", worker.Stopped, "stopping before first execution attempt", "info", "", end},

	{"starting", worker.Running, "starting execution attempt {}/{}", "info", "started", "heartbeatMissed " + outcomes},
	{"heartbeatMissed", worker.Stuck, "heartbeat missed for {}", "error", "", "heartbeatResumed " + outcomes},
	{"heartbeatResumed", worker.Running, "heartbeat resumed", "info", "", "heartbeatMissed " + outcomes},

	{"succeeded", worker.Success, "stopping execution attempt {}/{} with success", "info", "success", "restartingAfterSuccess exhausted skipped " + end},
	{"failed", worker.Error, "stopping execution attempt {}/{} with error: {}", "error", "error", "restartingAfterError exhausted skipped permanent"},
	{"panicked", worker.Error, "stopping execution attempt {}/{} with recovered panic: {}", "error", "error", "restartingAfterPanic exhausted skipped"},
	{"goexited", worker.Error, "stopping execution attempt {}/{} with runtime.Goexit", "error", "error", "restartingAfterGoexit exhausted skipped"},
	{"cancelled", worker.Stopped, "stopping execution attempt {}/{} on cancellation", "info", "stopped", end},

	{"restartingAfterSuccess", keeps, "restarting after success", "info", "restarted", "waiting starting skippedWhileWaiting"},
	{"restartingAfterError", keeps, "restarting after error", "info", "restarted", "waiting starting skippedWhileWaiting"},
	{"restartingAfterPanic", keeps, "restarting after panic recovery", "info", "restarted", "waiting starting skippedWhileWaiting"},
	{"restartingAfterGoexit", keeps, "restarting after runtime.Goexit", "info", "restarted", "waiting starting skippedWhileWaiting"},
	{"waiting", worker.Waiting, "waiting {} before execution attempt {}/{}", "info", "", "starting skippedWhileWaiting"},
	{"skippedWhileWaiting", worker.Stopped, "skipping restart on cancellation", "info", "", end},

	{"exhausted", keeps, "max execution attempts reached", "info", "", end},
	{"permanent", keeps, "permanent error, not restarting", "info", "", end},
	{"skipped", keeps, "skipping restart on cancellation", "info", "", end},
	{"returnedLate", keeps, "returned {} after its stop had timed out", "warn", "", "end"},
}

// begin precedes the first event of a worker.
var begin = rule{kind: "begin", status: worker.Unknown, next: "deferring starting"}

func (r rule) allows(kind string) bool {
	for next := range strings.FieldsSeq(r.next) {
		if next == kind {
			return true
		}
	}

	return false
}

func (r rule) endsAttempt() bool { return rule{next: outcomes}.allows(r.kind) }
func (r rule) failure() bool     { return r.endsAttempt() && r.status == worker.Error }

// following returns the rule of an event that follows another one, and what stands in the place of each {}.
func (r rule) following(message string) (rule, []string, error) {
	for _, next := range grammar {
		if values, ok := capture(next.text, message); ok && r.allows(next.kind) {
			return next, values, nil
		}
	}

	return rule{}, nil, fmt.Errorf("%q may not follow %s", message, r.kind)
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

// step is one transition with what the model makes of it.
type step struct {
	worker.Transition
	rule   rule
	values []string // in the place of each {} of the rule's text
}

// life is what a listener was told of one execution, from the first transition on, and what follows from it.
type life struct {
	spec  *workerSpec
	steps []step

	report    worker.WorkerReport // as it must be after the last step
	stack     bool                // whether that has a stack
	streak    int                 // attempts that count against the maximum
	permanent bool                // whether the last attempt ended with a permanent error
	waitUntil time.Time           // when the next attempt is due
}

// replay makes the life of a worker of transitions, and checks each against the grammar, the status diagram and the worker's
// options.
func replay(spec *workerSpec, transitions []worker.Transition) (*life, error) {
	l := &life{spec: spec, report: worker.WorkerReport{Name: spec.name, Events: []worker.EventReport{}}}
	l.report.MaxAttempts = spec.maxAttempts()
	l.report.StopPoolOnFailure = spec.stopPool

	for i, t := range transitions {
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
	r, values, err := l.last().following(t.Message)
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
	case t.From != l.report.Status || t.To != want:
		return fmt.Errorf("from %s to %s, want %s to %s", t.From, t.To, l.report.Status, want)
	case (t.Err != nil) != (r.failure() || r.kind == "heartbeatMissed"):
		return fmt.Errorf("error %v", t.Err)
	}

	if err := l.apply(now); err != nil {
		return err
	}
	l.steps = append(l.steps, now)

	return nil
}

// apply is the reference of what a transition does to a worker's report.
func (l *life) apply(now step) error {
	w := &l.report
	if w.Status != now.To {
		w.Since = now.At
	}
	w.Status, w.ExecutionID, w.NextAttemptAt = now.To, now.ExecutionID, time.Time{}
	w.Events = append(w.Events, worker.EventReport{At: now.At, ExecutionID: now.ExecutionID, Message: now.Message})

	switch {
	case now.rule.kind == "deferring":
		l.waitFor(now, seconds(l.spec.deferral()))
	case now.rule.kind == "waiting":
		return l.wait(now)
	case now.rule.kind == "starting":
		return l.start(now)
	case now.rule.endsAttempt():
		l.endAttempt(now)
	case now.rule.kind == "heartbeatMissed":
		l.stack = true
	case now.rule.kind == "returnedLate", now.rule.kind == "heartbeatResumed", now.rule.kind == "skippedWhileWaiting",
		now.rule.kind == "stoppedWhileDeferred":
	default:
		return l.decide(now)
	}

	return l.numbered(now, w.Attempt)
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

func (l *life) start(now step) error {
	switch {
	case now.At.Before(l.waitUntil):
		return fmt.Errorf("started %s early", l.waitUntil.Sub(now.At))
	case l.spec.pool.punctual() && !l.waitUntil.IsZero() && now.At.After(l.waitUntil):
		return fmt.Errorf("started %s late", now.At.Sub(l.waitUntil))
	}

	l.waitUntil = time.Time{}
	l.report.Attempt = l.streak + 1
	l.report.StartedAt, l.report.EndedAt = now.At, time.Time{}

	return l.numbered(now, l.report.Attempt)
}

func (l *life) endAttempt(now step) {
	w := &l.report
	w.EndedAt = now.At
	// The attempt has lasted for as long as Run did; what is slow besides is the pool's.
	if healthy := l.spec.healthy(); healthy > 0 && now.At.Sub(w.StartedAt) >= healthy {
		l.streak, w.ConsecutiveFailures = 0, 0
	}
	l.streak++
	l.permanent = now.rule.kind == "failed" && isPermanent(now.Err)

	switch {
	case now.rule.failure():
		w.ConsecutiveFailures++
		w.LastError = worker.ErrGoexit.Error()
		if len(now.values) == 3 {
			w.LastError = now.values[2]
		}
	case now.rule.kind == "succeeded":
		w.ConsecutiveFailures = 0
	}
	l.stack = l.stack || now.rule.kind == "panicked" || now.rule.kind == "goexited"
}

// decide checks that what follows an attempt is what the options ask for.
func (l *life) decide(now step) error {
	l.report.GaveUp = now.rule.counter == "" && now.rule.kind != "skipped" && now.To == worker.Error

	always := now.rule.kind != "restartingAfterSuccess" && l.last().kind != "succeeded" || l.spec.restartsAlways()
	exhausted := l.streak >= l.report.MaxAttempts && l.report.MaxAttempts != worker.UnlimitedExecutionsAttempts
	switch {
	case !always:
		return fmt.Errorf("with a policy that does not restart after a success")
	case l.permanent != (now.rule.kind == "permanent"):
		return fmt.Errorf("after a permanent error: %v", l.permanent)
	case !l.permanent && exhausted != (now.rule.kind == "exhausted"):
		return fmt.Errorf("after %d attempts of %d", l.streak, l.report.MaxAttempts)
	}

	return l.numbered(now, l.report.Attempt)
}

// wait checks the announced wait against the backoff.
func (l *life) wait(now step) error {
	d, err := time.ParseDuration(now.values[0])
	if err != nil {
		return err
	}
	if least, most := l.spec.backoffBounds(); d < least || d > most {
		return fmt.Errorf("want a wait between %s and %s", least, most)
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

// ended checks that the worker has ended, and properly.
func (l *life) ended() error {
	if last := l.last(); last.kind != "begin" && !last.allows("end") {
		return fmt.Errorf("%s ended with %s", l.spec.name, last.kind)
	}
	if l.last().kind == "succeeded" && l.spec.restartsAlways() {
		return fmt.Errorf("%s ended without a word after a success, although it is always restarted", l.spec.name)
	}

	return nil
}
