package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the zones below, wherever the tests run

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// due is a schedule of given offsets since the bubble began, and no more after them.
func due(offsets ...time.Duration) worker.Schedule {
	return nextFunc(func(after time.Time) time.Time {
		for _, offset := range offsets {
			if at := start.Add(offset); at.After(after) {
				return at
			}
		}

		return time.Time{}
	})
}

// daily is a schedule of an hour of the day in a zone, as parsers of cron expressions make them.
func daily(zone *time.Location, hour, minute int) worker.Schedule {
	return nextFunc(func(after time.Time) time.Time {
		y, m, d := after.In(zone).Date()
		at := time.Date(y, m, d, hour, minute, 0, 0, zone)
		for !at.After(after) {
			d++
			at = time.Date(y, m, d, hour, minute, 0, 0, zone)
		}

		return at
	})
}

// monthly is a schedule of the first midnight of each month in UTC.
var monthly = nextFunc(func(after time.Time) time.Time {
	y, m, _ := after.UTC().Date()

	return time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
})

// clocked collects when a worker is run.
func clocked(at *[]time.Time, run run) worker.Worker {
	return do("job", func(ctx context.Context) error {
		*at = append(*at, time.Now().UTC())

		return run(ctx)
	})
}

// scheduled runs a worker by a schedule for some time, and returns its execution.
func scheduled(t *testing.T, d time.Duration, s worker.Schedule, run run, options ...worker.WorkerExecutionOption) *worker.WorkerExecution {
	t.Helper()

	return script(t, d, do("job", run), append(options, worker.WithSchedule(s))...)
}

func offsets(at []time.Time) (offsets []time.Duration) {
	for _, one := range at {
		offsets = append(offsets, one.Sub(start))
	}

	return offsets
}

func TestScheduleWholeLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithSchedule(worker.Every(time.Hour))))
		require.NoError(t, pool.Start(logs.context()))
		time.Sleep(2*time.Hour + time.Minute)
		require.NoError(t, pool.Stop())

		e := execution(t, pool, "job")
		assert.Equal(t, []string{
			"+0s id-1 waiting until " + stamp(time.Hour) + " for the next scheduled run",
			"+1h0m0s id-1 starting execution attempt 1/1",
			"+1h0m0s id-1 stopping execution attempt 1/1 with success",
			"+1h0m0s id-1 waiting until " + stamp(2*time.Hour) + " for the next scheduled run",
			"+2h0m0s id-2 starting execution attempt 1/1",
			"+2h0m0s id-2 stopping execution attempt 1/1 with success",
			"+2h0m0s id-2 waiting until " + stamp(3*time.Hour) + " for the next scheduled run",
			"+2h1m0s id-2 stopping before the next scheduled run",
		}, timeline(e))
		assert.Equal(t, worker.Stopped, e.Status())
		assert.Equal(t, []string{
			`{"level":"info","worker":"job","workerExecutionID":"id-1","message":"waiting until ` + stamp(time.Hour) + ` for the next scheduled run"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-1","message":"starting execution attempt 1/1"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-1","message":"stopping execution attempt 1/1 with success"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-1","message":"waiting until ` + stamp(2*time.Hour) + ` for the next scheduled run"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-2","message":"starting execution attempt 1/1"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-2","message":"stopping execution attempt 1/1 with success"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-2","message":"waiting until ` + stamp(3*time.Hour) + ` for the next scheduled run"}`,
			`{"level":"info","worker":"job","workerExecutionID":"id-2","cause":"worker pool was stopped","message":"stopping before the next scheduled run"}`,
		}, logs.lines())
		assert.Equal(t, []string{
			`worker_executions_total{status="started",worker="job"} 2`, `worker_executions_total{status="success",worker="job"} 2`,
		}, executionsText(t, pool))
	})
}

// stamp is a time as events tell it, in the local zone, in which the pool asks a schedule first.
func stamp(offset time.Duration) string {
	return start.Add(offset).Local().Format(time.RFC3339Nano)
}

func TestScheduleBetweenRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithSchedule(worker.Every(time.Hour))))
		require.NoError(t, pool.Start(t.Context()))
		require.NoError(t, pool.WaitReady(t.Context()), "a worker that waits for a due time is fine")
		e := execution(t, pool, "job")
		assert.Equal(t, worker.Waiting, e.Status())
		assert.Equal(t, start.Add(time.Hour), e.NextAttemptAt().UTC())
		assert.NotContains(t, e.NextAttemptAt().String(), "m=", "it follows the clock on the wall")
		assert.Zero(t, e.CurrentExecutionAttempt(), "nothing runs at Start")
		assert.False(t, e.Ready())

		time.Sleep(90 * time.Minute)
		assert.Equal(t, start.Add(2*time.Hour), e.NextAttemptAt().UTC())
		assert.Equal(t, start.Add(time.Hour), e.EndedAt().UTC())
		assert.True(t, pool.Health().Ready)
		require.NoError(t, pool.Stop())
		assert.Zero(t, e.NextAttemptAt())
	})
}

func TestScheduleOfADayAndOfMonths(t *testing.T) {
	t.Run("a day", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			var at []time.Time
			script(t, 24*time.Hour+time.Second, clocked(&at, succeed), worker.WithSchedule(worker.Every(time.Hour)))
			require.Len(t, at, 24)
			for i, one := range at {
				assert.Equal(t, time.Duration(i+1)*time.Hour, one.Sub(start))
			}
		})
	})

	t.Run("months", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			var at []time.Time
			script(t, 92*24*time.Hour, clocked(&at, succeed), worker.WithSchedule(monthly))
			const day = 24 * time.Hour
			assert.Equal(t, []time.Duration{31 * day, 60 * day, 91 * day}, offsets(at), "2000 is a leap year")
		})
	})
}

// A day of 23 and one of 25 hours, in a zone that has them.
func TestScheduleOnTheDaysThatClocksAreChanged(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)

	for name, test := range map[string]struct {
		from  time.Time
		hour  int
		hours []float64 // between the runs
	}{
		"23 hours":                        {time.Date(2000, 3, 23, 18, 0, 0, 0, berlin), 12, []float64{24, 23, 24}},
		"25 hours":                        {time.Date(2000, 10, 26, 18, 0, 0, 0, berlin), 12, []float64{24, 25, 24}},
		"an hour that is not there":       {time.Date(2000, 3, 23, 18, 0, 0, 0, berlin), 2, []float64{24, 23, 24}},
		"an hour that is there twice":     {time.Date(2000, 10, 26, 18, 0, 0, 0, berlin), 2, []float64{24, 25, 24}},
		"midnight, before the clock is":   {time.Date(2000, 3, 23, 18, 0, 0, 0, berlin), 0, []float64{24, 23, 24}},
		"midnight, before it is set back": {time.Date(2000, 10, 26, 18, 0, 0, 0, berlin), 0, []float64{24, 25, 24}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				time.Sleep(time.Until(test.from))
				schedule := daily(berlin, test.hour, 30)
				var want []time.Time
				for due := schedule.Next(test.from); len(want) < 4; due = schedule.Next(due) {
					want = append(want, due.UTC())
				}

				var at []time.Time
				e := script(t, want[3].Sub(test.from)+time.Minute, clocked(&at, succeed), worker.WithSchedule(schedule))
				assert.Equal(t, want, at, "exactly")
				var hours []float64
				for i := range at[1:] {
					hours = append(hours, at[i+1].Sub(at[i]).Hours())
				}
				if test.hour == 12 {
					assert.Equal(t, test.hours, hours)
				}
				assert.InDelta(t, 71.5, at[3].Sub(at[0]).Hours(), 1.5)
				assert.True(t, e.HasEvent("waiting until "+want[3].In(berlin).Format(time.RFC3339)+" for the next scheduled run"),
					"in the schedule's zone")
			})
		})
	}
}

// An interval is of time that passes, whatever the clock on the wall makes of it.
func TestEveryIsNotMovedByTheZone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		require.NoError(t, err)
		from := time.Date(2000, 3, 26, 0, 0, 0, 0, berlin)
		time.Sleep(time.Until(from))
		var at []time.Time
		script(t, 24*time.Hour+30*time.Minute, clocked(&at, succeed), worker.WithSchedule(worker.Every(time.Hour)))
		require.Len(t, at, 24)
		assert.Equal(t, "27 Mar 01:00", at[23].In(berlin).Format("02 Jan 15:04"))
	})
}

