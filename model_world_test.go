package worker_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	yokai "github.com/ankorstore/yokai/healthcheck"
	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace/noop"
)

// stopBound is more than any stop may take: no scripted worker ignores its context for longer than a second, while a backoff or
// a deferral may be of an hour or for ever.
const stopBound = 30 * time.Second

var errParent = errors.New("the parent was cancelled")

// world is one pool with all that is seen of it.
type world struct {
	plan     *sequencePlan
	pool     *worker.WorkerPool
	registry *prometheus.Registry
	serial   atomic.Int64
	logs     logBuffer
	poisoned atomic.Bool // something that is not valid was registered
	bounded  atomic.Bool // a stop had a bound, after which all stages are cancelled

	mu         sync.Mutex // guards the fields below, and is never held while time passes
	violations []string
	told       map[string][]worker.Transition // by worker name, what the listener was told
	current    map[string]*attempt            // by worker name, the live attempt
	latest     map[string]*attempt            // by worker name, the newest attempt
	endings    map[string][]ending            // by worker name
	alive      map[*worker.WorkerExecution]int
	stopAt     map[*worker.WorkerExecution]time.Time // when it was told to stop
	executions map[*worker.WorkerExecution]bool      // all that were ever seen
	overdue    map[string][]time.Time                // by worker name, when stops began that timed out
	firstStop  time.Time                             // when anything was first told to stop
	contexts   []context.Context
	parents    []context.CancelCauseFunc
	reports    []worker.PoolReport
}

func newWorld(plan *sequencePlan) *world {
	w := &world{
		plan:       plan,
		registry:   prometheus.NewPedanticRegistry(),
		told:       map[string][]worker.Transition{},
		current:    map[string]*attempt{},
		latest:     map[string]*attempt{},
		endings:    map[string][]ending{},
		alive:      map[*worker.WorkerExecution]int{},
		stopAt:     map[*worker.WorkerExecution]time.Time{},
		executions: map[*worker.WorkerExecution]bool{},
		overdue:    map[string][]time.Time{},
	}

	pool := plan.pool
	w.bounded.Store(pool.stopTimeout > 0)
	options := append(pool.ofPool(),
		worker.WithGenerator(w.generator(pool.generator)),
		worker.WithGlobalListener(w.listener(pool.listener)),
		worker.WithGlobalStopTimeout(pool.stopTimeout),
		worker.WithGlobalMiddlewares(w.middleware(pool.middleware)),
	)
	if pool.maxEvents != nil {
		options = append(options, worker.WithGlobalMaxEvents(*pool.maxEvents))
	}
	if pool.tracing {
		options = append(options, worker.WithGlobalMiddlewares(worker.NewTracingMiddleware()),
			worker.WithTracerProvider(noop.NewTracerProvider()))
	}
	if pool.namespace != "" {
		options = append(options, worker.WithMetrics(worker.NewWorkerMetrics(pool.namespace, "")))
	}
	for _, spec := range plan.workers {
		if plan.early {
			own, how := w.worker(spec)
			options = append(options, worker.WithWorker(own, how...))
		}
	}
	w.pool = worker.NewWorkerPool(options...)
	if err := w.pool.Metrics().Register(w.registry); err != nil {
		w.violated("metrics: %v", err)
	}

	return w
}

// violated notes what must not be.
func (w *world) violated(format string, values ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) < 20 {
		w.violations = append(w.violations, fmt.Sprintf("+%s: ", time.Since(start))+fmt.Sprintf(format, values...))
	}
}

// worker makes a worker of a name, anew each time, and its options.
func (w *world) worker(spec *workerSpec) (worker.Worker, []worker.WorkerExecutionOption) {
	options := append(spec.ofWorker(),
		worker.WithHeartbeat(spec.heartbeat),
		worker.WithStopStage(spec.stage),
		worker.WithMiddlewares(w.middleware(spec.middleware)),
	)
	if spec.stopPool {
		options = append(options, worker.WithStopPoolOnFailure())
	}

	return &modelWorker{world: w, spec: spec}, options
}

