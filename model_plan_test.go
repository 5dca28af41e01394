package worker_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ankorstore/yokai/worker"
)

// The plan of a sequence is drawn first, and whole: the pool's options, its workers with what each of their attempts does, and what each
// actor calls. So a seed tells all, and a failure prints its plan. A quirk is a misbehaviour that strikes at some call of what the pool
// asks a user's code for.

// choices is where the random decisions of a sequence come from: it returns a number from 0 to n-1.
type choices func(n int) int

func seeded(seed uint64) choices {
	return rand.New(rand.NewPCG(seed, 0)).IntN
}

// fromBytes lets a fuzzer decide; where its bytes end, each choice is the first, the plain one.
func fromBytes(data []byte) choices {
	return func(n int) int {
		if len(data) == 0 {
			return 0
		}
		choice := int(data[0]) % n
		data = data[1:]

		return choice
	}
}

func (c choices) chance(percent int) bool { return c(100) >= 100-percent }

func oneOf[T any](c choices, values ...T) T { return values[c(len(values))] }

// maybe returns one of the values, or nil for an option that is not set.
func maybe[T any](c choices, percent int, values ...T) *T {
	if !c.chance(percent) {
		return nil
	}
	value := oneOf(c, values...)

	return &value
}

// sequence is a plan of what happens to one pool. All random decisions are made before it begins; only the order in which
// goroutines run that are ready at the same moment differs from run to run.
type sequencePlan struct {
	pool    poolSpec
	workers []*workerSpec
	actors  [][]operation // each is a goroutine that uses the pool
	early   bool          // whether the workers are options of the pool
	again   bool          // whether the epilogue restarts each worker
	settle  time.Duration // how long the epilogue lets the workers run
	asked   []operation   // overlapping requests of the epilogue, whose last one wins
}

// settings are the options that both the pool and a worker have.
type settings struct {
	attempts *int
	deferral *float64
	backoff  *backoffSpec
	healthy  *time.Duration
	policy   *worker.RestartPolicy
	timeout  *time.Duration
	limit    *restartLimit
}

type restartLimit struct {
	n      int
	within time.Duration
}

// backoffSpec is a backoff and the bounds of its waits.
type backoffSpec struct {
	wait        worker.BackoffFunc
	least, most time.Duration
	first       time.Duration // the most after a success, where nothing has failed in a row
}

type poolSpec struct {
	settings
	stopTimeout time.Duration
	stopDelay   time.Duration
	context     quirk // the methods of Start's contexts, later
	maxEvents   *int
	generator   quirk
	writer      quirk
	listener    quirk
	middleware  quirk
	tracing     bool
	logs        bool
	namespace   string // of its metrics
}

type workerSpec struct {
	settings
	pool       *poolSpec
	index      int
	name       string
	heartbeat  time.Duration
	stage      int
	stopPool   bool
	middleware quirk
	script     []attemptSpec

	readiness      *time.Duration
	readyOnSuccess bool
	optional       bool
	dependsOn      []string
	schedule       *scheduleSpec
	stopTimeout    time.Duration
	stopErrors     int // an index into stopErrors
}

// scheduleSpec is a schedule of an interval, which may misbehave.
type scheduleSpec struct {
	every time.Duration
	quirk quirk
}

// stopErrors are functions that tell which errors are a stop.
var stopErrors = []func(error) bool{
	nil,
	func(err error) bool { return strings.HasPrefix(err.Error(), "boom") },
	func(error) bool { panic("in stop errors") },
}

const boomIsStop = 1

// attemptSpec is what a worker does in one attempt.
type attemptSpec struct {
	work     time.Duration
	heeds    bool // stops working when its context is done
	beats    bool
	nested   bool        // works and beats in a pool of its own
	says     bool        // that it is ready, before it works
	saysLate bool        // the same after it
	children int         // goroutines that live as long as the context of the attempt
	calls    []operation // of the pool, from inside
	ending   int         // an index into endings
}

// quirk is how code that the pool calls misbehaves, and at which of the calls.
type quirk struct {
	kind int
	at   int
	call operation // for the kind that calls the pool
}

// The kinds of misbehaviour.
const (
	behaves = iota
	panicking
	goexiting
	nonsense // what that is depends on the code
	dawdling
	calling
	quirks
)

// forever is the longest wait.
const forever time.Duration = math.MaxInt64

