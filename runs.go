package worker

import (
	"math"
	"sync/atomic"
	"time"
)

// maxRuns is how many runs of a schedule an execution keeps.
const maxRuns = 20

// runRecord is a run of a worker with a schedule, retries included.
type runRecord struct {
	executionID        string // of its last attempt
	startedAt, endedAt time.Time
	status             WorkerStatus
}

// beginAttempt notes the begin of an attempt, and of a run where it is the first of that.
func (e *WorkerExecution) beginAttempt(at time.Time, newRun bool) {
	if !newRun {
		run := &e.runs[len(e.runs)-1]
		run.executionID, run.endedAt, run.status = e.id, time.Time{}, e.status
		return
	}
	if len(e.runs) == maxRuns {
		copy(e.runs, e.runs[1:])
		e.runs = e.runs[:maxRuns-1]
	}
	e.runs = append(e.runs, runRecord{executionID: e.id, startedAt: at, status: e.status})
}

// endAttempt notes how an attempt has ended, as that of its run so far.
func (e *WorkerExecution) endAttempt() {
	if len(e.runs) > 0 {
		run := &e.runs[len(e.runs)-1]
		run.executionID, run.endedAt, run.status = e.id, e.endedAt, e.status
	}
}

// calls are those of a [PeriodicWorker].
type calls struct {
	n          atomic.Int64
	last, next atomic.Int64 // in nanoseconds since 1970, 0 for never
}

// begin notes a call that begins now.
func (c *calls) begin(now time.Time) {
	c.n.Add(1)
	c.last.Store(now.UnixNano())
	c.next.Store(0)
}

// expect notes when the next call is due. What nanoseconds since 1970 cannot tell, in the year 2262 or later, is as good as never.
func (c *calls) expect(due time.Time) {
	if last := time.Unix(0, math.MaxInt64); due.After(last) {
		due = time.Unix(0, 0)
	}
	c.next.Store(due.UnixNano())
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}

	return time.Unix(0, nanoseconds)
}