// enter is called by a worker as its first act in an attempt, and checks that it may run.
func (w *world) enter(ctx context.Context, spec *workerSpec) *attempt {
	e, err := w.pool.Execution(spec.name)
	if err != nil {
		w.violated("a worker runs that has no execution: %v", err)
		e = worker.NewWorkerExecution("", spec.name, worker.ExecutionOptions{})
	}
	a := &attempt{world: w, ctx: ctx, spec: spec, execution: e, id: worker.CtxWorkerExecutionId(ctx), started: time.Now(), run: ctx.Value(runKey{})}
	if name := worker.CtxWorkerName(ctx); name != spec.name {
		w.violated("%s runs with the context of %s", spec.name, name)
	}
	if e.Id() != a.id || e.Status() != worker.Running {
		w.violated("attempt %s of %s begins, but its execution says %s is %s", a.id, spec.name, e.Id(), e.Status())
	}
	context.AfterFunc(ctx, func() { w.toldToStop(a) })

	w.mu.Lock()
	other, last := w.current[spec.name], w.latest[spec.name]
	w.current[spec.name], w.latest[spec.name] = a, a
	w.alive[e]++
	w.executions[e] = true
	w.contexts = append(w.contexts, ctx)
	stopAt, stopped := w.stopAt[e]
	w.mu.Unlock()

	if other != nil {
		w.violated("two attempts of %s are alive together", spec.name)
	}
	if last != nil && last.ctx.Err() == nil {
		w.violated("an attempt of %s begins before the context of the one before is cancelled", spec.name)
	}
	// The first attempt of a worker that is not deferred takes place in any case.
	first := len(e.Events())+e.DroppedEvents() == 1
	if stopped && stopAt.Before(e.StartedAt()) && !first {
		w.violated("an attempt of %s begins %s after it was told to stop", spec.name, time.Since(stopAt))
	}

	return a
}

// toldToStop notes that an attempt was told to stop by something else than the end of itself.
func (w *world) toldToStop(a *attempt) {
	if cause := context.Cause(a.ctx); cause == context.Canceled || cause == worker.ErrHeartbeatMissed {
		return
	}

	w.mu.Lock()
	a.toldAt = time.Now()
	if _, ok := w.stopAt[a.execution]; !ok {
		w.stopAt[a.execution] = a.toldAt
	}
	alive := slices.Collect(maps.Values(w.current))
	w.mu.Unlock()

	cause := context.Cause(a.ctx)
	if w.bounded.Load() || cause == worker.ErrWorkerStopped {
		return
	}
	if !w.plan.early && (cause == errParent || cause == context.DeadlineExceeded) {
		return // a lower stage that was registered later ends with the one that was lowest at Start
	}
	for _, other := range alive {
		if other != nil && other.run == a.run && other.spec.stage < a.spec.stage {
			w.violated("%s of stage %d was told to stop while %s of stage %d was running",
				a.spec.name, a.spec.stage, other.spec.name, other.spec.stage)
		}
	}
}

// leave is called by a worker as its last act in an attempt, also when it panics or ends its goroutine.
func (w *world) leave(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current[a.spec.name] = nil
	w.alive[a.execution]--
	a.endedAt = time.Now()
	w.endings[a.spec.name] = append(w.endings[a.spec.name], a.ending)
}

// verb is what an actor does.
type verb string

const (
	startPool     verb = "Start"
	stopPool      verb = "Stop"
	shutDown      verb = "Shutdown"
	stopWorker    verb = "StopWorker"
	restartWorker verb = "RestartWorker"
	register      verb = "Register"
	registerBad   verb = "Register nil"
	runPool       verb = "Run"
	waitForAll    verb = "Wait"
	cancelParent  verb = "cancel"
	readAll       verb = "read"
)

func (v verb) stops() bool {
	switch v {
	case stopPool, shutDown, stopWorker, restartWorker, runPool, cancelParent:
		return true
	}

	return false
}

// operation is one use of the pool.
type operation struct {
	verb   verb
	worker int
	inside bool          // called by the pool's own doing, so that it must not wait without bound
	pause  time.Duration // before it
	bound  time.Duration // of its context
}