func drawSequence(c choices) *sequencePlan {
	plan := &sequencePlan{}
	names := oneOf(c, []string{"a"}, []string{"a", "b"}, []string{"a-b", "A_B", "c"}, []string{"a", "b", "c", "d"})
	plan.pool = drawPool(c, len(names))
	if plan.pool.context.kind == goexiting {
		plan.pool.tracing = false // its end of an attempt could not be told from what the worker does
	}
	for i, name := range names {
		w := drawWorker(c, &plan.pool, i, name, len(names))
		w.drawDependencies(c, plan.workers)
		plan.workers = append(plan.workers, w)
	}
	for range 1 + c(4) {
		plan.actors = append(plan.actors, drawOperations(c, 1+c(7), len(names), false))
	}
	plan.early, plan.again = c.chance(40), c.chance(50)
	for range c(4) {
		op := operation{verb: oneOf(c, restartWorker, stopWorker, restartWorker, unregister), bound: oneOf(c, 0, time.Millisecond), worker: c(len(names))}
		plan.asked = append(plan.asked, op)
	}
	if c.chance(40) {
		plan.quieten()
	}
	plan.settle = time.Second
	if plan.pool.punctual() && !plan.calls() {
		plan.settle = oneOf(c, time.Second, 5*time.Millisecond, 15*time.Millisecond)
	}

	return plan
}

func drawSettings(c choices, percent int) settings {
	backoffs := []backoffSpec{
		{worker.ConstantBackoff(0), 0, 0, 0},
		{worker.ConstantBackoff(time.Millisecond), time.Millisecond, time.Millisecond, time.Millisecond},
		{worker.ConstantBackoff(time.Hour), time.Hour, time.Hour, time.Hour},
		{worker.ConstantBackoff(forever), forever, forever, forever},
		{worker.ConstantBackoff(-time.Hour), 0, 0, 0},
		{worker.ExponentialBackoff(time.Millisecond, 20*time.Millisecond), 500 * time.Microsecond, 20 * time.Millisecond, time.Millisecond},
		{func(int, error) time.Duration { panic("in backoff") }, 50 * time.Millisecond, 30 * time.Second, 100 * time.Millisecond},
		{func(int, error) time.Duration { runtime.Goexit(); return 0 }, 50 * time.Millisecond, 30 * time.Second, 100 * time.Millisecond},
		{func(failures int, _ error) time.Duration { return time.Duration(failures) * time.Millisecond }, 0, forever, 0},
	}

	return settings{
		attempts: maybe(c, percent, 1, 2, 3, 5, 5, worker.UnlimitedExecutionsAttempts, worker.UnlimitedExecutionsAttempts, 0, -7),
		deferral: maybe(c, percent, 0, 0.001, 0.01, 3600, math.Inf(1), -1),
		backoff:  maybe(c, percent, backoffs...),
		healthy:  maybe(c, percent, 0, time.Millisecond, 20*time.Millisecond, -1),
		policy:   maybe(c, percent, worker.RestartOnFailure, worker.RestartAlways),
		timeout:  maybe(c, percent/3, 0, 5*time.Millisecond, 60*time.Millisecond, -1),
		limit:    maybe(c, percent/3, restartLimit{0, time.Hour}, restartLimit{1, time.Hour}, restartLimit{1, time.Millisecond}, restartLimit{2, 50 * time.Millisecond}, restartLimit{3, forever}),
	}
}

func drawPool(c choices, names int) poolSpec {
	return poolSpec{
		settings:    drawSettings(c, 25),
		stopTimeout: oneOf(c, 0, 0, 0, -1, 5*time.Millisecond, 50*time.Millisecond),
		maxEvents:   maybe(c, 20, 0, 1, 5, 1000),
		generator:   drawQuirk(c, 10, names),
		writer:      drawQuirk(c, 10, names),
		listener:    drawQuirk(c, 15, names),
		middleware:  drawQuirk(c, 10, names),
		tracing:     c.chance(20),
		logs:        !c.chance(10),
		namespace:   oneOf(c, "", "", "shop"),
		stopDelay:   oneOf(c, 0, 0, 0, 0, 20*time.Millisecond, 10*time.Second),
		context:     drawQuirk(c, 10, names),
	}
}

