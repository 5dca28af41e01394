package worker

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Transition is one change of a worker, as a listener is told of it ([WithGlobalListener]).
type Transition struct {
	Worker      string // its name
	ExecutionID string // of the attempt
	Attempt     int    // 0 before the first
	From, To    WorkerStatus
	Message     string // the text of the event and of the log record
	Err         error  // what the attempt failed with, or ErrHeartbeatMissed; nil for other transitions
	At          time.Time
}

// kind is a row of the transition table.
type kind int

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

// transitions is the table of all that can happen to a worker, and all that can be seen of it: the status after it, the
// text of its event and its log record, with which level, and what it counts. In a text, n/m is the number of the attempt
// and the maximum of attempts, {} what is particular to this one.
var transitions = [...]struct {
	to      WorkerStatus
	text    string
	level   zerolog.Level
	counter counter
}{
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
var restartAfter = map[kind]kind{
	failed:    restartingAfterError,
	panicked:  restartingAfterPanic,
	goexited:  restartingAfterGoexit,
	succeeded: restartingAfterSuccess,
}

// detail is what is particular to one transition.
type detail struct {
	text  string // for the {} of its text
	err   error
	stack string
	delay time.Duration // until the next attempt, for those that wait for it
}

// change is a [Transition] with what the pool itself needs to know of it.
type change struct {
	Transition
	detail
	kind     kind
	failures int
	took     time.Duration // the attempt, if this ends it
}

// record applies one transition: it alone writes the status, the events, the counters and the log of a worker, and calls the
// listener.
func (s *supervisor) record(k kind, d detail) {
	t := &transitions[k]
	c := change{
		Transition: Transition{
			Worker: s.name, ExecutionID: s.id, Attempt: s.attempt, From: s.status, To: t.to,
			Message: s.message(k, d), Err: d.err, At: time.Now(),
		},
		detail: d, kind: k, failures: s.failures,
	}
	if c.To == unchanged {
		c.To = s.status
	}
	if k.endsAttempt() {
		c.took = c.At.Sub(s.startedAt)
	}
	s.status = c.To

	s.execution.apply(c)
	s.series.count(t.counter, c)
	defer s.notify(c.Transition) // even if the log ends the goroutine
	s.log(t.level, c.Message, d)
}

func (s *supervisor) message(k kind, d detail) string {
	text := strings.Replace(transitions[k].text, "n/m", s.ordinal(k), 1)

	return strings.Replace(text, "{}", d.text, 1)
}

func (s *supervisor) notify(t Transition) {
	listener := s.pool.options.GlobalListener
	if listener == nil {
		return
	}

	defer func() {
		if value := recover(); value != nil {
			caught := newPanicError(value)
			s.log(zerolog.ErrorLevel, "worker pool listener panicked: "+fmt.Sprint(value), detail{stack: string(caught.Stack)})
		}
	}()
	listener(t)
}

// log writes one record. A writer or hook that panics loses the record, not the worker.
func (s *supervisor) log(level zerolog.Level, message string, d detail) {
	defer func() { _ = recover() }()

	event := s.logger.WithLevel(level)
	if d.stack != "" {
		event.Str("stack", d.stack)
	} else if d.err != nil {
		event.Str(zerolog.ErrorFieldName, d.text)
	}
	event.Msg(message)
}

// ordinal returns the number of the attempt that a transition is about, of how many.
func (s *supervisor) ordinal(k kind) string {
	n := s.attempt
	if k == waiting {
		n = s.streak + 1
	}

	if s.options.MaxExecutionsAttempts == UnlimitedExecutionsAttempts {
		return strconv.Itoa(n) + "/unlimited"
	}

	return strconv.Itoa(n) + "/" + strconv.Itoa(s.options.MaxExecutionsAttempts)
}
