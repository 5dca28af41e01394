package worker

import (
	"fmt"
	"strconv"
	"time"
)

// Schedule says when a worker is run ([WithSchedule]). The parsers of cron expressions, robfig/cron's among them, return such values.
//
// Next returns the first due time after the given one, in whatever location; the zero time means that there is none any more. It is
// asked on the worker's goroutine, so one that blocks holds up its own worker. One that panics, ends its goroutine, or returns a time
// that is not after the given one ends the worker in [Error], as if it had given up.
type Schedule interface {
	// Next returns the first due time after the given one, or the zero time if there is none any more.
	Next(after time.Time) time.Time
}

// Every returns a [Schedule] of an interval, counted from the start of the worker: from the end of its deferral and of the wait for its
// dependencies. 0 or less is an error of [WorkerPoolFactory.Create] and [WorkerPool.Start].
func Every(d time.Duration) Schedule {
	return every(d)
}

type every time.Duration

func (d every) Next(after time.Time) time.Time {
	return after.Add(time.Duration(d))
}

// maxSkipped is how many due times that have passed are counted one by one.
const maxSkipped = 1000

// endRun ends a run of the worker. One with a schedule is run again, unless it was stopped or has given up for good.
func (s *supervisor) endRun() {
	s.next = (*supervisor).finish
	if s.plan.options.Schedule != nil && !s.gaveUp && s.mayBegin() {
		s.next = (*supervisor).schedule
	}
}

// schedule asks when the next run is due, for a worker that has a schedule.
func (s *supervisor) schedule() {
	s.next = (*supervisor).begin
	switch {
	case s.plan.options.Schedule == nil:
		return
	case !s.mayBegin():
		if s.number > 0 {
			s.next = (*supervisor).finish // with the outcome of its last run
		}
		return
	}

	s.launchSuccessor()                                        // which must not wait for user code
	s.next = func(s *supervisor) { s.failSchedule(ErrGoexit) } // should it end the goroutine
	due, skipped, err := s.nextRun()
	s.scheduled, s.due = due, due
	s.counts.used, s.counts.row = 0, 0

	switch {
	case err != nil:
		s.failSchedule(err)
	case due.IsZero():
		s.endSchedule()
	default:
		s.next = (*supervisor).announceRun
		s.skip(skipped)
	}
}

func (s *supervisor) announceRun() {
	s.next = (*supervisor).sleepScheduled
	s.newRun = true
	s.record(TransitionScheduled, &detail{text: s.due.Format(time.RFC3339Nano)})
}

func (s *supervisor) sleepScheduled() {
	s.next = (*supervisor).renew
	if !s.sleep(s.due, lookAgain) {
		s.endBefore(TransitionStoppedWhileScheduled)
	}
}

// nextRun returns the first due time that has not passed, and how many have. It has no monotonic clock, so that waits follow the one
// on the wall.
func (s *supervisor) nextRun() (due time.Time, skipped int, err error) {
	now := time.Now().Round(0)
	due = s.scheduled
	if due.IsZero() {
		due, err = s.askSchedule(now)
		return due, 0, err
	}

	for due, err = s.askSchedule(due); err == nil && !due.IsZero() && due.Before(now); due, err = s.askSchedule(due) {
		if skipped++; skipped > maxSkipped {
			due = s.lastBefore(now, due)
		}
	}

	return due, skipped, err
}

// lastBefore returns from when on to ask for what is due now or later, instead of after due. An interval keeps its beat.
func (s *supervisor) lastBefore(now, due time.Time) time.Time {
	now = now.Add(-1)
	if d, ok := s.plan.options.Schedule.(every); ok {
		return due.Add(now.Sub(due).Truncate(time.Duration(d)))
	}

	return now
}

func (s *supervisor) askSchedule(after time.Time) (due time.Time, err error) {
	if err = guard(func() { due = s.plan.options.Schedule.Next(after) }); err != nil {
		return time.Time{}, err
	}
	due = tellable(due.Round(0))
	if !due.IsZero() && !due.After(after) {
		return due, fmt.Errorf("next due time %s is not after %s", due.Format(time.RFC3339Nano), after.Format(time.RFC3339Nano))
	}

	return due, nil
}

// tellable returns a time as reports can tell it: RFC 3339 ends with the year 9999, and has no zones of more than a day, nor of seconds.
func tellable(due time.Time) time.Time {
	_, offset := due.Zone()
	if _, err := due.MarshalText(); err == nil && offset%60 == 0 {
		return due
	}
	due = due.UTC()
	if last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC); due.After(last) {
		return last
	}

	return due
}

// skip tells of due times that have passed.
func (s *supervisor) skip(n int) {
	switch {
	case n > maxSkipped:
		s.record(TransitionSkippedRuns, &detail{text: "more than " + strconv.Itoa(maxSkipped)})
	case n > 0:
		s.record(TransitionSkippedRuns, &detail{text: strconv.Itoa(n)})
	}
}

// endSchedule ends a worker that has no more due times, with its last outcome.
func (s *supervisor) endSchedule() {
	s.next = (*supervisor).finish
	if s.number == 0 {
		s.record(TransitionScheduleUnused, plain)
		return
	}
	s.giveUp()
	s.record(TransitionScheduleEnded, plain)
}

// failSchedule ends a worker whose schedule misbehaves.
func (s *supervisor) failSchedule(err error) {
	s.next = func(s *supervisor) { s.failSchedule(ErrGoexit) } // should the text of a panic's value end the goroutine
	text := textOf(err)
	err = fmt.Errorf("schedule %T: %w", s.plan.options.Schedule, err)
	errText := textOf(err)

	s.next = (*supervisor).finish
	s.failure = &WorkerError{Worker: s.plan.name, ExecutionID: s.id, Attempt: s.number, Err: err}
	s.gaveUp = s.mayBegin()
	s.record(TransitionScheduleFailed, &detail{text: text, err: err, errText: errText})
}

// lookAgain is how often a wait for a due time looks at the clock on the wall, which may be set, while the machine may be suspended.
const lookAgain = time.Minute

// after returns when a delay is over, the zero time if never.
func after(delay time.Duration) time.Time {
	if delay == forever {
		return time.Time{}
	}

	return time.Now().Add(delay)
}
