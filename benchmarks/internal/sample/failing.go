package sample

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/stats"
	"github.com/rs/zerolog"
)

// What [Failing] and [FailingLogged] measure, per attempt: from one call of Run to the next.
const (
	AttemptTime        = "time" // nanoseconds
	AttemptAllocations = "allocs"
	LoggedBytes        = "bytes"
	LoggedGrowth       = "growth" // bytes by which the last attempt logged more than the first, less the digits of its number
)

var errFailed = errors.New("failed")

func failing(c contender.Contender, size int) (Values, error) {
	return failures(c, size, false), nil
}

func failingLogged(c contender.Contender, size int) (Values, error) {
	return failures(c, size, true), nil
}

func failures(c contender.Contender, size int, logged bool) Values {
	size = max(size, 4) // the first two intervals and the last one
	newStreak(size).run(c, logged)

	var times, allocations []float64
	var last *streak
	for range min(max(20_000/size, 1), 200) {
		last = newStreak(size)
		last.run(c, logged)
		times = append(times, float64(last.end.Sub(last.begin))/float64(size-1))
		allocations = append(allocations, float64(last.after-last.before)/float64(size-1))
	}

	values := Values{AttemptTime: stats.Median(times), AttemptAllocations: stats.Median(allocations)}
	if logged {
		values[LoggedBytes] = float64(last.logged[size]-last.logged[1]) / float64(size-1)
		values[LoggedGrowth] = float64(last.growth())
	}

	return values
}

// streak is the work of one worker that fails again and again. Its fields are the worker's alone while it runs.
type streak struct {
	size          int
	attempt       int
	begin, end    time.Time     // of the first and of the last call of Run
	before, after uint64        // allocations then
	written       *counter      // by the logger
	logged        map[int]int64 // the bytes logged before some of the calls
	done          chan struct{} // closed by the last call
}

func newStreak(size int) *streak {
	return &streak{size: size, written: &counter{}, logged: make(map[int]int64, 8), done: make(chan struct{})}
}

// run runs the streak once.
func (s *streak) run(c contender.Contender, logged bool) {
	setup := contender.Setup{Workers: contender.NewWorkers(1, s.fail), Attempts: s.size}
	if logged {
		logger := zerolog.New(s.written).With().Timestamp().Logger()
		setup.Logger = &logger
	}

	group := c.New(setup)
	group.Start()
	<-s.done
	group.Stop()
}

// fail is what the worker runs. The last call waits for the stop.
func (s *streak) fail(ctx context.Context) error {
	s.attempt++
	switch s.attempt {
	case 1, 2, s.size - 1, s.size:
		s.logged[s.attempt] = s.written.bytes
	}

	switch s.attempt {
	case 1:
		s.before = allocated()
		s.begin = time.Now()
	case s.size:
		s.end = time.Now()
		s.after = allocated()
		close(s.done)
		<-ctx.Done()

		return nil
	}

	return errFailed
}

// growth returns by how many bytes the last interval logged more than the first. The number of an attempt is in the text of
// its start and of its end, so its digits do not count.
func (s *streak) growth() int64 {
	first := s.logged[2] - s.logged[1] - digits(1) - digits(2)
	last := s.logged[s.size] - s.logged[s.size-1] - digits(s.size-1) - digits(s.size)

	return last - first
}

func digits(n int) int64 {
	return int64(len(strconv.Itoa(n)))
}

// counter is a writer that counts. Only one worker logs, so that it needs no lock.
type counter struct {
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))

	return len(p), nil
}