func drawWorker(c choices, pool *poolSpec, index int, name string, names int) *workerSpec {
	w := &workerSpec{
		settings:   drawSettings(c, 40),
		pool:       pool,
		index:      index,
		name:       name,
		heartbeat:  oneOf(c, 0, 0, 0, 50*time.Millisecond, 100*time.Millisecond),
		stage:      oneOf(c, 0, 0, 0, 1, -1, 7),
		stopPool:   c.chance(10),
		middleware: drawQuirk(c, 10, names),

		readiness:      maybe(c, 25, 0, 5*time.Millisecond, 60*time.Millisecond, time.Hour),
		readyOnSuccess: c.chance(10),
		optional:       c.chance(10),
		stopTimeout:    oneOf(c, 0, 0, 0, 0, -1, 10*time.Millisecond, 100*time.Millisecond),
		stopErrors:     oneOf(c, 0, 0, 0, 1, 2),
	}
	if c.chance(20) {
		w.schedule = &scheduleSpec{
			every: oneOf(c, 30*time.Millisecond, 100*time.Microsecond, 5*time.Millisecond, time.Hour, 200*365*24*time.Hour),
			quirk: drawQuirk(c, 40, names),
		}
		w.policy = nil // RestartAlways would be an error
	}
	for range 1 + c(6) {
		w.script = append(w.script, drawAttempt(c, names))
	}

	return w
}

// drawDependencies lets a worker depend on some that were drawn before.
func (w *workerSpec) drawDependencies(c choices, before []*workerSpec) {
	for _, other := range before {
		if c.chance(30) {
			w.dependsOn = append(w.dependsOn, other.name)
			w.stage = min(w.stage, other.stage)
		}
	}
}

func drawAttempt(c choices, names int) attemptSpec {
	a := attemptSpec{
		work:   oneOf(c, 0, 0, time.Millisecond, 10*time.Millisecond, 70*time.Millisecond, 250*time.Millisecond),
		heeds:  !c.chance(30),
		beats:  c.chance(50),
		nested: c.chance(10),
		says:   c.chance(50),
		ending: c(len(endings)),
	}
	a.saysLate = c.chance(20)
	if c.chance(20) {
		a.children = 1 + c(2)
	}
	if c.chance(15) {
		a.calls = drawOperations(c, 1+c(2), names, true)
	}

	return a
}

func drawQuirk(c choices, percent, names int) quirk {
	if !c.chance(percent) {
		return quirk{}
	}

	return quirk{kind: 1 + c(quirks-1), at: 1 + c(6), call: drawOperation(c, names, true)}
}

func drawOperations(c choices, n, names int, inside bool) []operation {
	var operations []operation
	for range n {
		operations = append(operations, drawOperation(c, names, inside))
	}

	return operations
}

func drawOperation(c choices, names int, inside bool) operation {
	common := []verb{startPool, startPool, stopPool, shutDown, register, register, stopWorker, restartWorker, waitForAll, runPool,
		readAll, readAll, startPool, restartWorker, waitReady, unregister, storm}
	if !inside {
		common = append(common, cancelParent)
	}
	op := operation{
		verb:   oneOf(c, common...),
		worker: c(names),
		inside: inside,
		pause:  oneOf(c, 0, 0, 0, time.Millisecond, 10*time.Millisecond, 50*time.Millisecond, 200*time.Millisecond),
		bound:  oneOf(c, 300*time.Millisecond, 0, time.Millisecond, 20*time.Millisecond, 100*time.Millisecond),
	}
	if inside {
		op.pause = 0
	}
	if op.verb == register && c.chance(2) {
		op.verb = registerBad
	}
	if op.verb == storm {
		for range 2 + c(3) {
			op.storm = append(op.storm, oneOf(c, restartWorker, stopWorker, unregister, restartWorker, shutDown, register))
		}
	}

	return op
}

// quieten lets nothing use the pool from inside, so that what must happen at the end is certain.
func (p *sequencePlan) quieten() {
	quirks := []*quirk{&p.pool.generator, &p.pool.writer, &p.pool.listener, &p.pool.middleware}
	for _, w := range p.workers {
		quirks = append(quirks, &w.middleware)
		if w.schedule != nil {
			quirks = append(quirks, &w.schedule.quirk)
		}
		for i := range w.script {
			w.script[i].calls = nil
		}
	}
	for _, q := range quirks {
		if q.kind == calling {
			q.kind = behaves
		}
	}
}