func TestScheduleBeginsAfterTheDeferral(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := scheduled(t, 2*time.Minute, worker.Every(time.Minute), succeed, worker.WithDeferredStartThreshold(10))
		assert.Equal(t, []string{
			"+0s id-1 deferring execution attempt for 10 seconds",
			"+10s id-1 waiting until " + stamp(70*time.Second) + " for the next scheduled run",
			"+1m10s id-1 starting execution attempt 1/1",
			"+1m10s id-1 stopping execution attempt 1/1 with success",
			"+1m10s id-1 waiting until " + stamp(130*time.Second) + " for the next scheduled run",
			"+2m0s id-1 stopping before the next scheduled run",
		}, timeline(e))
	})
}

func TestScheduleBeginsAfterTheDependencies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("migration", takes(30*time.Second, nil)), worker.WithReadyOnSuccess()),
			worker.WithWorker(do("job", succeed), worker.WithSchedule(worker.Every(time.Minute)), worker.WithDependsOn("migration")))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		e := execution(t, pool, "job")
		assert.Equal(t, start.Add(90*time.Second), e.NextAttemptAt().UTC())
		require.NoError(t, pool.Stop())
	})
}

func TestScheduleNeverOverlaps(t *testing.T) {
	for name, test := range map[string]struct {
		took  time.Duration // of the first run
		at    []time.Duration
		event string
	}{
		"shorter than the interval":      {59 * time.Second, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, ""},
		"one that is due just then":      {time.Minute, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, ""},
		"one has passed":                 {61 * time.Second, []time.Duration{time.Minute, 3 * time.Minute}, "+2m1s id-1 skipping 1 scheduled runs"},
		"one has passed, one is due":     {2 * time.Minute, []time.Duration{time.Minute, 3 * time.Minute}, "+3m0s id-1 skipping 1 scheduled runs"},
		"as many as are counted":         {1000*time.Minute + 30*time.Second, []time.Duration{time.Minute, 1002 * time.Minute}, "+16h41m30s id-1 skipping 1000 scheduled runs"},
		"more than are counted":          {1001*time.Minute + 30*time.Second, []time.Duration{time.Minute, 1003 * time.Minute}, "+16h42m30s id-1 skipping more than 1000 scheduled runs"},
		"more, and one is due just then": {2000 * time.Minute, []time.Duration{time.Minute, 2001 * time.Minute}, "+33h21m0s id-1 skipping more than 1000 scheduled runs"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var at []time.Time
				var live int
				e := script(t, test.at[len(test.at)-1]+30*time.Second, clocked(&at, func(context.Context) error {
					live++
					assert.Equal(t, 1, live)
					if len(at) == 1 {
						time.Sleep(test.took)
					}
					live--

					return nil
				}), worker.WithSchedule(worker.Every(time.Minute)))
				assert.Equal(t, test.at, offsets(at))

				skips := []string{}
				for _, line := range timeline(e) {
					if strings.Contains(line, "skipping") {
						skips = append(skips, line)
					}
				}
				if test.event == "" {
					assert.Empty(t, skips)
				} else {
					assert.Equal(t, []string{test.event}, skips, "one event for all of them")
				}
			})
		})
	}
}

func TestScheduleRetriesInsideARun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(inOrder("job", fail, fail, succeed, fail, fail, fail, succeed),
			worker.WithSchedule(worker.Every(time.Hour)), worker.WithMaxExecutionsAttempts(3),
			worker.WithBackoff(worker.ExponentialBackoff(time.Minute, time.Hour))))
		require.NoError(t, pool.Start(t.Context()))
		e := execution(t, pool, "job")

		time.Sleep(2*time.Hour + 30*time.Second)
		assert.Equal(t, 1, e.ConsecutiveFailures())
		assert.False(t, pool.Health().Ready, "waits after a failure")
		time.Sleep(30 * time.Minute)
		assert.Equal(t, 3, e.ConsecutiveFailures())
		assert.Equal(t, worker.Waiting, e.Status())
		assert.False(t, e.GaveUp(), "the run has, the worker has not")
		assert.False(t, pool.Health().Ready, "its last run gave up")
		require.EqualError(t, e.LastError(), "boom")
		time.Sleep(time.Hour)
		assert.Zero(t, e.ConsecutiveFailures())
		assert.True(t, pool.Health().Ready)
		require.NoError(t, pool.Stop())
		require.NoError(t, pool.Wait(t.Context()))

		got := messages(e)
		for i, message := range got {
			if strings.HasPrefix(message, "waiting ") && !strings.Contains(message, "until") {
				got[i] = "waiting before " + message[strings.LastIndex(message, " ")+1:] // the backoff is random
			}
		}
		assert.Equal(t, []string{
			"waiting until " + stamp(time.Hour) + " for the next scheduled run",
			"starting execution attempt 1/3", "stopping execution attempt 1/3 with error: boom", "restarting after error", "waiting before 2/3",
			"starting execution attempt 2/3", "stopping execution attempt 2/3 with error: boom", "restarting after error", "waiting before 3/3",
			"starting execution attempt 3/3", "stopping execution attempt 3/3 with success",
			"waiting until " + stamp(2*time.Hour) + " for the next scheduled run",
			"starting execution attempt 1/3", "stopping execution attempt 1/3 with error: boom", "restarting after error", "waiting before 2/3",
			"starting execution attempt 2/3", "stopping execution attempt 2/3 with error: boom", "restarting after error", "waiting before 3/3",
			"starting execution attempt 3/3", "stopping execution attempt 3/3 with error: boom", "max execution attempts reached",
			"waiting until " + stamp(3*time.Hour) + " for the next scheduled run",
			"starting execution attempt 1/3", "stopping execution attempt 1/3 with success",
			"waiting until " + stamp(4*time.Hour) + " for the next scheduled run",
			"stopping before the next scheduled run",
		}, got)
	})
}