func (w *world) perform(op operation) {
	time.Sleep(op.pause)
	if op.verb.stops() {
		w.mayStop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), op.bound)
	defer cancel()
	spec := w.plan.workers[op.worker]

	switch op.verb {
	case startPool:
		w.start()
	case stopPool:
		if op.inside {
			w.stops(ctx, op, w.pool.Shutdown)
		} else {
			w.stops(context.Background(), op, func(context.Context) error { return w.pool.Stop() })
		}
	case shutDown:
		w.stops(ctx, op, w.pool.Shutdown)
	case stopWorker:
		w.stopsOne(ctx, op, spec.name, w.pool.StopWorker)
	case restartWorker:
		w.stopsOne(ctx, op, spec.name, w.pool.RestartWorker)
	case register:
		own, how := w.worker(spec)
		w.pool.Register(worker.NewWorkerRegistration(own, how...))
	case registerBad:
		w.poisoned.Store(true)
		w.pool.Register(nil)
	case runPool:
		w.run(ctx, op)
	case waitForAll:
		w.waits(ctx)
	case cancelParent:
		w.cancelParents()
	case readAll:
		w.read()
	}
}

// runKey is the key of a number that each Start and Run has of its own.
type runKey struct{}

// context is that of a Start: with a logger, and with a parent that an actor may cancel.
func (w *world) context(parent context.Context) context.Context {
	parent = context.WithValue(parent, runKey{}, w.serial.Add(1))
	if w.plan.pool.logs {
		logger := zerolog.New(w.writer(w.plan.pool.writer))
		parent = logger.WithContext(parent)
	}

	return parent
}

func (w *world) start() {
	ctx, cancel := context.WithCancelCause(context.Background())
	w.mu.Lock()
	w.parents = append(w.parents, cancel)
	w.mu.Unlock()

	w.mayRefuse(w.pool.Start(w.context(ctx)))
}

// mayRefuse checks the error of a Start: the pool is started already, or something that is not valid was registered.
func (w *world) mayRefuse(err error) {
	if err != nil && !refused(err) || err != nil && !errors.Is(err, worker.ErrPoolAlreadyStarted) && !w.poisoned.Load() {
		w.violated("Start: %v", err)
	}
}

func refused(err error) bool {
	return errors.Is(err, worker.ErrPoolAlreadyStarted) || err != nil && strings.HasPrefix(err.Error(), "nil worker registration")
}

// mayStop notes that from now on a worker may be stopping. One that gives up and stops the pool comes without it.
func (w *world) mayStop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.firstStop.IsZero() {
		w.firstStop = time.Now()
	}
}

// stopping returns whether a worker may have been stopping at a time.
func (w *world) stopping(at time.Time) bool {
	for _, spec := range w.plan.workers {
		if spec.stopPool {
			return true
		}
	}

	return !w.firstStop.IsZero() && !at.Before(w.firstStop)
}

func (w *world) cancelParents() {
	w.mu.Lock()
	cancels := w.parents
	w.parents = nil
	w.mu.Unlock()

	for _, cancel := range cancels {
		cancel(errParent)
	}
}

// stops stops the pool, and checks that what was there before has ended then.
func (w *world) stops(ctx context.Context, op operation, stop func(context.Context) error) (stopped bool) {
	if _, ok := ctx.Deadline(); ok {
		w.bounded.Store(true)
	}
	before, at := w.pool.Executions(), time.Now()
	err := stop(ctx)

	w.inTime(op, at)
	if err != nil {
		w.timedOut(ctx, op, at, err)
		return false
	}
	for name, e := range before {
		w.hasEnded(op, name, e)
	}

	return true
}

