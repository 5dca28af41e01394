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

// A world is one pool of a plan and all that is seen of it: the listener's transitions, the log, the samples, the errors of calls, and the
// workers' own notes. Its actors perform operations; what is wrong with an answer at once is a violation, the rest is compared at the
// end (model_check_test.go).

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
	starts     []time.Time                           // when the pool was started
	byID       map[string]*attempt                   // of those that have ended
	forgotten  map[string]bool                       // workers that may have been unregistered
	ran        bool                                  // whether a Run has started the pool
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
		byID:       map[string]*attempt{},
		forgotten:  map[string]bool{},
	}

	pool := plan.pool
	w.bounded.Store(pool.stopTimeout > 0)
	options := append(pool.ofPool(),
		worker.WithGenerator(w.generator(pool.generator)),
		worker.WithGlobalListener(w.listener(pool.listener)),
		worker.WithGlobalStopTimeout(pool.stopTimeout),
		worker.WithGlobalStopDelay(pool.stopDelay),
	)
	if pool.middleware.kind != behaves {
		options = append(options, worker.WithGlobalMiddlewares(w.middleware(pool.middleware)))
	}
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
		worker.WithDependsOn(spec.dependsOn...),
		worker.WithStopTimeout(spec.stopTimeout),
		worker.WithStopErrors(stopErrors[spec.stopErrors]),
	)
	if spec.middleware.kind != behaves {
		options = append(options, worker.WithMiddlewares(w.middleware(spec.middleware)))
	}
	if spec.schedule != nil {
		options = append(options, worker.WithSchedule(w.schedule(spec.schedule)))
	}
	if spec.readiness != nil {
		options = append(options, worker.WithReadiness(*spec.readiness))
	}
	if spec.readyOnSuccess {
		options = append(options, worker.WithReadyOnSuccess())
	}
	if spec.optional {
		options = append(options, worker.WithOptional())
	}
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
	a := &attempt{world: w, ctx: ctx, spec: spec, execution: e, id: worker.CtxWorkerExecutionId(ctx), started: time.Now()}
	a.run = w.runOf(ctx)
	a.ends("goexited", "") // unless it gets to its end
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
	if stopped && stopAt.Before(e.StartedAt()) {
		w.violated("an attempt of %s begins %s after it was told to stop", spec.name, time.Since(stopAt))
	}

	return a
}

// runOf returns which Start an attempt belongs to, on a goroutine of its own, since a misbehaving context may end that.
func (w *world) runOf(ctx context.Context) (run any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		run = ctx.Value(runKey{})
	}()
	<-done
	if run == nil {
		run = w.serial.Add(1) // nobody's
	}

	return run
}

// toldToStop notes that an attempt was told to stop by something else than the end of itself.
func (w *world) toldToStop(a *attempt) {
	cause, now := context.Cause(a.ctx), time.Now()

	w.mu.Lock()
	if cause == context.Canceled && !(w.mayLackCause() && a.endedAt.IsZero()) {
		w.mu.Unlock()
		return
	}
	if isFailure(cause) {
		a.failedAt = now
		if w.isTold(a) {
			a.toldAt = now // or before
		}
		w.mu.Unlock()
		return
	}
	a.toldAt = now
	if _, ok := w.stopAt[a.execution]; !ok {
		w.stopAt[a.execution] = a.toldAt
	}
	alive := slices.Collect(maps.Values(w.current))
	late := !w.plan.early || len(w.forgotten) > 0 // some may have been registered after the start
	w.mu.Unlock()

	if w.bounded.Load() || cause == worker.ErrWorkerStopped {
		return
	}
	if late && (cause == errParent || cause == context.DeadlineExceeded || cause == context.Canceled) {
		return // a lower stage that was registered later ends with the one that was lowest at Start, and so do dependencies
	}
	for _, other := range alive {
		if other == nil || other.run != a.run || w.isOverdueAt(other, now) {
			continue
		}
		if other.spec.stage < a.spec.stage {
			w.violated("%s of stage %d was told to stop while %s of stage %d was running",
				a.spec.name, a.spec.stage, other.spec.name, other.spec.stage)
		}
		if slices.Contains(other.spec.dependsOn, a.spec.name) {
			w.violated("%s was told to stop while %s was running, which depends on it", a.spec.name, other.spec.name)
		}
	}
}