// The backoff is asked anew in each run.
func TestScheduleBeginsItsBackoffAnewWithEachRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []int
		scheduled(t, 3*time.Hour+time.Minute, worker.Every(time.Hour), fail, worker.WithMaxExecutionsAttempts(3),
			worker.WithBackoff(func(failures int, _ error) time.Duration { asked = append(asked, failures); return 0 }))
		assert.Equal(t, []int{1, 2, 1, 2, 1, 2}, asked)
	})
}

func TestScheduleEndsForGood(t *testing.T) {
	permanent := func(context.Context) error { return worker.Permanent(io.EOF) }

	for name, test := range map[string]struct {
		run     run
		options []worker.WorkerExecutionOption
		last    string
		stops   bool
	}{
		"with a permanent error": {permanent, nil, "permanent error, not restarting", false},
		"where it stops the pool": {fail, []worker.WorkerExecutionOption{worker.WithStopPoolOnFailure(), worker.WithMaxExecutionsAttempts(2)},
			"max execution attempts reached", true},
		"at its limit, where it stops the pool": {fail, []worker.WorkerExecutionOption{worker.WithStopPoolOnFailure(),
			worker.WithMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts), worker.WithBackoff(worker.ConstantBackoff(0)),
			worker.WithRestartLimit(2, time.Hour)}, "restart limit of 2 within 1h0m0s reached", true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", test.run), append(test.options, worker.WithSchedule(worker.Every(time.Hour)))...),
					worker.WithWorker(do("other", block)))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(90 * time.Minute)
				e := execution(t, pool, "job")
				assert.Equal(t, worker.Error, e.Status())
				assert.True(t, e.GaveUp())
				got := messages(e)
				assert.Equal(t, test.last, got[len(got)-1])
				assert.Equal(t, test.stops, pool.State() == worker.PoolStopped)
				require.NoError(t, pool.Stop())
				require.ErrorContains(t, pool.Wait(t.Context()), "worker job: ")
			})
		})
	}
}

func TestScheduleThatEnds(t *testing.T) {
	for name, test := range map[string]struct {
		schedule worker.Schedule
		run      run
		status   worker.WorkerStatus
		events   []string
	}{
		"before the first run": {due(), succeed, worker.Success, []string{"+0s id-1 schedule has ended"}},
		"after a success": {due(time.Hour), succeed, worker.Success, []string{
			"+0s id-1 waiting until 2000-01-01T01:00:00Z for the next scheduled run",
			"+1h0m0s id-1 starting execution attempt 1/1", "+1h0m0s id-1 stopping execution attempt 1/1 with success",
			"+1h0m0s id-1 schedule has ended",
		}},
		"after a failure": {due(time.Hour), fail, worker.Error, []string{
			"+0s id-1 waiting until 2000-01-01T01:00:00Z for the next scheduled run",
			"+1h0m0s id-1 starting execution attempt 1/1", "+1h0m0s id-1 stopping execution attempt 1/1 with error: boom",
			"+1h0m0s id-1 max execution attempts reached", "+1h0m0s id-1 schedule has ended",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", test.run), worker.WithSchedule(test.schedule)))
				require.NoError(t, pool.Start(t.Context()))
				err := pool.Wait(t.Context())
				e := execution(t, pool, "job")
				assert.Equal(t, test.status, e.Status())
				assert.Equal(t, test.events, timeline(e))
				assert.Equal(t, test.status == worker.Error, e.GaveUp())
				assert.Equal(t, test.status == worker.Success, pool.Health().Ready)
				if test.status == worker.Error {
					require.EqualError(t, err, "worker job: boom")
				} else {
					require.NoError(t, err)
				}
				require.NoError(t, pool.Stop())
			})
		})
	}
}