func (w *world) stopsOne(ctx context.Context, op operation, name string, stop func(context.Context, string) error) {
	before, at := w.pool.Executions()[name], time.Now()
	w.mu.Lock()
	if _, told := w.stopAt[before]; before != nil && !told {
		w.stopAt[before] = at
	}
	w.mu.Unlock()
	err := stop(ctx, name)

	w.inTime(op, at)
	switch {
	case err == nil, errors.Is(err, worker.ErrPoolNotStarted) && op.verb == restartWorker:
		if before != nil {
			w.hasEnded(op, name, before)
		}
	case err.Error() == fmt.Sprintf("registration for worker %s was not found", name) && before == nil:
	default:
		w.timedOut(ctx, op, at, err)
	}
}

// timedOut checks that a stop that gave up did so when it was told to, and names workers.
func (w *world) timedOut(ctx context.Context, op operation, at time.Time, err error) {
	var stop *worker.StopError
	if !errors.As(err, &stop) {
		w.violated("%s: %v", op.verb, err)
		return
	}

	timeout := w.plan.pool.stopTimeout
	if ctx.Err() == nil && (timeout <= 0 || time.Since(at) < timeout) {
		w.violated("%s timed out after %s, too early: %v", op.verb, time.Since(at), err)
	}
	if len(stop.Workers) == 0 || !errors.Is(err, worker.ErrStopTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		w.violated("%s: %v, of %d workers", op.verb, err, len(stop.Workers))
	}
	w.isOverdue(at, stop)
}

// isOverdue notes whose late return must be told of.
func (w *world) isOverdue(at time.Time, stop *worker.StopError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, stuck := range stop.Workers {
		w.overdue[stuck.Name] = append(w.overdue[stuck.Name], at)
	}
}

func (w *world) inTime(op operation, at time.Time) {
	if took := time.Since(at); took > stopBound {
		w.violated("%s took %s", op.verb, took)
	}
}

// hasEnded checks that nothing of an execution runs any more.
func (w *world) hasEnded(op operation, name string, e *worker.WorkerExecution) {
	w.mu.Lock()
	alive := w.alive[e]
	w.executions[e] = true
	w.mu.Unlock()

	if alive != 0 {
		w.violated("%s returned while an attempt of %s was running", op.verb, name)
	}
	if events := e.Events(); len(events) == 0 || !mayEndWith(events[len(events)-1].Message()) {
		w.violated("%s returned while %s was %s, events %q", op.verb, name, e.Status(), messages(e))
	}
	if status := e.Status(); status != worker.Success && status != worker.Error && status != worker.Stopped {
		w.violated("%s returned while %s was %s", op.verb, name, status)
	}
}

func (w *world) run(ctx context.Context, op operation) {
	before := w.pool.Executions()
	err := w.pool.Run(w.context(ctx))
	if refused(err) {
		w.mayRefuse(err)
		return
	}
	if op.inside {
		w.violated("Run from inside started a second time: %v", err)
	}
	w.reported(err)
	for name, e := range before {
		w.hasEnded(op, name, e) // since otherwise it could not have been started
	}
}

func (w *world) waits(ctx context.Context) {
	before := w.pool.Executions()
	err := w.pool.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		if ctx.Err() == nil {
			w.violated("Wait: %v", err)
		}
		return
	}
	w.reported(err)
	for name, e := range before {
		w.hasEnded(operation{verb: waitForAll}, name, e)
	}
}

// reported checks the errors of workers that Run or Wait have joined.
func (w *world) reported(err error) {
	for _, err := range separate(err) {
		var failed *worker.WorkerError
		var stop *worker.StopError
		if errors.As(err, &failed) {
			if _, err := w.pool.Registration(failed.Worker); err != nil || failed.Err == nil || failed.Attempt < 1 {
				w.violated("an odd failure: %+v (%v)", failed, err)
			}
		} else if errors.As(err, &stop) && w.plan.pool.stopTimeout > 0 {
			w.isOverdue(time.Now(), stop)
		} else {
			w.violated("an odd error: %v", err)
		}
	}
}

// separate returns the errors that others are joined of.
func separate(err error) (all []error) {
	_, stop := err.(*worker.StopError)
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case stop, !ok:
		return []error{err}
	}
	for _, part := range joined.Unwrap() {
		all = append(all, separate(part)...)
	}

	return all
}