// calls returns whether the pool is used from inside.
func (p *sequencePlan) calls() bool {
	quirks := []quirk{p.pool.generator, p.pool.writer, p.pool.listener, p.pool.middleware}
	for _, w := range p.workers {
		quirks = append(quirks, w.middleware)
		if w.schedule != nil {
			quirks = append(quirks, w.schedule.quirk)
		}
		for _, a := range w.script {
			if len(a.calls) > 0 {
				return true
			}
		}
	}

	return slices.ContainsFunc(quirks, func(q quirk) bool { return q.kind == calling })
}

// punctual returns whether nothing that the pool calls between two attempts takes time.
func (p *poolSpec) punctual() bool {
	slow := func(q quirk) bool { return q.kind == dawdling || q.kind == calling }

	return !slow(p.generator) && !slow(p.writer) && !slow(p.listener) && p.context.kind != dawdling
}

// The methods below say which options a worker has in the end: its own, else the pool's, else the default.

func (w *workerSpec) maxAttempts() int {
	return resolve(w.attempts, w.pool.attempts, 1)
}

// punctual returns the same of a worker.
func (w *workerSpec) punctual() bool {
	return w.pool.punctual() && (w.schedule == nil || w.schedule.punctual())
}

func (s *scheduleSpec) punctual() bool { return s.quirk.kind != dawdling && s.quirk.kind != calling }

// due returns when the run is due that follows one that was due last, or is the first; and how many runs are left out before, as a text.
func (s *scheduleSpec) due(last, now time.Time) (due time.Time, skipped string) {
	if last.IsZero() {
		return now.Add(s.every), ""
	}

	n := 0
	for due = last.Add(s.every); due.Before(now) && n <= 1000; due = due.Add(s.every) {
		n++
	}
	switch {
	case n > 1000 && s.quirk.kind == behaves: // an interval keeps its beat
		if late := now.Sub(due); late > 0 {
			due = due.Add((late - 1).Truncate(s.every) + s.every)
		}
		return due, "more than 1000"
	case n > 1000:
		return now.Add(s.every - 1), "more than 1000"
	case n > 0:
		skipped = strconv.Itoa(n)
	}

	return due, skipped
}

func (w *workerSpec) within() time.Duration  { return resolve(w.readiness, nil, 0) }
func (w *workerSpec) timeout() time.Duration { return resolve(w.settings.timeout, w.pool.timeout, 0) }

func (w *workerSpec) restartLimit() (n int, within time.Duration) {
	limit := resolve(w.limit, w.pool.limit, restartLimit{})

	return limit.n, limit.within
}

func (w *workerSpec) deferral() float64      { return resolve(w.settings.deferral, w.pool.deferral, 0) }
func (w *workerSpec) healthy() time.Duration { return resolve(w.settings.healthy, w.pool.healthy, 0) }

func (w *workerSpec) restartsAlways() bool {
	return w.schedule == nil && resolve(w.policy, w.pool.policy, worker.RestartOnFailure) == worker.RestartAlways
}

// backoffBounds are those of a wait after so many failures in a row.
func (w *workerSpec) backoffBounds(failures int) (least, most time.Duration) {
	byDefault := backoffSpec{}
	if w.maxAttempts() == worker.UnlimitedExecutionsAttempts {
		byDefault.least, byDefault.most, byDefault.first = 50*time.Millisecond, 30*time.Second, 100*time.Millisecond
	}
	b := resolve(w.backoff, w.pool.backoff, byDefault)
	switch {
	case b.least == 0 && b.most == forever: // that many milliseconds
		return time.Duration(failures) * time.Millisecond, time.Duration(failures) * time.Millisecond
	case failures == 0:
		return b.least, b.first
	}

	return b.least, b.most
}

func resolve[T any](own, global *T, byDefault T) T {
	switch {
	case own != nil:
		return *own
	case global != nil:
		return *global
	default:
		return byDefault
	}
}

// seconds is what a deferral of so many seconds waits.
func seconds(s float64) time.Duration {
	if s > 1e9 {
		return forever
	}

	return time.Duration(s * float64(time.Second))
}