// Schedules are user code. What they do ends their own worker at worst.
func TestScheduleThatMisbehaves(t *testing.T) {
	const name = "schedule worker_test.nextFunc: "
	exit := func(time.Time) time.Time { runtime.Goexit(); return time.Time{} }
	rude := func(time.Time) time.Time { panic(exiting{}) }

	for title, test := range map[string]struct {
		next func(after time.Time) time.Time
		err  string
	}{
		"panics":                        {func(time.Time) time.Time { panic("no calendar") }, "recovered panic: no calendar"},
		"panics with an error":          {func(time.Time) time.Time { panic(io.EOF) }, "recovered panic: EOF"},
		"exits":                         {exit, "runtime.Goexit was called"},
		"exits while it is told of":     {rude, "runtime.Goexit was called"},
		"returns the time it was given": {func(after time.Time) time.Time { return after }, ""},
		"returns the past":              {func(after time.Time) time.Time { return after.Add(-time.Nanosecond) }, ""},
		"returns the distant past":      {func(time.Time) time.Time { return time.Unix(0, 0) }, ""},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first %v", title, first), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					asked := 0
					pool := newPool(t, worker.WithWorker(do("other", block)), worker.WithWorker(do("job", succeed),
						worker.WithSchedule(nextFunc(func(after time.Time) time.Time {
							if asked++; asked == 1 && !first {
								return after.Add(time.Minute)
							}

							return test.next(after)
						}))))
					require.NoError(t, pool.Start(t.Context()))
					time.Sleep(time.Hour)

					e := execution(t, pool, "job")
					assert.Equal(t, worker.Error, e.Status())
					assert.True(t, e.GaveUp())
					assert.False(t, pool.Health().Ready)
					got := messages(e)
					last := got[len(got)-1]
					assert.True(t, strings.HasPrefix(last, "schedule failed: "), last)
					assert.Equal(t, worker.Running, execution(t, pool, "other").Status())
					require.NoError(t, pool.Stop())

					err := pool.Wait(t.Context())
					var failed *worker.WorkerError
					require.ErrorAs(t, err, &failed)
					assert.Equal(t, "job", failed.Worker)
					if test.err != "" {
						require.EqualError(t, err, "worker job: "+name+test.err)
					} else {
						require.ErrorContains(t, err, "worker job: "+name+"next due time ")
						require.ErrorContains(t, err, " is not after "+stamp(map[bool]time.Duration{true: 0, false: time.Minute}[first]))
					}
				})
			})
		}
	}
}

// exiting is a panic value that ends the goroutine which prints it.
type exiting struct{}

func (exiting) String() string { runtime.Goexit(); return "" }

func TestScheduleThatMisbehavesStopsThePoolWhereItsWorkerDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("other", block)), worker.WithWorker(do("job", succeed), worker.WithStopPoolOnFailure(),
			worker.WithSchedule(nextFunc(func(after time.Time) time.Time { return after }))))
		require.ErrorContains(t, pool.Run(t.Context()), "worker job: schedule worker_test.nextFunc: next due time ")
	})
}

func TestScheduleOfCenturiesIsAWait(t *testing.T) {
	for name, far := range map[string]time.Time{
		"centuries":                    start.AddDate(900, 0, 0),
		"more than JSON has years":     start.AddDate(20_000, 0, 0),
		"more than a Duration":         start.Add(1<<63 - 1).Add(1<<63 - 1),
		"a zone that nobody can write": start.AddDate(300, 0, 0).In(time.FixedZone("far", 100*3600)),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithSchedule(nextFunc(func(time.Time) time.Time { return far }))))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(24 * time.Hour)
				e := execution(t, pool, "job")
				assert.Equal(t, worker.Waiting, e.Status())
				assert.Greater(t, e.NextAttemptAt().Year(), 2250)
				_, err := json.Marshal(pool.Report())
				require.NoError(t, err, "a report can be told")
				next := metricsText(t, pool.Metrics(), "worker_next_attempt_timestamp_seconds")
				require.Len(t, next, 1)
				assert.NotContains(t, next[0], "} -", "it is not in the past")
				require.NoError(t, pool.Stop())
				got := messages(e)
				assert.Equal(t, "stopping before the next scheduled run", got[len(got)-1])
			})
		})
	}
}