// mayLackCause returns whether the end of Start's context may have no cause, since its methods panic.
func (w *world) mayLackCause() bool { return w.plan.pool.context.kind == panicking }

// isTold returns whether anything was told that makes an attempt one that was stopped.
func (w *world) isTold(a *attempt) bool {
	_, told := w.stopAt[a.execution]

	return told
}

// maybeTold returns whether an attempt may have been told to stop before its end.
func (w *world) maybeTold(a *attempt) bool {
	stopAt, told := w.stopAt[a.execution]

	return told && !stopAt.After(a.endedAt) || w.ran || slices.ContainsFunc(w.plan.workers, func(s *workerSpec) bool { return s.stopPool })
}

// isOverdueAt returns whether an attempt no longer holds up a stop.
func (w *world) isOverdueAt(a *attempt, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := a.spec.stopTimeout
	stopAt, told := w.stopAt[a.execution]

	unseen := !told && !a.failedAt.IsZero() // since its context was done before

	return d > 0 && (unseen || told && now.Sub(stopAt) >= d) || !a.endedAt.IsZero()
}

// leave is called by a worker as its last act in an attempt, also when it panics or ends its goroutine.
func (w *world) leave(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current[a.spec.name] = nil
	w.alive[a.execution]--
	a.endedAt = time.Now()
	w.endings[a.spec.name] = append(w.endings[a.spec.name], a.ending)
	w.byID[a.id] = a
}

// attemptOf returns the attempt of an id, nil if there is none that has ended.
func (w *world) attemptOf(id string) *attempt { return w.byID[id] }

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
	unregister    verb = "Unregister"
	waitReady     verb = "WaitReady"
	storm         verb = "storm"
)

