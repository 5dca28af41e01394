package worker

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A bubble's clock cannot be set, so this one is: it tells the bubble's time, and by how much it is wrong.
type wallClock struct{ step atomic.Int64 }

func (c *wallClock) now() time.Time { return time.Now().Round(0).Add(time.Duration(c.step.Load())) }

// The wait for a due time follows a clock on the wall that is set meanwhile, in a minute at most. A machine that was suspended looks
// the same: its timers have stood still, and the clock has not.
func TestWaitFollowsTheClockOnTheWall(t *testing.T) {
	for name, test := range map[string]struct {
		step time.Duration // after 90 seconds of a wait for 10 minutes
		took time.Duration
	}{
		"not set":                 {0, 10 * time.Minute},
		"set forth, but not over": {5 * time.Minute, 5 * time.Minute},
		"set forth beyond it":     {24 * time.Hour, 2 * time.Minute},
		"set back":                {-time.Hour, 70 * time.Minute},
		"suspended for a weekend": {60 * time.Hour, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool := NewWorkerPool()
				s := newSupervisor(pool, newGeneration(pool, t.Context()), &plan{name: "job", options: &ExecutionOptions{}, series: newWorkerSeries(pool.Metrics(), "job")})
				clock, began := &wallClock{}, time.Now()
				due := clock.now().Add(10 * time.Minute)
				time.AfterFunc(90*time.Second, func() { clock.step.Store(int64(test.step)) })

				if !s.sleepWhile(func() time.Duration { return min(due.Sub(clock.now()), lookAgain) }) {
					t.Error("it may begin")
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %s, not %s", took, test.took)
				}
				if late := clock.now().Sub(due); test.step > 0 && time.Since(began) > 10*time.Minute+lookAgain || late < 0 {
					t.Errorf("it was late by %s", late)
				}
			})
		})
	}
}

// What the pool keeps of due times has no monotonic clock, which a set clock would not move.
func TestDueTimesAreOfTheClockOnTheWall(t *testing.T) {
	pool := NewWorkerPool()
	s := newSupervisor(pool, newGeneration(pool, t.Context()), &plan{name: "job", options: &ExecutionOptions{Schedule: monotonic{}}})
	for range 2 {
		due, _, err := s.nextRun()
		if err != nil || due != due.Round(0) {
			t.Errorf("%v, %v", due, err)
		}
		s.scheduled = due
	}
}

// monotonic returns times as time.Now makes them.
type monotonic struct{}

func (monotonic) Next(time.Time) time.Time { return time.Now().Add(time.Hour) }

// What the clock has jumped over is left out, and what it has jumped back to is not run twice.
func TestDueTimesAfterTheClockWasSet(t *testing.T) {
	hour := time.Now().Truncate(time.Hour)
	for name, test := range map[string]struct {
		last    time.Time // when the last run was due, by the clock as it was then
		next    time.Time
		skipped int
	}{
		"set forth by hours": {hour.Add(-3 * time.Hour), hour.Add(time.Hour), 3},
		"set back by hours":  {hour.Add(3 * time.Hour), hour.Add(4 * time.Hour), 0},
		"set from 1970":      {time.Unix(0, 0), hour.Add(time.Hour), maxSkipped + 1},
	} {
		t.Run(name, func(t *testing.T) {
			if time.Since(hour) > 59*time.Minute {
				t.Skip("too near to the next hour")
			}
			pool := NewWorkerPool()
			s := newSupervisor(pool, newGeneration(pool, t.Context()), &plan{name: "job", options: &ExecutionOptions{Schedule: onTheHour{}}})
			s.scheduled = test.last
			due, skipped, err := s.nextRun()
			if !due.Equal(test.next) || skipped != test.skipped || err != nil {
				t.Errorf("%v, %d skipped, %v", due, skipped, err)
			}
		})
	}
}

type onTheHour struct{}

func (onTheHour) Next(after time.Time) time.Time { return after.Truncate(time.Hour).Add(time.Hour) }