// RFC 3339 has no zones of seconds, as local mean times are: a report would be late by them.
func TestDueTimeInAZoneOfSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		due := start.Add(time.Hour).In(time.FixedZone("LMT", 53*60+28))
		pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithSchedule(nextFunc(func(time.Time) time.Time { return due }))))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, []string{"waiting until 2000-01-01T01:00:00Z for the next scheduled run"}, messages(execution(t, pool, "job")))
		var read worker.PoolReport
		text, err := json.Marshal(pool.Report())
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &read))
		assert.True(t, due.Equal(read.Workers[0].NextAttemptAt), read.Workers[0].NextAttemptAt)
		require.NoError(t, pool.Stop())
	})
}

// A schedule that blocks holds up its own worker, and a stop that has no bound.
func TestScheduleThatBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		pool := newPool(t, worker.WithGlobalStopTimeout(time.Minute),
			worker.WithWorker(do("job", succeed), worker.WithSchedule(nextFunc(func(after time.Time) time.Time {
				<-release
				return after.Add(time.Hour)
			}))), worker.WithWorker(do("other", block)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		assert.Equal(t, worker.Running, execution(t, pool, "other").Status())
		pool.Report()

		err := pool.Stop()
		require.EqualError(t, err, "stop timed out: still running: job (unknown)")
		assert.Equal(t, time.Minute, time.Since(start))
		close(release)
		require.NoError(t, pool.Stop())
		assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
	})
}

// One that blocks for longer than it takes until its run is due is run at once.
func TestScheduleThatIsSlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var at []time.Time
		script(t, 2*time.Hour, clocked(&at, succeed), worker.WithSchedule(nextFunc(func(after time.Time) time.Time {
			time.Sleep(30 * time.Minute)

			return after.Add(10 * time.Minute)
		})))
		require.NotEmpty(t, at)
		assert.Equal(t, 30*time.Minute, at[0].Sub(start))
	})
}

func TestScheduleWithRestartAlways(t *testing.T) {
	always := worker.WithRestartPolicy(worker.RestartAlways)
	hourly := worker.WithSchedule(worker.Every(time.Hour))
	factory := worker.NewDefaultWorkerPoolFactory()

	_, err := factory.Create(worker.WithWorker(do("job", succeed), always, hourly))
	require.EqualError(t, err, "worker job: RestartAlways beside a schedule, which runs the worker again after a success")
	_, err = factory.Create(worker.WithGlobalRestartPolicy(worker.RestartAlways), worker.WithWorker(do("job", succeed), hourly, always))
	require.Error(t, err, "its own, though it is the global one too")

	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithGlobalRestartPolicy(worker.RestartAlways), worker.WithGlobalMaxExecutionsAttempts(5),
			worker.WithWorker(do("job", succeed), hourly))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(2*time.Hour + time.Minute)
		require.NoError(t, pool.Stop())
		assert.Contains(t, executionsText(t, pool), `worker_executions_total{status="started",worker="job"} 2`)
	})
}

func TestBadSchedules(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		_, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(do("job", succeed), worker.WithSchedule(worker.Every(d))))
		require.EqualError(t, err, fmt.Sprintf("worker job: schedule: interval %s is not positive", d))
	}

	bubble(t, func(t *testing.T) {
		e := scheduled(t, time.Minute, nil, succeed)
		assert.Equal(t, worker.Success, e.Status(), "none: it is run at Start")
	})
}

