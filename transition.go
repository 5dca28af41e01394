package worker

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Transition is one change of a worker, as a listener gets it ([WithGlobalListener]).
//
// The stack of a panic is in Err, a [*PanicError]; that of a Goexit or a missed heartbeat is in the log and in the LastStack of the
// worker's report.
type Transition struct {
	Worker      string // its name
	ExecutionID string // of the attempt, unique
	Attempt     int    // its number, 0 before the first; begins anew at 1 after a healthy attempt ([WithHealthyAfter])
	From, To    WorkerStatus
	Message     string // the text of the event and of the log record
	Err         error  // what the attempt failed with, or ErrHeartbeatMissed; nil for other transitions
	At          time.Time
}

// kind is a row of the transition table.
type kind int8

const (
	deferring kind = iota
	starting
	succeeded // the first of those that end an attempt
	failed
	panicked
	goexited
	cancelled // the last of those
	restartingAfterError
	restartingAfterPanic
	restartingAfterGoexit
	restartingAfterSuccess
	exhausted
	permanent
	skipped
	waiting
	skippedWhileWaiting
	stoppedWhileDeferred
	heartbeatMissed
	heartbeatResumed
	returnedLate
)

func (k kind) endsAttempt() bool {
	return succeeded <= k && k <= cancelled
}

// unchanged stands for the status that the worker has already.
const unchanged WorkerStatus = -1

// rule is what can be seen of a transition.
type rule struct {
	to      WorkerStatus  // the status after it
	text    string        // of its event and its log record: n/m is the attempt and the maximum, {} what is particular to this one
	level   zerolog.Level // of its log record
	counter counter       // what it counts
}

// transitions is the table of all that can happen to a worker.
var transitions = [...]rule{
	deferring:              {Deferred, "deferring execution attempt for {} seconds", zerolog.InfoLevel, countNothing},
	starting:               {Running, "starting execution attempt n/m", zerolog.InfoLevel, countStarted},
	succeeded:              {Success, "stopping execution attempt n/m with success", zerolog.InfoLevel, countSuccess},
	failed:                 {Error, "stopping execution attempt n/m with error: {}", zerolog.ErrorLevel, countError},
	panicked:               {Error, "stopping execution attempt n/m with recovered panic: {}", zerolog.ErrorLevel, countError},
	goexited:               {Error, "stopping execution attempt n/m with runtime.Goexit", zerolog.ErrorLevel, countError},
	cancelled:              {Stopped, "stopping execution attempt n/m on cancellation", zerolog.InfoLevel, countStopped},
	restartingAfterError:   {unchanged, "restarting after error", zerolog.InfoLevel, countRestarted},
	restartingAfterPanic:   {unchanged, "restarting after panic recovery", zerolog.InfoLevel, countRestarted},
	restartingAfterGoexit:  {unchanged, "restarting after runtime.Goexit", zerolog.InfoLevel, countRestarted},
	restartingAfterSuccess: {unchanged, "restarting after success", zerolog.InfoLevel, countRestarted},
	exhausted:              {unchanged, "max execution attempts reached", zerolog.InfoLevel, countNothing},
	permanent:              {unchanged, "permanent error, not restarting", zerolog.InfoLevel, countNothing},
	skipped:                {unchanged, "skipping restart on cancellation", zerolog.InfoLevel, countNothing},
	waiting:                {Waiting, "waiting {} before execution attempt n/m", zerolog.InfoLevel, countNothing},
	skippedWhileWaiting:    {Stopped, "skipping restart on cancellation", zerolog.InfoLevel, countNothing},
	stoppedWhileDeferred:   {Stopped, "stopping before first execution attempt", zerolog.InfoLevel, countNothing},
	heartbeatMissed:        {Stuck, "heartbeat missed for {}", zerolog.ErrorLevel, countNothing},
	heartbeatResumed:       {Running, "heartbeat resumed", zerolog.InfoLevel, countNothing},
	returnedLate:           {unchanged, "returned {} after its stop had timed out", zerolog.WarnLevel, countNothing},
}

// restartAfter is the kind of restart that follows an outcome.
func restartAfter(outcome kind) kind {
	switch outcome {
	case panicked:
		return restartingAfterPanic
	case goexited:
		return restartingAfterGoexit
	case succeeded:
		return restartingAfterSuccess
	default:
		return restartingAfterError
	}
}

// detail is what is particular to one transition.
type detail struct {
	text  string // for the {} of its text
	err   error
	stack string
	delay time.Duration // until the next attempt, for those that wait for it
}

// record applies one transition: it alone writes the status, the events, the counters and the log of a worker, and calls the
// listener. The first one launches the next worker, before user code runs.
func (s *supervisor) record(k kind, d *detail) {
	from, to := s.status, transitions[k].to
	if to == unchanged {
		to = from
	}
	s.status = to

	message := s.message(k, d.text)
	at := time.Now()
	s.execution.apply(s, k, message, at, d)
	s.series.count(s, k, at)
	s.launchSuccessor()

	if s.logger != nil || s.pool.options.GlobalListener != nil {
		s.tell(k, from, message, at, d)
	}
}

// tell logs a transition and tells the listener of it, even if the log ends the goroutine.
func (s *supervisor) tell(k kind, from WorkerStatus, message string, at time.Time, d *detail) {
	if s.pool.options.GlobalListener != nil {
		defer s.notify(Transition{
			Worker: s.name, ExecutionID: s.id, Attempt: s.attempt, From: from, To: s.status, Message: message, Err: d.err, At: at,
		})
	}
	s.log(transitions[k].level, message, d)
}

// message is the text of a transition of this worker.
func (s *supervisor) message(k kind, particular string) string {
	n := s.attempt
	if k == waiting {
		n = s.streak + 1
	}
	if k == starting && n == 1 {
		return s.firstStart
	}

	return transitions[k].message(n, s.options.MaxExecutionsAttempts, particular)
}

// message fills the text of a rule, for attempt n of m.
func (r *rule) message(n, m int, particular string) string {
	if !strings.Contains(r.text, "n/m") && !strings.Contains(r.text, "{}") {
		return r.text
	}

	var buffer [64]byte // for most
	b := buffer[:0]

	for text := r.text; text != ""; {
		switch {
		case strings.HasPrefix(text, "n/m"):
			b = append(strconv.AppendInt(b, int64(n), 10), '/')
			if m == UnlimitedExecutionsAttempts {
				b = append(b, "unlimited"...)
			} else {
				b = strconv.AppendInt(b, int64(m), 10)
			}
			text = text[len("n/m"):]
		case strings.HasPrefix(text, "{}"):
			b = append(b, particular...)
			text = text[len("{}"):]
		default:
			b = append(b, text[0])
			text = text[1:]
		}
	}

	return string(b)
}

func (s *supervisor) notify(t Transition) {
	defer func() {
		if value := recover(); value != nil {
			caught := newPanicError(value)
			s.log(zerolog.ErrorLevel, "worker pool listener panicked: "+fmt.Sprint(value), &detail{stack: string(caught.Stack)})
		}
	}()

	s.pool.options.GlobalListener(t)
}

// log writes one record. A writer or hook that panics loses the record, not the worker.
func (s *supervisor) log(level zerolog.Level, message string, d *detail) {
	if s.logger == nil {
		return
	}
	defer func() { _ = recover() }()

	event := s.logger.WithLevel(level)
	if d.stack != "" { // the message has the error then
		event.Str("stack", d.stack)
	} else if d.err != nil {
		event.Str(zerolog.ErrorFieldName, d.text)
	}
	event.Msg(message)
}
