package board

import (
	"slices"
	"time"

	"github.com/ankorstore/yokai/worker/benchmarks/internal/contender"
	"github.com/ankorstore/yokai/worker/benchmarks/internal/sample"
)

// metric is a metric of this module.
func metric(experiment string, size int, value string) Metric {
	return Metric{sample.Sample{Experiment: experiment, Contender: contender.Ours, Size: size}, value}
}

// than is the same metric of another contender.
func (m Metric) than(name string) *Metric {
	m.Contender = name

	return &m
}

// at is the same metric of another size.
func (m Metric) at(size int) *Metric {
	m.Size = size

	return &m
}

// Targets returns what this module wants to reach.
func Targets(sizes Sizes) []Target {
	return slices.Concat(startStopTargets(sizes), failingTargets(sizes), memoryTargets(sizes), readersTargets(sizes),
		heartbeatTargets(sizes), binaryTargets(), jetStreamTargets())
}

func startStopTargets(sizes Sizes) []Target {
	size, most := sizes.Pool, slices.Max(sizes.Workers)
	time := metric(sample.StartStop, size, sample.StartStopTime)
	text := "start and stop of " + integer(size)
	targets := []Target{
		{Text: text + ", to goroutines", Of: time, To: time.than(contender.Goroutines), AtMost: 1.5},
		{Text: text + ", to suture v4", Of: time, To: time.than(contender.Suture), AtMost: 0.5},
		{Text: text + ", to the published module", Of: time, To: time.than(contender.Published), AtMost: 1.0 / 6},
		{
			Text: "allocations per worker started", Of: metric(sample.StartStop, size, sample.Allocations),
			AtMost: 15, Format: count,
		},
	}
	if most > size {
		targets = append(targets, Target{
			Text: "a worker of " + integer(most) + ", to one of " + integer(size), Of: *time.at(most), To: &time, AtMost: 1.3,
		})
	}

	return of("startstop", targets)
}

func failingTargets(sizes Sizes) []Target {
	size, most := sizes.Streak, slices.Max(sizes.Attempts)
	time := metric(sample.Failing, size, sample.AttemptTime)
	logged := metric(sample.FailingLogged, size, sample.AttemptTime)

	return of("failing", []Target{
		{Text: "a failing attempt, to suture v4", Of: time, To: time.than(contender.Suture), AtMost: 1},
		{
			Text: "one of " + integer(most) + " failing attempts, to one of " + integer(size),
			Of:   *time.at(most), To: &time, AtMost: 1.1,
		},
		{Text: "a failing attempt with a logger, to one without", Of: logged, To: &time, AtMost: 3},
		{
			Text: "bytes that attempt " + integer(most) + " logs more than the first, digits apart",
			Of:   metric(sample.FailingLogged, most, sample.LoggedGrowth), Format: count,
		},
		{
			Text: "allocations per failing attempt", Of: metric(sample.Failing, size, sample.AttemptAllocations),
			AtMost: 8, Format: count,
		},
	})
}

func memoryTargets(sizes Sizes) []Target {
	total := metric(sample.Memory, sizes.Running, sample.TotalBytes)

	return of("memory", []Target{
		{Text: "memory per running worker, to the published module", Of: total, To: total.than(contender.Published), AtMost: 0.8},
		{
			Text: "its stack, to a goroutine's", Of: metric(sample.Memory, sizes.Running, sample.StackBytes),
			To: metric(sample.Memory, sizes.Running, sample.StackBytes).than(contender.Goroutines), AtMost: 1.05,
		},
		{
			Text: "goroutines per running worker", Of: metric(sample.Memory, sizes.Running, sample.Goroutines),
			AtMost: 1.001, Format: count,
		},
	})
}

func readersTargets(sizes Sizes) []Target {
	size := sizes.Watched
	value := func(value string) Metric { return metric(sample.Readers, size, value) }

	return of("readers", []Target{
		{Text: "report of " + integer(size), Of: value(sample.ReportTime), AtMost: nanoseconds(5 * time.Millisecond), Format: duration},
		{Text: "scrape of " + integer(size), Of: value(sample.ScrapeTime), AtMost: nanoseconds(25 * time.Millisecond), Format: duration},
		{
			Text: "delay of a restart by a reader, to a busy loop's, 99th percentile", Of: value(sample.ReadDelay),
			AtMost: nanoseconds(100 * time.Microsecond), Format: duration,
		},
	})
}

func heartbeatTargets(sizes Sizes) []Target {
	return of("heartbeat", []Target{
		{Text: "a heartbeat", Of: metric(sample.Heartbeat, sizes.Beats, sample.BeatTime), AtMost: 5, Format: duration},
	})
}

func binaryTargets() []Target {
	size := metric(sample.Binary, 1, sample.BinaryBytes)

	return of("binary", []Target{
		{Text: "size of a minimal binary, to the published module", Of: size, To: size.than(contender.Published), AtMost: 0.78},
	})
}

func jetStreamTargets() []Target {
	one := metric(sample.JetStream, oneAtOnce, sample.MessageRate)
	many := metric(sample.JetStream, manyAtOnce, sample.MessageRate)

	return of("jetstream", []Target{
		{Text: "messages per second, to the client's own Consume", Of: one, To: one.than(contender.Goroutines), AtLeast: 0.9},
		{
			Text: "... of " + integer(manyAtOnce) + " at once", Of: many, To: many.than(contender.Goroutines),
			AtLeast: 0.9,
		},
		{
			Text: "messages per second of two replicas of " + integer(fewAtOnce) + " at once, to one", Of: metric(sample.Replicas, fewAtOnce, sample.ReplicaGain),
			AtLeast: 1.9,
		},
	})
}

// of sets the section of targets, and the format of ratios.
func of(section string, targets []Target) []Target {
	for i := range targets {
		targets[i].Section = section
		if targets[i].Format == nil {
			targets[i].Format = multiple
		}
	}

	return targets
}

func nanoseconds(d time.Duration) float64 {
	return float64(d)
}