func (v verb) stops() bool {
	switch v {
	case stopPool, shutDown, stopWorker, restartWorker, runPool, cancelParent, unregister, storm:
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
	storm  []verb        // what a storm does to the worker at once
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
	case unregister:
		w.mu.Lock()
		w.forgotten[spec.name] = true
		w.mu.Unlock()
		w.stopsOne(ctx, op, spec.name, w.pool.Unregister)
	case storm:
		var all sync.WaitGroup
		for _, verb := range op.storm {
			all.Go(func() { w.perform(operation{verb: verb, worker: op.worker, inside: op.inside, bound: op.bound}) })
		}
		all.Wait()
	case waitReady:
		w.waitsReady(ctx)
	case register:
		w.register(spec)
	case registerBad:
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

	at := time.Now()
	misbehaving := &quirkyContext{Context: w.context(ctx), world: w, quirk: w.plan.pool.context}
	if misbehaving.quirk.kind == panicking {
		misbehaving.done = make(chan struct{})
		context.AfterFunc(misbehaving.Context, func() { close(misbehaving.done) })
	}
	err := w.pool.Start(misbehaving)
	misbehaving.started.Store(true)
	w.mayRefuse(err)
	w.hasStarted(at, err)
}

// hasStarted notes that the pool was started.
func (w *world) hasStarted(at time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !refused(err) {
		w.starts = append(w.starts, at)
	}
}

// quirkyContext is a context of Start whose methods misbehave later.
type quirkyContext struct {
	context.Context
	world   *world
	quirk   quirk
	started atomic.Bool
	calls   atomic.Int64
	done    chan struct{} // its own, so that package context asks for its error; nil if it has none
}

func (c *quirkyContext) Done() <-chan struct{} {
	if c.done != nil {
		return c.done
	}

	return c.Context.Done()
}

func (c *quirkyContext) misbehave() {
	if !c.started.Load() || c.quirk.kind == behaves || int(c.calls.Add(1)) < c.quirk.at {
		return
	}
	switch c.quirk.kind {
	case panicking:
		panic("a quirk")
	case goexiting:
		runtime.Goexit()
	case dawdling:
		time.Sleep(time.Millisecond)
	case calling:
		_ = c.world.pool.Report()
	}
}

func (c *quirkyContext) Value(key any) any {
	c.misbehave()
	if c.started.Load() && c.quirk.kind == nonsense {
		return nil
	}

	return c.Context.Value(key)
}

func (c *quirkyContext) Deadline() (time.Time, bool) {
	if c.started.Load() && c.quirk.kind == panicking {
		panic("a quirk")
	}

	return c.Context.Deadline()
}

func (c *quirkyContext) Err() error {
	if c.started.Load() && c.quirk.kind == panicking {
		panic("a quirk")
	}

	return c.Context.Err()
}

// register registers a worker, and checks why it is refused.
func (w *world) register(spec *workerSpec) {
	own, how := w.worker(spec)
	registration := worker.NewWorkerRegistration(own, how...)
	if w.serial.Load()%2 == 0 {
		w.pool.Register(registration)
		return
	}
	if err := w.pool.Add(registration); err != nil && err.Error() != "worker "+spec.name+" is still running" &&
		!(strings.Contains(err.Error(), " depends on ") && strings.Contains(err.Error(), ", which is not registered")) {
		w.violated("Add: %v", err)
	}
}

func (w *world) waitsReady(ctx context.Context) {
	err := w.pool.WaitReady(ctx)
	for _, err := range separate(err) {
		var failed *worker.WorkerError
		var dependency *worker.DependencyError
		switch {
		case errors.Is(err, worker.ErrPoolStopped), errors.As(err, &failed), errors.As(err, &dependency):
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		default:
			w.violated("WaitReady: %v", err)
		}
	}
}

// mayRefuse checks the error of a Start: the pool is started already, or something that is not valid was registered.
func (w *world) mayRefuse(err error) {
	if err != nil && !refused(err) {
		w.violated("Start: %v", err)
	}
}

// refused returns whether a pool was not started, for a reason that there may be.
func refused(err error) bool {
	if err == nil || errors.Is(err, worker.ErrPoolAlreadyStarted) {
		return err != nil
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line != "nil worker registration" && !strings.HasSuffix(line, ", which is not registered") {
			return false
		}
	}

	return true
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
	executions := w.pool.Executions()
	w.mu.Lock()
	cancels := w.parents
	w.parents = nil
	ran := w.ran
	w.mu.Unlock()
	if !ran {
		defer w.stopBegan(executions, time.Now())
	}

	for _, cancel := range cancels {
		cancel(errParent)
	}
}

// stopBegan notes that a stop of these has begun, which no attempt may follow.
func (w *world) stopBegan(executions map[string]*worker.WorkerExecution, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range executions {
		if stopAt, ok := w.stopAt[e]; !ok || at.Before(stopAt) {
			w.stopAt[e] = at
		}
	}
}

// stops stops the pool, and checks that what was there before has ended then.
func (w *world) stops(ctx context.Context, op operation, stop func(context.Context) error) (stopped bool) {
	if _, ok := ctx.Deadline(); ok {
		w.bounded.Store(true)
	}
	before, at := w.pool.Executions(), time.Now()
	w.stopBegan(before, at)
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
	if before != nil && op.verb != unregister { // which may be refused
		w.stopBegan(map[string]*worker.WorkerExecution{name: before}, at)
	}
	err := stop(ctx, name)

	w.inTime(op, at)
	if before != nil && (err == nil || errors.Is(err, worker.ErrStopTimeout)) {
		w.stopBegan(map[string]*worker.WorkerExecution{name: before}, at)
	}
	switch {
	case errors.Is(err, worker.ErrPoolNotStarted) && op.verb == restartWorker:
	case err == nil:
		if before != nil {
			w.hasEnded(op, name, before)
		}
	case err.Error() == fmt.Sprintf("registration for worker %s was not found", name) && (before == nil || w.isForgotten(name)):
	case op.verb == unregister && strings.HasPrefix(err.Error(), "worker "+name+" cannot be unregistered: "):
	default:
		w.timedOut(ctx, op, at, err)
	}
}

func (w *world) isForgotten(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.forgotten[name]
}

// timedOut checks that a stop that gave up did so when it was told to, and names workers.
func (w *world) timedOut(ctx context.Context, op operation, at time.Time, err error) {
	var stop *worker.StopError
	if !errors.As(err, &stop) {
		w.violated("%s: %v", op.verb, err)
		return
	}

	// A stop of the pool may have begun before.
	timeout := w.plan.pool.stopTimeout
	if ctx.Err() == nil && (timeout <= 0 || time.Since(at) < timeout && op.verb != stopPool && op.verb != shutDown) {
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
	w.mu.Lock()
	w.ran = true
	w.mu.Unlock()
	at := time.Now()
	err := w.pool.Run(w.context(ctx))
	w.hasStarted(at, err)
	if refused(err) {
		w.mayRefuse(err)
		return
	}
	if op.inside {
		w.violated("Run from inside started a second time: %v", err)
	}
	w.reported(err)
	if errors.Is(err, worker.ErrStopTimeout) {
		return
	}
	for name, e := range before {
		w.hasEnded(op, name, e) // since otherwise it could not have been started
	}
}

func (w *world) waits(ctx context.Context) {
	before := w.pool.Executions()
	err := w.pool.Wait(ctx)
	if err == context.DeadlineExceeded {
		if ctx.Err() == nil {
			w.violated("Wait: %v", err)
		}
		return
	}
	w.reported(err)
	if errors.Is(err, worker.ErrStopTimeout) {
		return
	}
	for name, e := range before {
		w.hasEnded(operation{verb: waitForAll}, name, e)
	}
}

// reported checks the errors of workers that Run or Wait have joined.
func (w *world) reported(err error) {
	for _, err := range separate(err) {
		var failed *worker.WorkerError
		var stop *worker.StopError
		if dependent, ok := err.(*worker.DependencyError); ok {
			if !slices.Contains(w.spec(dependent.Worker).dependsOn, dependent.Dependency) || dependent.Err == nil {
				w.violated("an odd failure: %+v", dependent)
			}
		} else if errors.As(err, &failed) {
			_, err := w.pool.Registration(failed.Worker)
			if err != nil && !w.isForgotten(failed.Worker) || failed.Err == nil || failed.Attempt < 1 && w.spec(failed.Worker).schedule == nil {
				w.violated("an odd failure: %+v (%v)", failed, err)
			}
		} else if errors.As(err, &stop) && w.plan.pool.stopTimeout > 0 {
			w.isOverdue(time.Now(), stop)
		} else {
			w.violated("an odd error: %v", err)
		}
	}
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
		if _, err := w.pool.Registration(name); err != nil && !w.isForgotten(name) {
			w.violated("%v", err)
		}
	}
	_ = w.pool.Options()
	if health := w.pool.Health(); health.Live != (len(health.NotLive) == 0) || health.Ready && len(health.NotReady) > 0 {
		w.violated("health %+v", health)
	}
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

// schedule's nonsense is to go back in time; it may also have no more due times, in the place of an error.
func (w *world) schedule(s *scheduleSpec) worker.Schedule {
	if s.quirk.kind == behaves {
		return worker.Every(s.every)
	}
	due := s.quirk.count()

	return nextFunc(func(after time.Time) time.Time {
		if due() {
			w.misbehave(s.quirk)
			switch {
			case s.quirk.kind == nonsense && s.quirk.at%2 == 0:
				return after.Add(-time.Hour)
			case s.quirk.kind == nonsense:
				return time.Time{}
			}
		}

		return after.Add(s.every)
	})
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
func (w *world) writer(q quirk) writerFunc {
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
	a.spoiled = true
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
