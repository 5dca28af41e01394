package worker

// WorkerStatus is an enum for the possible statuses of a worker.
type WorkerStatus int

// The statuses of a worker. The package documentation shows how they follow each other.
const (
	Unknown  WorkerStatus = iota // registered and started, but nothing has happened yet
	Deferred                     // waits for its deferred start
	Running                      // an attempt is running
	Success                      // the last attempt returned nil
	Error                        // the last attempt failed
	Waiting                      // waits for its next attempt: a retry, a restart, or the next run of its schedule
	Stopped                      // ended because its context was done
	Stuck                        // an attempt is running but misses its heartbeat
	Pending                      // waits for the workers that it depends on
)

var statusTexts = [...]string{
	Unknown:  "unknown",
	Deferred: "deferred",
	Running:  "running",
	Success:  "success",
	Error:    "error",
	Waiting:  "waiting",
	Stopped:  "stopped",
	Stuck:    "stuck",
	Pending:  "pending",
}

// String returns the status in lower case, and "unknown" for a value that is not one of the constants.
func (s WorkerStatus) String() string {
	if s < 0 || int(s) >= len(statusTexts) {
		return statusTexts[Unknown]
	}

	return statusTexts[s]
}

// PoolState says where a pool is between its Start and its stop.
type PoolState string

// The states of a pool.
const (
	PoolNew      PoolState = "new"      // never started
	PoolStarted  PoolState = "started"  // until it is stopped, even if all workers have ended
	PoolStopping PoolState = "stopping" // until all workers have ended
	PoolStopped  PoolState = "stopped"
)