func TestScheduleStops(t *testing.T) {
	stop := func(pool *worker.WorkerPool) error { return pool.Stop() }
	one := func(pool *worker.WorkerPool) error { return pool.StopWorker(context.Background(), "job") }

	for name, test := range map[string]struct {
		run    run
		after  time.Duration
		stop   func(*worker.WorkerPool) error
		last   string
		status worker.WorkerStatus
	}{
		"before the first run":           {succeed, time.Minute, stop, "stopping before the next scheduled run", worker.Stopped},
		"between two runs":               {succeed, 90 * time.Minute, stop, "stopping before the next scheduled run", worker.Stopped},
		"after a run that gave up":       {fail, 110 * time.Minute, stop, "stopping before the next scheduled run", worker.Stopped},
		"in the wait for a retry":        {fail, 61 * time.Minute, stop, "skipping restart on cancellation", worker.Stopped},
		"in a run":                       {block, 61 * time.Minute, stop, "stopping execution attempt 1/2 on cancellation", worker.Stopped},
		"in a run that ends well":        {untilTold, 61 * time.Minute, stop, "stopping execution attempt 1/2 with success", worker.Success},
		"the worker alone, between runs": {succeed, 90 * time.Minute, one, "stopping before the next scheduled run", worker.Stopped},
		"the worker alone, in a run":     {untilTold, 61 * time.Minute, one, "stopping execution attempt 1/2 with success", worker.Success},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				pool := newPool(t, worker.WithWorker(do("job", test.run), worker.WithSchedule(worker.Every(time.Hour)),
					worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(30*time.Minute))))
				require.NoError(t, pool.Start(t.Context()))
				time.Sleep(test.after)
				require.NoError(t, test.stop(pool))
				assert.Equal(t, test.after, time.Since(start), "at once")

				e := execution(t, pool, "job")
				got := messages(e)
				assert.Equal(t, test.last, got[len(got)-1])
				assert.Equal(t, test.status, e.Status())
				assert.False(t, e.GaveUp())
				time.Sleep(5 * time.Hour)
				assert.Len(t, messages(e), len(got), "nothing is run any more")
				require.NoError(t, pool.Stop())
				require.NoError(t, pool.Wait(t.Context()))
			})
		})
	}
}

func TestRestartWorkerAsksTheScheduleAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithSchedule(worker.Every(time.Hour))))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(30 * time.Minute)
		require.NoError(t, pool.RestartWorker(t.Context(), "job"))
		synctest.Wait()
		assert.Equal(t, start.Add(90*time.Minute), execution(t, pool, "job").NextAttemptAt().UTC())
		require.NoError(t, pool.Stop())
	})
}

func TestScheduledRunsAreReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(inOrder("job", takes(time.Minute, nil), takes(2*time.Minute, io.EOF), takes(time.Minute, nil),
			takes(time.Minute, io.EOF), takes(time.Minute, io.EOF), panics, block), worker.WithSchedule(worker.Every(time.Hour)),
			worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(time.Minute))),
			worker.WithWorker(do("other", block)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(4*time.Hour + time.Minute + 30*time.Second)

		report := pool.Report().Workers[0]
		assert.True(t, report.Scheduled)
		at := func(d time.Duration) time.Time { return start.Add(d) }
		for i := range report.Runs {
			report.Runs[i].StartedAt, report.Runs[i].EndedAt = report.Runs[i].StartedAt.UTC(), report.Runs[i].EndedAt.UTC()
		}
		assert.Equal(t, []worker.RunReport{
			{StartedAt: at(time.Hour), EndedAt: at(61 * time.Minute), Status: worker.Success, ExecutionID: "id-1"},
			{StartedAt: at(2 * time.Hour), EndedAt: at(124 * time.Minute), Status: worker.Success, ExecutionID: "id-4"},
			{StartedAt: at(3 * time.Hour), EndedAt: at(183 * time.Minute), Status: worker.Error, ExecutionID: "id-6"},
			{StartedAt: at(4 * time.Hour), Status: worker.Running, ExecutionID: "id-8"},
		}, report.Runs)
		assert.False(t, pool.Report().Workers[1].Scheduled)
		assert.Empty(t, pool.Report().Workers[1].Runs)

		data, err := json.Marshal(report)
		require.NoError(t, err)
		var read worker.WorkerReport
		require.NoError(t, json.Unmarshal(data, &read))
		assert.Equal(t, report.Runs, read.Runs)
		require.NoError(t, pool.Stop())
	})
}

func TestScheduledRunsAreReportedWhileTheyRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", block), worker.WithSchedule(worker.Every(time.Hour))))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(90 * time.Minute)
		runs := pool.Report().Workers[0].Runs
		require.Len(t, runs, 1)
		assert.Equal(t, start.Add(time.Hour), runs[0].StartedAt.UTC())
		assert.Zero(t, runs[0].EndedAt)
		assert.Equal(t, worker.Running, runs[0].Status)
		assert.Equal(t, execution(t, pool, "job").Id(), runs[0].ExecutionID)
		require.NoError(t, pool.Stop())
		assert.Equal(t, worker.Stopped, pool.Report().Workers[0].Runs[0].Status)
	})
}

