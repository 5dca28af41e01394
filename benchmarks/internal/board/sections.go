package board

import "github.com/ankorstore/yokai/worker/benchmarks/internal/sample"

// Sizes says how much is measured.
type Sizes struct {
	Workers  []int // started and stopped at once
	Pool     int   // the one of these that most targets are for
	Attempts []int // of one worker
	Streak   int   // the one of these that most targets are for
	Running  int   // workers whose memory is measured
	Watched  int   // workers that are read
	Beats    int   // of one worker
}

// FullSizes are those of the stated targets.
func FullSizes() Sizes {
	return Sizes{
		Workers:  []int{1, 100, 1000, 10_000, 100_000},
		Pool:     10_000,
		Attempts: []int{10, 1000, 10_000, 100_000},
		Streak:   1000,
		Running:  50_000,
		Watched:  10_000,
		Beats:    10_000_000,
	}
}

// QuickSizes are smaller.
func QuickSizes() Sizes {
	return Sizes{
		Workers:  []int{1, 100, 10_000},
		Pool:     10_000,
		Attempts: []int{10, 1000, 10_000},
		Streak:   1000,
		Running:  10_000,
		Watched:  10_000,
		Beats:    10_000_000,
	}
}

// Sections returns all sections.
func Sections(sizes Sizes) []Section {
	return []Section{
		startStopSection(sizes.Workers),
		phasesSection(sizes.Pool),
		failingSection(sizes.Attempts, sizes.Streak),
		failingLoggedSection(sizes.Attempts),
		memorySection(sizes.Running),
		readersSection(sizes.Watched),
		heartbeatSection(sizes.Beats),
		binarySection(),
		jetStreamSection(),
		replicasSection(),
	}
}

func startStopSection(sizes []int) Section {
	s := Section{
		Name:  "startstop",
		Title: "Start and stop, per worker",
		Note: "From the start until the last worker runs, and from the stop until all have returned; " +
			"the workers block on their context. With one worker it is mostly a sleeping thread that is woken.",
	}
	for _, size := range sizes {
		s.Columns = append(s.Columns, Column{integer(size), sample.StartStop, size, sample.StartStopTime, duration})
	}

	return s
}

func phasesSection(size int) Section {
	return Section{
		Name:  "startstop",
		Title: "Where it goes, per worker of " + integer(size),
		Columns: []Column{
			{"build", sample.StartStop, size, sample.BuildTime, duration},
			{"start", sample.StartStop, size, sample.StartTime, duration},
			{"stop", sample.StartStop, size, sample.StopTime, duration},
			{"allocations, start to stop", sample.StartStop, size, sample.Allocations, count},
		},
	}
}

func failingSection(sizes []int, streak int) Section {
	s := Section{
		Name:  "failing",
		Title: "A failing attempt of one worker, by number of attempts",
		Note:  "From one call of the worker to the next; without a logger.",
	}
	for _, size := range sizes {
		s.Columns = append(s.Columns, Column{integer(size), sample.Failing, size, sample.AttemptTime, duration})
	}
	s.Columns = append(s.Columns, Column{"allocations", sample.Failing, streak, sample.AttemptAllocations, count})

	return s
}

func failingLoggedSection(sizes []int) Section {
	s := Section{
		Name:  "failing",
		Title: "The same with a JSON logger, and what it writes per attempt",
	}
	for _, size := range sizes {
		s.Columns = append(s.Columns, Column{integer(size), sample.FailingLogged, size, sample.AttemptTime, duration})
	}
	for _, size := range sizes {
		s.Columns = append(s.Columns, Column{integer(size), sample.FailingLogged, size, sample.LoggedBytes, bytes})
	}

	return s
}

func memorySection(size int) Section {
	return Section{
		Name:  "memory",
		Title: "Memory per running worker, of " + integer(size),
		Columns: []Column{
			{"heap", sample.Memory, size, sample.HeapBytes, bytes},
			{"stack", sample.Memory, size, sample.StackBytes, bytes},
			{"together", sample.Memory, size, sample.TotalBytes, bytes},
			{"goroutines", sample.Memory, size, sample.Goroutines, count},
		},
	}
}

func readersSection(size int) Section {
	return Section{
		Name:  "readers",
		Title: "Looking at " + integer(size) + " workers of which 100 restart every 10 ms",
		Note:  "A restart is the time from the end of an attempt to the next one; its 99th percentile is shown.",
		Columns: []Column{
			{"report", sample.Readers, size, sample.ReportTime, duration},
			{"scrape", sample.Readers, size, sample.ScrapeTime, duration},
			{"restart", sample.Readers, size, sample.QuietTail, duration},
			{"beside a busy loop", sample.Readers, size, sample.BusyTail, duration},
			{"beside a reader that never stops", sample.Readers, size, sample.ReadTail, duration},
		},
	}
}

func heartbeatSection(size int) Section {
	return Section{
		Name:  "heartbeat",
		Title: "A heartbeat",
		Note:  "With goroutines: one atomic store, the least that it can cost.",
		Columns: []Column{
			{"with the worker's context", sample.Heartbeat, size, sample.BeatTime, duration},
			{"with one derived from it", sample.Heartbeat, size, sample.DerivedBeatTime, duration},
			{"not expected", sample.Heartbeat, size, sample.IdleBeatTime, duration},
		},
	}
}

func binarySection() Section {
	return Section{
		Name:  "binary",
		Title: "The smallest program with a pool",
		Note:  "Both are built with the same versions of what they import.",
		Columns: []Column{
			{"size", sample.Binary, 1, sample.BinaryBytes, bytes},
			{"packages", sample.Binary, 1, sample.Packages, count},
		},
	}
}

// The concurrencies at which messages are handled.
const (
	oneAtOnce  = 1
	fewAtOnce  = 4 // leaves cores idle, so that a second replica has some to run on
	someAtOnce = 16
	manyAtOnce = 64
)

func jetStreamSection() Section {
	return Section{
		Name:  "jetstream",
		Title: "Messages of NATS JetStream per second, by concurrency",
		Note: "With goroutines: the client's own Consume, with a goroutine per message from two at once on. The server is a process of " +
			"its own on the same machine.",
		Columns: []Column{
			{integer(oneAtOnce), sample.JetStream, oneAtOnce, sample.MessageRate, count},
			{integer(manyAtOnce), sample.JetStream, manyAtOnce, sample.MessageRate, count},
		},
	}
}

func replicasSection() Section {
	s := Section{
		Name:  "jetstream",
		Title: "The same by replicas, with handlers that wait for 1 ms",
		Note: "Each replica is a process that handles " + integer(fewAtOnce) + " or " + integer(someAtOnce) + " messages at once. All share " +
			"the machine with the server: where it has no cores to spare, the gain tells of them, and not of what is shared out.",
	}
	for _, n := range []int{fewAtOnce, someAtOnce} {
		of := " of " + integer(n)
		s.Columns = append(s.Columns,
			Column{"one" + of, sample.Replicas, n, sample.OneReplicaRate, count},
			Column{"two" + of, sample.Replicas, n, sample.TwoReplicasRate, count},
			Column{"two, to one", sample.Replicas, n, sample.ReplicaGain, multiple},
		)
	}

	return s
}
