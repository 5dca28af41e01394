package worker

import (
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// kind is a row of the transition table.
type kind int

const (
	deferring kind = iota
	starting
	succeeded
	failed
	panicked
	goexited
	cancelled
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

// record applies one transition: it alone writes the status, the events, the counters and the log of a worker.
func (s *supervisor) record(k kind, d detail) {
	t := &transitions[k]
	message := strings.Replace(t.text, "n/m", s.ordinal(k), 1)
	message = strings.Replace(message, "{}", d.text, 1)

	s.execution.apply(change{
		kind:        k,
		to:          t.to,
		executionID: s.id,
		attempt:     s.attempt,
		failures:    s.failures,
		message:     message,
		at:          time.Now(),
		detail:      d,
	})
	s.series.executions[t.counter].Add(1)
	s.log(t.level, message, d)
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