func TestScheduledRunsAreKeptToTheLastTwenty(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(do("job", succeed), worker.WithSchedule(worker.Every(time.Minute))))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Hour + time.Second)
		runs := pool.Report().Workers[0].Runs
		require.Len(t, runs, 20)
		assert.Equal(t, start.Add(41*time.Minute), runs[0].StartedAt.UTC())
		assert.Equal(t, start.Add(time.Hour), runs[19].StartedAt.UTC())
		require.NoError(t, pool.Stop())
	})
}

func TestPeriodicCallsAreReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(worker.NewPeriodicWorker("job", time.Minute, func(context.Context) error {
			time.Sleep(10 * time.Second)

			return nil
		}, worker.WithInitialDelay(time.Second))))
		require.NoError(t, pool.Start(t.Context()))
		look := func() [3]any {
			r := pool.Report().Workers[0]

			return [3]any{r.Calls, r.LastCallAt.UTC(), r.NextCallAt.UTC()}
		}
		synctest.Wait()
		assert.Equal(t, [3]any{int64(0), time.Time{}, start.Add(time.Second)}, look())
		time.Sleep(5 * time.Second)
		assert.Equal(t, [3]any{int64(1), start.Add(time.Second), time.Time{}}, look(), "while it is called")
		time.Sleep(time.Minute + 10*time.Second)
		assert.Equal(t, [3]any{int64(2), start.Add(61 * time.Second), start.Add(121 * time.Second)}, look())
		assert.Len(t, execution(t, pool, "job").Events(), 1, "without an event each")
		require.NoError(t, pool.Stop())
		assert.Equal(t, [3]any{int64(2), start.Add(61 * time.Second), time.Time{}}, look())
	})
}

// The longest interval is that of a worker that shall be called once.
func TestPeriodicCallsInCenturiesAreNotReportedInThePast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pool := newPool(t, worker.WithWorker(worker.NewPeriodicWorker("interval", math.MaxInt64, succeed)),
			worker.WithWorker(worker.NewPeriodicWorker("jitter", math.MaxInt64, succeed, worker.WithIntervalJitter(1))),
			worker.WithWorker(worker.NewPeriodicWorker("delay", time.Second, succeed, worker.WithInitialDelay(math.MaxInt64))))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Hour)
		for i, calls := range []int64{0, 1, 1} { // sorted by name
			r := pool.Report().Workers[i]
			assert.Equal(t, calls, r.Calls, r.Name)
			assert.Zero(t, r.NextCallAt, r.Name)
		}
		require.NoError(t, pool.Stop())
	})
}

// TestPeriodicCallsCostNoAllocation is in real time, since a bubble's timers allocate.
func TestPeriodicCallsCostNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}

	const calls = 2000
	var before, after runtime.MemStats
	n := 0
	pool := newPool(t, worker.WithWorker(worker.NewPeriodicWorker("job", time.Microsecond, func(context.Context) error {
		if n++; n == 100 {
			runtime.ReadMemStats(&before)
		}
		if n == 100+calls {
			runtime.ReadMemStats(&after)

			return io.EOF
		}

		return nil
	})))
	require.ErrorIs(t, pool.Run(t.Context()), io.EOF)
	assert.Less(t, float64(after.Mallocs-before.Mallocs)/calls, 0.5)
}

// goroutinesOfTheBubble counts those of the caller's synctest bubble, which stacks name.
func goroutinesOfTheBubble() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)] // the caller's own is the first
	_, bubble, _ := strings.Cut(string(stacks[:bytes.IndexByte(stacks, '\n')]), "synctest bubble ")

	return strings.Count(string(stacks), "synctest bubble "+bubble)
}

// TestScheduleKeepsNoGoroutineOfItsRuns is not parallel, since it counts the goroutines of the process.
func TestScheduleKeepsNoGoroutineOfItsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts []int
		scheduled(t, 1000*time.Minute+time.Second, worker.Every(time.Minute), func(context.Context) error {
			time.Sleep(time.Second) // the goroutine before has gone
			counts = append(counts, goroutinesOfTheBubble())

			return nil
		})
		require.Len(t, counts, 1000)
		assert.Positive(t, counts[0])
		assert.Less(t, counts[0], 10, "of this bubble alone")
		assert.LessOrEqual(t, counts[999], counts[0])
	})
}