func (s settings) ofPool() (options []worker.WorkerPoolOption) {
	if s.attempts != nil {
		options = append(options, worker.WithGlobalMaxExecutionsAttempts(*s.attempts))
	}
	if s.deferral != nil {
		options = append(options, worker.WithGlobalDeferredStartThreshold(*s.deferral))
	}
	if s.backoff != nil {
		options = append(options, worker.WithGlobalBackoff(s.backoff.wait))
	}
	if s.healthy != nil {
		options = append(options, worker.WithGlobalHealthyAfter(*s.healthy))
	}
	if s.policy != nil {
		options = append(options, worker.WithGlobalRestartPolicy(*s.policy))
	}
	if s.timeout != nil {
		options = append(options, worker.WithGlobalAttemptTimeout(*s.timeout))
	}
	if s.limit != nil {
		options = append(options, worker.WithGlobalRestartLimit(s.limit.n, s.limit.within))
	}

	return options
}

func (s settings) ofWorker() (options []worker.WorkerExecutionOption) {
	if s.attempts != nil {
		options = append(options, worker.WithMaxExecutionsAttempts(*s.attempts))
	}
	if s.deferral != nil {
		options = append(options, worker.WithDeferredStartThreshold(*s.deferral))
	}
	if s.backoff != nil {
		options = append(options, worker.WithBackoff(s.backoff.wait))
	}
	if s.healthy != nil {
		options = append(options, worker.WithHealthyAfter(*s.healthy))
	}
	if s.policy != nil {
		options = append(options, worker.WithRestartPolicy(*s.policy))
	}
	if s.timeout != nil {
		options = append(options, worker.WithAttemptTimeout(*s.timeout))
	}
	if s.limit != nil {
		options = append(options, worker.WithRestartLimit(s.limit.n, s.limit.within))
	}

	return options
}

// String shows a plan with what its options point to.
func (p *sequencePlan) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "pool: stopDelay=%s context=%v %s stopTimeout=%s maxEvents=%s generator=%v writer=%v listener=%v middleware=%v tracing=%v logs=%v early=%v\n",
		p.pool.stopDelay, p.pool.context, p.pool.settings, p.pool.stopTimeout, value(p.pool.maxEvents), p.pool.generator, p.pool.writer, p.pool.listener,
		p.pool.middleware, p.pool.tracing, p.pool.logs, p.early)
	for i, w := range p.workers {
		fmt.Fprintf(&text, "worker %d %q: %s heartbeat=%s stage=%d stopPool=%v middleware=%v\n",
			i, w.name, w.settings, w.heartbeat, w.stage, w.stopPool, w.middleware)
		fmt.Fprintf(&text, "    readiness=%s readyOnSuccess=%v optional=%v dependsOn=%v stopTimeout=%s stopErrors=%d",
			value(w.readiness), w.readyOnSuccess, w.optional, w.dependsOn, w.stopTimeout, w.stopErrors)
		if w.schedule != nil {
			fmt.Fprintf(&text, " schedule=%+v", *w.schedule)
		}
		text.WriteString("\n")
		for _, a := range w.script {
			fmt.Fprintf(&text, "    %+v\n", a)
		}
	}
	for i, operations := range p.actors {
		fmt.Fprintf(&text, "actor %d: %v\n", i, operations)
	}

	fmt.Fprintf(&text, "epilogue: again=%v settle=%s %v\n", p.again, p.settle, p.asked)

	return text.String()
}

func (s settings) String() string {
	backoff := "-"
	if s.backoff != nil {
		backoff = fmt.Sprintf("%s..%s", s.backoff.least, s.backoff.most)
	}

	return fmt.Sprintf("attempts=%s deferral=%s backoff=%s healthy=%s policy=%s timeout=%s limit=%s",
		value(s.attempts), value(s.deferral), backoff, value(s.healthy), value(s.policy), value(s.timeout), value(s.limit))
}

func value[T any](p *T) string {
	if p == nil {
		return "-"
	}

	return fmt.Sprint(*p)
}

func (q quirk) String() string {
	name := [...]string{"none", "panic", "goexit", "nonsense", "dawdle", "call"}[q.kind]
	if q.kind == behaves {
		return name
	}
	if q.kind == calling {
		name = q.call.String()
	}

	return fmt.Sprintf("%s@%d", name, q.at)
}

func (o operation) String() string {
	return fmt.Sprintf("+%s:%s%v(%d, %s)", o.pause, o.verb, o.storm, o.worker, o.bound)
}
