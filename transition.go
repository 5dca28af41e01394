package worker

import (
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Transition is one change of a worker, as a listener gets it ([WithGlobalListener]).
type Transition struct {
	Kind        TransitionKind // the row of the transition table
	Level       zerolog.Level  // of its log record
	Worker      string         // its name
	ExecutionID string         // of the attempt, unique
	Attempt     int            // its number, 0 before the first; begins anew at 1 after a healthy attempt ([WithHealthyAfter])
	From, To    WorkerStatus
	Message     string // the text of the event and of the log record
	Err         error  // what the attempt failed with, or why it was cancelled as failed; nil for other transitions
	Stack       string // of a panic, a Goexit or a missed heartbeat; empty for other transitions
	At          time.Time
}

// TransitionKind is a row of the transition table, which README.md shows.
type TransitionKind int

// The kinds of transitions.
const (
	TransitionPending                TransitionKind = iota // waits for the workers that it depends on
	TransitionDependencyFailed                             // one of those can no longer become ready
	TransitionDeferring                                    // waits for its deferred start
	TransitionScheduled                                    // waits for the next due time of its schedule
	TransitionSkippedRuns                                  // due times have passed during a run
	TransitionScheduleEnded                                // the schedule has no more due times
	TransitionScheduleUnused                               // the same, before the first run
	TransitionScheduleFailed                               // the schedule misbehaved
	TransitionStarting                                     // an attempt begins
	TransitionReady                                        // the attempt said that it is ready
	TransitionNotReady                                     // it did not in time
	TransitionHeartbeatMissed                              // it was silent for too long
	TransitionHeartbeatResumed                             // it beats again
	TransitionTimedOut                                     // it has run for too long
	TransitionSucceeded                                    // it returned nil: the first of those that end an attempt
	TransitionFailed                                       // it returned an error
	TransitionPanicked                                     // it panicked
	TransitionGoexited                                     // it called runtime.Goexit
	TransitionCancelled                                    // it was told to stop, and did: the last of those that end an attempt
	TransitionRestartingAfterError                         // another attempt will follow
	TransitionRestartingAfterPanic                         // likewise
	TransitionRestartingAfterGoexit                        // likewise
	TransitionRestartingAfterSuccess                       // likewise
	TransitionExhausted                                    // no attempts are left
	TransitionPermanent                                    // no attempt can help
	TransitionRestartLimited                               // it was restarted too often
	TransitionSkipped                                      // no other attempt follows, because of a stop
	TransitionWaiting                                      // waits before the next attempt
	TransitionSkippedWhileWaiting                          // told to stop meanwhile
	TransitionStoppedWhileDeferred                         // told to stop before the first attempt
	TransitionStoppedWhileScheduled                        // told to stop before the next scheduled run
	TransitionReturnedLate                                 // has ended after a stop had given up waiting
)

// String returns the name of the row in the transition table.
func (k TransitionKind) String() string {
	if k < 0 || int(k) >= len(transitions) {
		return "TransitionKind(" + strconv.Itoa(int(k)) + ")"
	}

	return transitions[k].name
}

func (k TransitionKind) endsAttempt() bool {
	return TransitionSucceeded <= k && k <= TransitionCancelled
}

// unchanged stands for the status that the worker has already.
const unchanged WorkerStatus = -1

// statuses is a set of them.
type statuses uint

func setOf(members ...WorkerStatus) (set statuses) {
	for _, status := range members {
		set |= 1 << status
	}

	return set
}

func (set statuses) has(status WorkerStatus) bool {
	return set&(1<<status) != 0
}

// Where a worker may come from.
var (
	unrun    = setOf(Unknown, Pending, Deferred)
	attempts = setOf(Running, Stuck)
	ended    = setOf(Success, Error)
	failures = setOf(Error)
)

// rule is what can be seen of a transition.
type rule struct {
	name    string
	from    statuses      // the statuses that it may come from
	to      WorkerStatus  // the status after it
	text    string        // of its event and its log record: n/m is the attempt and the maximum, {} what is particular to this one
	level   zerolog.Level // of its log record
	counter counter       // what it counts
}

// transitions is the table of all that can happen to a worker.
var transitions = [...]rule{
	TransitionPending:                {"pending", setOf(Unknown), Pending, "waiting for {} before first execution attempt", zerolog.InfoLevel, countNothing},
	TransitionDependencyFailed:       {"dependencyFailed", setOf(Unknown, Pending), Error, "dependency {} failed", zerolog.ErrorLevel, countNothing},
	TransitionDeferring:              {"deferring", setOf(Unknown, Pending), Deferred, "deferring execution attempt for {} seconds", zerolog.InfoLevel, countNothing},
	TransitionScheduled:              {"scheduled", unrun | ended, Waiting, "waiting until {} for the next scheduled run", zerolog.InfoLevel, countNothing},
	TransitionSkippedRuns:            {"skippedRuns", ended, unchanged, "skipping {} scheduled runs", zerolog.WarnLevel, countNothing},
	TransitionScheduleEnded:          {"scheduleEnded", ended, unchanged, "schedule has ended", zerolog.InfoLevel, countNothing},
	TransitionScheduleUnused:         {"scheduleUnused", unrun, Success, "schedule has ended", zerolog.InfoLevel, countNothing},
	TransitionScheduleFailed:         {"scheduleFailed", unrun | ended, Error, "schedule failed: {}", zerolog.ErrorLevel, countNothing},
	TransitionStarting:               {"starting", unrun | ended | setOf(Waiting), Running, "starting execution attempt n/m", zerolog.InfoLevel, countStarted},
	TransitionReady:                  {"ready", attempts, unchanged, "ready", zerolog.InfoLevel, countNothing},
	TransitionNotReady:               {"notReady", attempts, unchanged, "not ready within {}", zerolog.ErrorLevel, countNothing},
	TransitionHeartbeatMissed:        {"heartbeatMissed", setOf(Running), Stuck, "heartbeat missed for {}", zerolog.ErrorLevel, countNothing},
	TransitionHeartbeatResumed:       {"heartbeatResumed", setOf(Stuck), Running, "heartbeat resumed", zerolog.InfoLevel, countNothing},
	TransitionTimedOut:               {"timedOut", attempts, unchanged, "attempt timed out after {}", zerolog.ErrorLevel, countNothing},
	TransitionSucceeded:              {"succeeded", attempts, Success, "stopping execution attempt n/m with success", zerolog.InfoLevel, countSuccess},
	TransitionFailed:                 {"failed", attempts, Error, "stopping execution attempt n/m with error: {}", zerolog.ErrorLevel, countError},
	TransitionPanicked:               {"panicked", attempts, Error, "stopping execution attempt n/m with recovered panic: {}", zerolog.ErrorLevel, countError},
	TransitionGoexited:               {"goexited", attempts, Error, "stopping execution attempt n/m with runtime.Goexit", zerolog.ErrorLevel, countError},
	TransitionCancelled:              {"cancelled", attempts, Stopped, "stopping execution attempt n/m on cancellation", zerolog.InfoLevel, countStopped},
	TransitionRestartingAfterError:   {"restartingAfterError", failures, unchanged, "restarting after error", zerolog.InfoLevel, countRestarted},
	TransitionRestartingAfterPanic:   {"restartingAfterPanic", failures, unchanged, "restarting after panic recovery", zerolog.InfoLevel, countRestarted},
	TransitionRestartingAfterGoexit:  {"restartingAfterGoexit", failures, unchanged, "restarting after runtime.Goexit", zerolog.InfoLevel, countRestarted},
	TransitionRestartingAfterSuccess: {"restartingAfterSuccess", setOf(Success), unchanged, "restarting after success", zerolog.InfoLevel, countRestarted},
	TransitionExhausted:              {"exhausted", ended, unchanged, "max execution attempts reached", zerolog.InfoLevel, countNothing},
	TransitionPermanent:              {"permanent", failures, unchanged, "permanent error, not restarting", zerolog.InfoLevel, countNothing},
	TransitionRestartLimited:         {"restartLimited", ended, unchanged, "restart limit of {} reached", zerolog.InfoLevel, countNothing},
	TransitionSkipped:                {"skipped", ended, unchanged, "skipping restart on cancellation", zerolog.InfoLevel, countNothing},
	TransitionWaiting:                {"waiting", ended, Waiting, "waiting {} before execution attempt n/m", zerolog.InfoLevel, countNothing},
	TransitionSkippedWhileWaiting:    {"skippedWhileWaiting", ended | setOf(Waiting), Stopped, "skipping restart on cancellation", zerolog.InfoLevel, countNothing},
	TransitionStoppedWhileDeferred:   {"stoppedWhileDeferred", unrun, Stopped, "stopping before first execution attempt", zerolog.InfoLevel, countNothing},
	TransitionStoppedWhileScheduled:  {"stoppedWhileScheduled", setOf(Waiting), Stopped, "stopping before the next scheduled run", zerolog.InfoLevel, countNothing},
	TransitionReturnedLate:           {"returnedLate", ended | setOf(Stopped), unchanged, "returned {} after its stop had timed out", zerolog.WarnLevel, countNothing},
}

// restartAfter is the kind of restart that follows an outcome.
func restartAfter(outcome TransitionKind) TransitionKind {
	switch outcome {
	case TransitionPanicked:
		return TransitionRestartingAfterPanic
	case TransitionGoexited:
		return TransitionRestartingAfterGoexit
	case TransitionSucceeded:
		return TransitionRestartingAfterSuccess
	default:
		return TransitionRestartingAfterError
	}
}

// detail is what is particular to one transition.
type detail struct {
	text    string // for the {} of its text
	err     error
	errText string // of err, if that is not text
	stack   string
	cause   error // why the worker was told to stop
}

// textOfError is the text of err, which is not asked for it again.
func (d *detail) textOfError() string {
	if d.errText != "" {
		return d.errText
	}

	return d.text
}

// plain is the detail of a transition that has none.
var plain = &detail{}

// record applies one transition: it alone writes the status, the events, the counters and the log of a worker, and calls the
// listener. The first one launches the next worker, before user code runs.
func (s *supervisor) record(k TransitionKind, d *detail) {
	from, to := s.status, transitions[k].to
	if to == unchanged {
		to = from
	}
	s.status = to
	at := time.Now()

	changed, becameReady := s.execution.apply(s, k, at, d)
	if changed {
		s.pool.healthChanged()
	}
	if becameReady && s.depended.Load() {
		s.dependencyReady()
	}
	s.plan.series.count(s, k, at)
	s.launchSuccessor()

	if s.generation.logger != nil || s.pool.options.GlobalListener != nil {
		s.tellOf(k, from, at, d)
	}
}

// tellOf logs a transition and tells the listener of it, even if the log ends the goroutine.
func (s *supervisor) tellOf(k TransitionKind, from WorkerStatus, at time.Time, d *detail) {
	message := s.numbered(k).message(d.text)
	if s.pool.options.GlobalListener != nil {
		defer s.notify(k, from, at, message, d)
	}
	s.log(transitions[k].level, message, d)
}

// numbered is a transition with the numbers of its text.
type numbered struct {
	kind TransitionKind
	n, m int // the attempt and the maximum
}

func (s *supervisor) numbered(k TransitionKind) numbered {
	n := s.number
	if k == TransitionWaiting {
		n = s.counts.used + 1
	}

	return numbered{k, n, s.plan.options.MaxExecutionsAttempts}
}

// message fills the text of the rule.
func (e numbered) message(particular string) string {
	text := transitions[e.kind].text
	before, after, hasNumbers := strings.Cut(text, "n/m")
	if !hasNumbers && !strings.Contains(text, "{}") {
		return text
	}

	var buffer [64]byte // for most
	b := appendFilled(buffer[:0], before, particular)
	if hasNumbers {
		b = append(strconv.AppendInt(b, int64(e.n), 10), '/')
		if e.m == UnlimitedExecutionsAttempts {
			b = append(b, "unlimited"...)
		} else {
			b = strconv.AppendInt(b, int64(e.m), 10)
		}
		b = appendFilled(b, after, particular)
	}

	return string(b)
}

func appendFilled(b []byte, text, particular string) []byte {
	before, after, found := strings.Cut(text, "{}")
	b = append(b, before...)
	if found {
		b = append(append(b, particular...), after...)
	}

	return b
}

func (s *supervisor) notify(k TransitionKind, from WorkerStatus, at time.Time, message string, d *detail) {
	defer func() {
		if value := recover(); value != nil {
			caught := newPanicError(value)
			s.log(zerolog.ErrorLevel, "worker pool listener panicked: "+printed(value), &detail{stack: string(caught.Stack)})
		}
	}()

	s.pool.options.GlobalListener(Transition{
		Kind: k, Level: transitions[k].level, Worker: s.plan.name, ExecutionID: s.id, Attempt: s.number,
		From: from, To: s.status, Message: message, Err: d.err, Stack: d.stack, At: at,
	})
}