// read reads all that can be read.
func (w *world) read() {
	report := w.pool.Report()
	executions := w.pool.Executions()

	w.mu.Lock()
	w.reports = append(w.reports, report)
	for _, e := range executions {
		w.executions[e] = true
	}
	w.mu.Unlock()

	for _, e := range executions {
		_, _, _, _, _ = e.Id(), e.Status(), e.CurrentExecutionAttempt(), e.StartedAt(), e.EndedAt()
		_, _, _, _, _ = e.NextAttemptAt(), e.ConsecutiveFailures(), e.LastError(), e.DroppedEvents(), e.Events()
		_, _, _, _ = e.HasEvent("x"), e.Middlewares(), e.MaxExecutionsAttempts(), e.DeferredStartThreshold()
	}
	for name := range w.pool.Registrations() {
		if _, err := w.pool.Registration(name); err != nil {
			w.violated("%v", err)
		}
	}
	_ = w.pool.Options()
	if _, err := w.registry.Gather(); err != nil {
		w.violated("metrics: %v", err)
	}
	for _, probe := range []yokai.CheckerProbe{
		healthcheck.NewWorkerProbe(w.pool), healthcheck.NewWorkerLivenessProbe(w.pool), healthcheck.NewWorkerReadinessProbe(w.pool),
	} {
		_ = probe.Check(context.Background())
	}
}

// count returns a function that returns true when a quirk's turn has come.
func (q quirk) count() func() bool {
	var calls atomic.Int64

	return func() bool { return q.kind != behaves && int(calls.Add(1)) == q.at }
}

// misbehave does what all quirks have in common.
func (w *world) misbehave(q quirk) {
	switch q.kind {
	case panicking:
		panic("a quirk")
	case goexiting:
		runtime.Goexit()
	case dawdling:
		time.Sleep(2 * time.Millisecond)
	case calling:
		w.perform(q.call)
	}
}

// generator's nonsense is an empty id, and from then on the same id again and again.
func (w *world) generator(q quirk) generatorFunc {
	due := q.count()

	return func() string {
		id := fmt.Sprintf("id-%d", w.serial.Add(1))
		if due() {
			w.misbehave(q)
			if q.kind == nonsense {
				return ""
			}
		}

		return id
	}
}

// writer's nonsense is to have written less than nothing.
func (w *world) writer(q quirk) writer {
	due := q.count()

	return func(line []byte) (int, error) {
		n, err := w.logs.Write(line)
		if due() {
			w.misbehave(q)
			if q.kind == nonsense {
				return -1, nil
			}
		}

		return n, err
	}
}

type writer func(line []byte) (int, error)

func (f writer) Write(line []byte) (int, error) { return f(line) }

func (w *world) listener(q quirk) func(worker.Transition) {
	due := q.count()

	return func(t worker.Transition) {
		w.mu.Lock()
		w.told[t.Worker] = append(w.told[t.Worker], t)
		w.mu.Unlock()
		if due() {
			w.misbehave(q)
		}
	}
}

// middleware's nonsense is to wrap an attempt into nothing, which fails the attempt, as its panic or Goexit does.
func (w *world) middleware(q quirk) worker.Middleware {
	due := q.count()

	return &testMiddleware{name: "quirk", handle: func(next worker.HandlerFunc) worker.HandlerFunc {
		return func(ctx context.Context) error {
			if !due() {
				return next(ctx)
			}

			name := worker.CtxWorkerName(ctx)
			a := w.enter(ctx, w.spec(name))
			w.spoil(a, q)
			defer w.leave(a)
			w.misbehave(q)

			return errors.New("a quirk")
		}
	}}
}

// spoil notes how an attempt ends that a middleware misbehaves in.
func (w *world) spoil(a *attempt, q quirk) {
	switch q.kind {
	case panicking:
		a.ends("panicked", "a quirk")
	case goexiting:
		a.ends("goexited", "")
	default:
		a.ends("failed", "a quirk")
	}
}

func (w *world) spec(name string) *workerSpec {
	for _, spec := range w.plan.workers {
		if spec.name == name {
			return spec
		}
	}

	panic("no worker " + name)
}
