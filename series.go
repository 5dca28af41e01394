package worker

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// workerSeries is what is measured of one worker, kept as plain numbers and made into samples when they are collected. Workers
// whose names differ only in what [Sanitize] changes share one, as those of pools that share metrics do.
type workerSeries struct {
	pair      dto.LabelPair // worker and label
	labels    [1]*dto.LabelPair
	label     string
	durations durations

	executions   [len(statusLabels)]count
	panics       count
	stopTimeouts count
	lastSuccess  atomic.Int64 // in nanoseconds since 1970, 0 for never

	mu      sync.Mutex // guards the fields below
	members []member   // whose executions the gauges tell of, the newest last
	first   [1]member  // room for the members of most
	joined  int        // how many plans have joined, and not left
}

// member is a plan that a series tells of. The series keeps the newest alone: it would keep each pool for ever that once shared it.
type member struct {
	newest *plan // nil for all others
	older  weak.Pointer[plan]
}

// plan returns nil for a plan whose pool is gone.
func (m member) plan() *plan {
	if m.newest != nil {
		return m.newest
	}

	return m.older.Value()
}

// join adds a plan, in the place of those that are gone where there is no more room.
func (s *workerSeries) join(planned *plan) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(s.members) == cap(s.members) {
		s.members = slices.DeleteFunc(s.members, func(m member) bool { return m.plan() == nil })
	}
	if n := len(s.members); n > 0 {
		if last := &s.members[n-1]; last.newest != nil {
			last.newest, last.older = nil, weak.Make(last.newest)
		}
	}
	s.members = append(s.members, member{newest: planned})
	s.joined++
}

// leave takes a plan away, and reports whether it was the last.
func (s *workerSeries) leave(planned *plan) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.members = slices.DeleteFunc(s.members, func(m member) bool {
		other := m.plan()

		return other == nil || other == planned
	})
	if n := len(s.members); n > 0 {
		s.members[n-1].newest = s.members[n-1].plan()
	}
	s.joined--

	return s.joined == 0
}

// count is a counter that knows when it began to count.
type count struct {
	n     atomic.Uint64
	since atomic.Int64 // in nanoseconds since 1970
}

func (c *count) add(n uint64, at time.Time) {
	if c.since.Load() == 0 {
		c.since.CompareAndSwap(0, at.UnixNano())
	}
	c.n.Add(n)
}

func newWorkerSeries(m *WorkerMetrics, label string) *workerSeries {
	s := &workerSeries{label: label, durations: durations{family: m.durations, label: label}}
	s.pair.Name, s.pair.Value = &m.workerLabel, &s.label // all in one allocation
	s.labels[0], s.members = &s.pair, s.first[:0]

	return s
}

func labelPair(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: &name, Value: &value}
}

// count is what record does to the metrics. The gauges are read off the execution instead.
func (s *workerSeries) count(by *supervisor, k TransitionKind, at time.Time) {
	if c := transitions[k].counter; c != countNothing {
		s.executions[c].add(1, at)
	}

	switch k {
	case TransitionStarting:
		s.panics.add(0, at) // it counts from now on
		s.stopTimeouts.add(0, at)
	case TransitionSucceeded:
		s.lastSuccess.Store(at.UnixNano())
	case TransitionPanicked:
		s.panics.add(1, at)
	}
	if k.endsAttempt() {
		s.durations.observe(at.Sub(by.execution.startedAt), at)
	}
}

// gauges are what a scrape tells of the workers of a series as they are now: how many run, and the worst of the rest.
type gauges struct {
	launched                       bool
	up, stuck, failures            float64
	ready, gaveUp, scheduled       float64
	bounded, timedOut              float64       // whether attempts are bounded, and one has run into that
	heartbeat                      time.Duration // the shortest timeout, 0 for none
	startedAt, nextAt, heartbeatAt time.Time
}

func (s *workerSeries) gauges() gauges {
	s.mu.Lock()
	members := slices.Clone(s.members)
	s.mu.Unlock()

	g := gauges{ready: 1}
	for _, member := range members {
		planned := member.plan()
		if planned == nil {
			continue
		}
		if e := planned.execution.Load(); e != nil {
			e.gaugeInto(&g)
		}
	}

	return g
}

func (e *WorkerExecution) gaugeInto(g *gauges) {
	e.mu.Lock()
	defer e.mu.Unlock()

	g.launched = true
	g.up += oneIf(e.status == Running)
	g.stuck = max(g.stuck, oneIf(e.status == Stuck))
	g.ready = min(g.ready, oneIf(e.readyLocked()))
	g.gaveUp = max(g.gaveUp, oneIf(e.gaveUp))
	if e.stopCause == nil || e.status != Stopped && e.status != Success {
		g.failures = max(g.failures, float64(e.consecutiveFailures))
	}
	g.startedAt = laterOf(g.startedAt, e.startedAt)
	if g.nextAt.IsZero() || !e.nextAttemptAt.IsZero() && e.nextAttemptAt.Before(g.nextAt) {
		g.nextAt = e.nextAttemptAt
	}
	g.scheduled = max(g.scheduled, oneIf(e.options.Schedule != nil))
	g.bounded = max(g.bounded, oneIf(e.options.AttemptTimeout > 0))
	g.timedOut = max(g.timedOut, oneIf(e.timedOutLocked()))
	if timeout := e.options.Heartbeat; timeout > 0 {
		if g.heartbeat == 0 || timeout < g.heartbeat {
			g.heartbeat = timeout
		}
		if e.status == Running || e.status == Stuck {
			if beat := laterOf(e.startedAt, e.lastBeatAt); g.heartbeatAt.IsZero() || beat.Before(g.heartbeatAt) {
				g.heartbeatAt = beat
			}
		}
	}
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}

// gaugesPerWorker is how many a scrape has at most of a worker without a heartbeat, a schedule and an attempt timeout, which add some.
const (
	gaugesPerWorker    = 8
	gaugesPerHeartbeat = 2
	gaugesPerSchedule  = 1
	gaugesPerTimeout   = 1
)

// count is how many gauges there are at most.
func (g *gauges) count() int {
	n := gaugesPerWorker
	if g.heartbeat > 0 {
		n += gaugesPerHeartbeat
	}
	if g.scheduled > 0 {
		n += gaugesPerSchedule
	}
	if g.bounded > 0 {
		n += gaugesPerTimeout
	}

	return n
}

// collect sends the samples of the worker: of its counters those that count something, and the rest once it has started.
func (s *workerSeries) collect(m *WorkerMetrics, metrics chan<- prometheus.Metric) {
	s.collectExecutions(m, metrics)
	g := s.gauges()
	if !g.launched {
		return
	}
	made := make([]gauge, 0, g.count()) // in one allocation
	send := func(desc *prometheus.Desc, value float64) {
		made = append(made, gauge{desc: desc, labels: s.labels[:], value: value})
		metrics <- &made[len(made)-1]
	}
	moment := func(desc *prometheus.Desc, at time.Time) {
		if !at.IsZero() {
			send(desc, float64(at.Unix())+float64(at.Nanosecond())/float64(time.Second))
		}
	}
	send(m.up, g.up)
	send(m.stuck, g.stuck)
	send(m.ready, g.ready)
	send(m.gaveUp, g.gaveUp)
	send(m.failures, g.failures)
	metrics <- s.counter(m.panics, s.labels[:], &s.panics)
	metrics <- s.counter(m.stopTimeouts, s.labels[:], &s.stopTimeouts)
	moment(m.started, g.startedAt)
	moment(m.nextAttempt, g.nextAt)
	moment(m.lastSuccess, timeOf(s.lastSuccess.Load()))
	if !g.heartbeatAt.IsZero() {
		send(m.heartbeatAge, max(time.Since(g.heartbeatAt), 0).Seconds())
	}
	if g.heartbeat > 0 {
		send(m.heartbeat, g.heartbeat.Seconds())
	}
	if g.scheduled > 0 {
		send(m.scheduled, g.scheduled)
	}
	if g.bounded > 0 {
		send(m.timedOut, g.timedOut)
	}
}

func (s *workerSeries) collectExecutions(m *WorkerMetrics, metrics chan<- prometheus.Metric) {
	for c := countStarted; int(c) < len(statusLabels); c++ {
		if n := s.executions[c].n.Load(); n > 0 {
			metrics <- s.counter(m.executions, []*dto.LabelPair{m.statuses[c], &s.pair}, &s.executions[c])
		}
	}
}

func (s *workerSeries) counter(desc *prometheus.Desc, labels []*dto.LabelPair, c *count) prometheus.Metric {
	return &counterSample{desc: desc, labels: labels, value: float64(c.n.Load()), since: timeOf(c.since.Load())}
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}

	return 0
}
