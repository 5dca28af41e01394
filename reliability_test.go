package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// fault is something that goes wrong in a user's code, in a call or around the pool, and what is promised then.
type fault struct {
	fault, promise string
	check          func(t *testing.T)

	// What the published module v1.4.0, suture v4.0.6 and oklog/run v1.2.0 did with the same fault where that was tried; empty
	// where it was not, or where they have nothing of the kind.
	published, suture, oklogRun string
}

// failsWith checks that an attempt that goes wrong is a failure of its worker, and of nothing else: it is told of with this text and
// restarted, another worker runs on, and the pool stops at once.
func failsWith(text string, faulty run, options ...worker.WorkerExecutionOption) func(t *testing.T) {
	return func(t *testing.T) {
		options = append([]worker.WorkerExecutionOption{worker.WithMaxExecutionsAttempts(2)}, options...)
		pool := newPool(t, worker.WithWorker(do("faulty", faulty), options...), worker.WithWorker(do("bystander", block)))
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()

		assert.Equal(t, worker.Error, execution(t, pool, "faulty").Status())
		assert.Equal(t, 2, execution(t, pool, "faulty").CurrentExecutionAttempt(), "it was restarted")
		assert.Contains(t, messages(execution(t, pool, "faulty")), "stopping execution attempt 2/2 with "+text)
		assert.Equal(t, worker.Running, execution(t, pool, "bystander").Status())
		require.NoError(t, pool.Stop())
		assert.Zero(t, time.Since(start))
	}
}

// goesOn checks that what is wrong with the pool's surroundings harms no worker: one fails and is restarted, then both stop.
func goesOn(options ...worker.WorkerPoolOption) func(t *testing.T) {
	return func(t *testing.T) {
		goesOnWith(t, t.Context(), options...)
	}
}

func goesOnWith(t *testing.T, ctx context.Context, options ...worker.WorkerPoolOption) *worker.WorkerPool {
	t.Helper()
	options = append(options, worker.WithWorker(inOrder("failing", fail, block), worker.WithMaxExecutionsAttempts(2)), worker.WithWorker(do("running", block)))
	pool := newPool(t, options...)
	require.NoError(t, pool.Start(ctx))
	synctest.Wait()
	assert.Equal(t, worker.Running, execution(t, pool, "failing").Status())
	assert.Equal(t, worker.Running, execution(t, pool, "running").Status())
	require.NoError(t, pool.Stop())
	assert.Equal(t, []string{
		"starting execution attempt 1/2", "stopping execution attempt 1/2 with error: boom", "restarting after error",
		"starting execution attempt 2/2", "stopping execution attempt 2/2 on cancellation",
	}, messages(execution(t, pool, "failing")))

	return pool
}

// badInput checks that a bad option or worker is an error of Create.
func badInput(text string, option worker.WorkerPoolOption) func(t *testing.T) {
	return func(t *testing.T) {
		pool, err := worker.NewDefaultWorkerPoolFactory().Create(option)
		require.ErrorContains(t, err, text)
		assert.Nil(t, pool)
	}
}

func named(name func() string) worker.WorkerPoolOption {
	return worker.WithWorker(&namedWorker{name})
}

// handling is a middleware of a handler.
func handling(handle worker.MiddlewareFunc) worker.WorkerExecutionOption {
	return worker.WithMiddlewares(&testMiddleware{"m", handle})
}

// panickyProvider is a tracer provider that panics.
type panickyProvider struct{ noop.TracerProvider }

func (panickyProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { panic("no tracer") }

const (
	processEnds = "**the process ends**"
	itHangs     = "**hangs**"
	unnoticed   = "**goes unnoticed**: `running` for ever"
)

// attemptFaults go wrong inside an attempt.
var attemptFaults = []fault{
	{"Run panics", "a failed attempt, restarted; stack in the log and the report", failsWith("recovered panic: ouch", panics), "restarted", "restarted", processEnds},
	{"Run panics with nil", "the same", failsWith("recovered panic: panic called with nil argument", func(context.Context) error { panic(nil) }), "", "", ""},
	{"Run panics with an error", "the same; `errors.Is` finds it", failsWith("recovered panic: EOF", panicsWithEOF), "", "", ""},
	{"Run has a runtime error", "the same", failsWith("recovered panic: assignment to entry in nil map", assignToNilMap), "", "", ""},
	{"Run calls `runtime.Goexit`", "a failed attempt, restarted", failsWith("runtime.Goexit", goexits), unnoticed, "restarted", itHangs},
	{"Run returns a typed nil error", "an error, of the text `<nil>`", failsWith("error: <nil>", func(context.Context) error { return (*panickyError)(nil) }), "an error", "", "an error"},
	{"Run returns an error whose Error panics", "an error, of the text that package fmt gives it", failsWith("error: %!v(PANIC=Error method: in Error)", func(context.Context) error { return &panickyError{} }), "an error", "", ""},
	{"Run returns an error whose Error calls Goexit", "a Goexit", failsWith("runtime.Goexit", func(context.Context) error { return goexitError{} }), "", "", ""},
	{"Run panics with a value whose String calls Goexit", "a Goexit", failsWith("runtime.Goexit", func(context.Context) error { panic(goexitError{}) }), "", "", ""},
	{"Run returns an error text of 1 MB", "an error; the log has all of it, report and events 4 KiB, the metrics nothing", hugeError, "", "", ""},
	{"Run returns another context's error", "an ordinary failure, restarted", failsWith("error: context canceled", func(context.Context) error { return context.Canceled }), "", "", ""},
	{"a middleware panics", "a failed attempt", failsWith("recovered panic: ouch", block, handling(func(worker.HandlerFunc) worker.HandlerFunc { panic("ouch") })), "a failed attempt", "", ""},
	{"a middleware calls Goexit", "a failed attempt", failsWith("runtime.Goexit", block, handling(func(worker.HandlerFunc) worker.HandlerFunc { runtime.Goexit(); return nil })), "", "", ""},
	{"a middleware returns nil", "a failed attempt that names it", failsWith("error: middleware m returned a nil HandlerFunc", block, handling(func(worker.HandlerFunc) worker.HandlerFunc { return nil })), "", "", ""},
	{"a middleware has no function", "a failed attempt that names it", failsWith("error: middleware m returned a nil MiddlewareFunc", block, handling(nil)), "a failed attempt", "", ""},
	{"the tracer provider panics", "a failed attempt", tracerPanics, "", "", ""},
	{"a backoff panics", "the default backoff; the panic is logged", backoffGoesWrong("recovered panic: no wait", func(int, error) time.Duration { panic("no wait") }), "", "", ""},
	{"a backoff calls Goexit", "the default backoff; logged", backoffGoesWrong("runtime.Goexit was called", func(int, error) time.Duration { runtime.Goexit(); return 0 }), "", "", ""},
	{"a backoff returns the shortest duration", "no wait", failsWith("error: boom", fail, worker.WithBackoff(worker.ConstantBackoff(math.MinInt64))), "", "", ""},
	{"a worker registers workers, and each of them one", "all are started", workerRegistersWorkers, "", "", ""},
	{"a worker starts its own pool", "`ErrPoolAlreadyStarted`", failsWith("error: "+worker.ErrPoolAlreadyStarted.Error(), startsItsOwnPool()), itHangs, "", ""},
	{"a worker stops its own pool", "with a bound: a `*StopError` that names it, the others stop", stopsInside, "", "", ""},
	{"a worker ignores its context", "Stop waits, Shutdown not longer than told: it names and locates the worker, and logs its late return", deafWorker, itHangs, "gives up in time and names it", itHangs},
	{"a worker leaves goroutines behind", "they have its context, which is done: the pool does not wait for them", leavesChildren, "its context is never done", "", ""},
	{"a worker stops telling that it is alive", "`Stuck`, its stack logged, cancelled; run again once it has returned", fallsSilent, "", "", ""},
}

// surroundingFaults go wrong in what the pool calls besides.
var surroundingFaults = []fault{
	{"the id generator panics", "a default id; the panic is logged", generatorGoesWrong("recovered panic: no ids", func() string { panic("no ids") }), processEnds, "", ""},
	{"the id generator calls Goexit", "a default id; logged", generatorGoesWrong("runtime.Goexit was called", func() string { runtime.Goexit(); return "" }), "", "", ""},
	{"the id generator returns nothing", "a default id; logged", generatorGoesWrong("empty id", func() string { return "" }), "", "", ""},
	{"the id generator returns one id for ever", "that id", goesOn(worker.WithGenerator(generatorFunc(func() string { return "same" }))), "", "", ""},
	{"the generator is nil", "the default one", goesOn(worker.WithGenerator(nil)), processEnds, "", ""},
	{"the metrics are nil", "metrics of their own", goesOn(worker.WithMetrics(nil)), processEnds, "", ""},
	{"the metrics registry refuses", "its error from Register; the workers run", registryRefuses, "", "", ""},
	{"the log writer panics", "the line is lost, nothing else", logWriterGoesWrong(func() { panic("disk full") }), processEnds, "", ""},
	{"the log writer calls Goexit", "nothing is lost", logWriterGoesWrong(runtime.Goexit), unnoticed, "", ""},
	{"the log writer hangs", "that worker waits; Shutdown names and locates it", hangingWriter, "", "", ""},
	{"the listener panics", "logged", listenerGoesWrong(7, func() { panic("ouch") }), "", processEnds, ""},
	{"the listener calls Goexit", "nothing is lost", listenerGoesWrong(0, runtime.Goexit), "", "", ""},
	{"the listener stops the pool", "with a bound, as from anywhere", listenerStops, "", "", ""},
}

// callFaults are calls that make no sense, or come at a bad time.
var callFaults = []fault{
	{"a nil worker", "an error of Create", badInput("nil worker", worker.WithWorker(nil)), processEnds, "", ""},
	{"a worker without a name", "an error of Create", badInput("has an empty name", named(func() string { return "" })), "registered under the empty name", "", ""},
	{"Name panics", "an error of Create", badInput("recovered panic: no name", named(func() string { panic("no name") })), processEnds, processEnds, ""},
	{"Name says something else each time", "it is asked once", nameChanges, "", "", ""},
	{"a deferral that is not a number", "an error of Create", badInput("not a number", worker.WithGlobalDeferredStartThreshold(math.NaN())), "run at once", "", ""},
	{"a nil option, or one that panics", "an error of Create", badInput("pool option 1 is nil", nil), "", "", ""},
	{"Stop before Start", "nil", func(t *testing.T) { require.NoError(t, newPool(t, named(func() string { return "a" })).Stop()) }, processEnds, "", ""},
	{"Stop from 100 goroutines", "each waits until all has ended", stopFromMany, "", "", ""},
	{"Start twice", "`ErrPoolAlreadyStarted`; nothing is started", startTwice, "**all workers run twice**", processEnds, ""},
	{"Stop right after Start", "nothing runs any more", stopAfterStart, "nothing runs", "nothing runs", ""},
	{"Stop during a deferral of an hour", "at once, and the worker is not run", stopWhileDeferred(3600), "waits for the deferral, then runs the worker", "", ""},
	{"a worker leaves with its context's error", "`Stopped`; no error, no restart", stoppedIsNoFailure, "**an error, restarted after the stop**", "", ""},
	{"Register on a started pool", "started at once", registerLate, "not started", "started", ""},
	{"a hundred years pass at once, as if the machine had slept", "waits end, nothing overflows", yearsPass, "", "", ""},
	{"100,000 workers fail at once", "each is told of once, all end, nothing is left", hundredThousand, "", "", ""},
}

func TestFaults(t *testing.T) {
	for _, group := range [][]fault{attemptFaults, surroundingFaults, callFaults} {
		for _, f := range group {
			t.Run(f.fault, func(t *testing.T) { bubble(t, f.check) })
		}
	}
}

// TestFaultsAreDocumented compares the tables in docs/reliability.md with those above; with -update it writes them.
func TestFaultsAreDocumented(t *testing.T) {
	var table strings.Builder
	for _, group := range []struct {
		title  string
		faults []fault
	}{{"In an attempt", attemptFaults}, {"Around the workers", surroundingFaults}, {"In what is called", callFaults}} {
		fmt.Fprintf(&table, "\n### %s\n\n| fault | here | published v1.4.0 | suture v4.0.6 | oklog/run v1.2.0 |\n|---|---|---|---|---|\n", group.title)
		for _, f := range group.faults {
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", f.fault, f.promise, f.published, f.suture, f.oklogRun)
		}
	}
	table.WriteString("\n")
	t.Log(table.String())
	documented(t, "faults", table.String())
	number := len(attemptFaults) + len(surroundingFaults) + len(callFaults)
	assert.Contains(t, read(t, "docs/reliability.md"), fmt.Sprintf("| %d, [listed below](#faults) |", number))
}

// TestGrammarIsDocumented writes what the model knows as the page has it: names in place of what may follow in many places.
func TestGrammarIsDocumented(t *testing.T) {
	groups := []struct{ name, kinds string }{
		{"MEANWHILE", meanwhile}, {"OUTCOME", outcomes}, {"NEXT-RUN", nextRun}, {"FIRST", first}, {"RUN", waitsForRun},
		{"ANOTHER", another}, {"DECISION", decisions}, {"END", end},
	}
	told := func(kinds string, below int) string {
		kinds = " " + kinds + " "
		for _, group := range groups[below:] {
			kinds = strings.ReplaceAll(kinds, group.kinds, " "+group.name+" ")
		}
		return strings.Join(strings.Fields(kinds), " | ")
	}

	text := "\n```\n"
	for _, r := range append([]rule{begin}, grammar...) {
		text += fmt.Sprintf("%-24s%s\n", r.kind, told(r.next, 0))
	}
	text += "\n"
	for i, group := range groups {
		text += fmt.Sprintf("%-24s%s\n", group.name, told(group.kinds, i+1))
	}
	documented(t, "grammar", text+"```\n\n")
}

// documented compares a part of the page on reliability with what it has to be.
func documented(t *testing.T, part, text string) {
	t.Helper()
	const file = "docs/reliability.md"
	begin := fmt.Sprintf("<!-- %s: written by go test -run %s -update . -->\n", part, t.Name())
	end := fmt.Sprintf("<!-- end of %s -->\n", part)

	page := read(t, file)
	head, rest, ok := strings.Cut(page, begin)
	old, tail, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2, "%s has no place for the %s", file, part)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(head+begin+text+end+tail), 0o644))
		return
	}
	assert.Equal(t, text, old, "write it anew with -update")
}

func panicsWithEOF(context.Context) error { panic(errors.New("EOF")) }

func hugeError(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	var logs logBuffer
	pool := newPool(t, worker.WithWorker(do("job", func(context.Context) error { return errors.New(huge) })))
	require.NoError(t, pool.Start(logs.context()))
	synctest.Wait()
	require.NoError(t, pool.Stop())
	assert.Equal(t, huge[:4096-len("…")]+"…", pool.Report().Workers[0].LastError)
	assert.EqualError(t, execution(t, pool, "job").LastError(), huge, "the error itself is whole")
	assert.True(t, execution(t, pool, "job").HasEvent("stopping execution attempt 1/1 with error: "+huge))
	assert.Contains(t, logs.lines()[1], `"error":"`+huge+`"`)
	assert.Less(t, len(strings.Join(executionsText(t, pool), "")), 1000)
}

func tracerPanics(t *testing.T) {
	pool := newPool(t, worker.WithTracerProvider(panickyProvider{}), worker.WithGlobalMiddlewares(worker.NewTracingMiddleware()),
		worker.WithWorker(do("job", block)))
	require.EqualError(t, pool.Run(t.Context()), "worker job: recovered panic: no tracer")
}

func backoffGoesWrong(reason string, backoff worker.BackoffFunc) func(t *testing.T) {
	return func(t *testing.T) {
		var logs logBuffer
		pool := newPool(t, worker.WithWorker(inOrder("job", fail, succeed), worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(backoff)))
		require.NoError(t, pool.Start(logs.context()))
		require.NoError(t, pool.Wait(t.Context()))
		require.NoError(t, pool.Stop())
		assert.InDelta(t, 75*time.Millisecond, time.Since(start), float64(25*time.Millisecond))
		assert.Equal(t, `{"level":"error","worker":"job","workerExecutionID":"id-1","error":"`+reason+
			`","message":"worker backoff failed, using the default"}`, logs.lines()[3])
	}
}

func generatorGoesWrong(reason string, generate generatorFunc) func(t *testing.T) {
	return func(t *testing.T) {
		var logs logBuffer
		pool := goesOnWith(t, logs.context(), worker.WithGenerator(generate))
		id := execution(t, pool, "running").Id()
		assert.Len(t, id, 36, "a UUID")
		assert.Contains(t, logs.lines(), `{"level":"error","worker":"running","workerExecutionID":"`+id+`","error":"`+reason+
			`","message":"worker execution id generator failed, using a default id"}`)
	}
}

func listenerGoesWrong(logged int, misbehave func()) func(t *testing.T) {
	return func(t *testing.T) {
		var logs logBuffer
		var told recorder
		goesOnWith(t, logs.context(), worker.WithGlobalListener(func(transition worker.Transition) { told.listen(transition); misbehave() }))
		assert.Len(t, told.lines["failing"], 5)
		assert.Len(t, told.lines["running"], 2)
		assert.Equal(t, logged, strings.Count(strings.Join(logs.lines(), ""), `"message":"worker pool listener panicked: ouch"`))
	}
}

// logWriterGoesWrong lets each of a worker's log lines go wrong, and those of the pool.
func logWriterGoesWrong(misbehave func()) func(t *testing.T) {
	return func(t *testing.T) {
		var lines atomic.Int32
		pool := newPool(t, worker.WithGenerator(generatorFunc(func() string { return "" })),
			worker.WithWorker(inOrder("job", fail, panics, goexits, succeed),
				worker.WithMaxExecutionsAttempts(5), worker.WithDeferredStartThreshold(1)))
		require.NoError(t, pool.Start(logging(t, func(string) { lines.Add(1); misbehave() })))
		time.Sleep(2 * time.Second)
		pool.Register(nil, worker.NewWorkerRegistration(do("second", block), worker.WithDeferredStartThreshold(3600)))
		synctest.Wait()
		require.NoError(t, pool.Stop())

		assert.Equal(t, []string{
			"deferring execution attempt for 1 seconds",
			"starting execution attempt 1/5", "stopping execution attempt 1/5 with error: boom", "restarting after error",
			"starting execution attempt 2/5", "stopping execution attempt 2/5 with recovered panic: ouch", "restarting after panic recovery",
			"starting execution attempt 3/5", "stopping execution attempt 3/5 with runtime.Goexit", "restarting after runtime.Goexit",
			"starting execution attempt 4/5", "stopping execution attempt 4/5 with success",
		}, messages(execution(t, pool, "job")))
		assert.EqualValues(t, 12+4+1+3, lines.Load(), "events, four ids and the refusal, then the events and the id of the second")
		assert.Equal(t, worker.Stopped, execution(t, pool, "second").Status())
	}
}

func workerRegistersWorkers(t *testing.T) {
	pool := newPool(t)
	var spawn func(depth int, name string) worker.Worker
	spawn = func(depth int, name string) worker.Worker {
		return do(name, func(ctx context.Context) error {
			if depth > 0 {
				pool.Register(worker.NewWorkerRegistration(spawn(depth-1, name+"a")), worker.NewWorkerRegistration(spawn(depth-1, name+"b")))
			}
			return block(ctx)
		})
	}
	pool.Register(worker.NewWorkerRegistration(spawn(7, "w")))
	require.NoError(t, pool.Start(t.Context()))
	synctest.Wait()
	assert.Len(t, pool.Executions(), 255)
	require.NoError(t, pool.Stop())
}

// startsItsOwnPool makes a worker of a pool of its own start that pool.
func startsItsOwnPool() run {
	return func(ctx context.Context) error {
		var pool *worker.WorkerPool
		var err error
		pool = worker.NewWorkerPool(worker.WithWorker(do("inner", func(ctx context.Context) error { err = pool.Start(ctx); return nil })))

		return errors.Join(pool.Run(ctx), err)
	}
}

func stopsInside(t *testing.T) {
	var pool *worker.WorkerPool
	pool = newPool(t, worker.WithWorker(do("job", func(context.Context) error { return pool.Shutdown(within(t, time.Second)) })),
		worker.WithWorker(do("other", block)))
	err := pool.Run(t.Context())
	require.EqualError(t, err, "worker job: stop timed out: still running: job (running for 1s)")
	var stop *worker.StopError
	require.ErrorAs(t, err, &stop)
	assert.Contains(t, stop.Workers[0].Stack, "Shutdown")
	assert.Equal(t, time.Second, time.Since(start))
	assert.Equal(t, worker.Stopped, execution(t, pool, "other").Status())
}

func deafWorker(t *testing.T) {
	release := make(chan struct{})
	pool := newPool(t, worker.WithWorker(do("job", deaf(release))))
	require.NoError(t, pool.Start(t.Context()))
	synctest.Wait()
	var stop *worker.StopError
	require.ErrorAs(t, pool.Shutdown(within(t, time.Second)), &stop)
	assert.Contains(t, stop.Workers[0].Stack, "waitForRelease")
	time.AfterFunc(time.Minute, func() { close(release) })
	require.NoError(t, pool.Stop())
	assert.True(t, execution(t, pool, "job").HasEvent("returned 1m0s after its stop had timed out"))
}

func leavesChildren(t *testing.T) {
	ended := make(chan struct{})
	pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error {
		go func() { <-ctx.Done(); close(ended) }()
		return nil
	})))
	require.NoError(t, pool.Start(t.Context()))
	<-ended
	require.NoError(t, pool.Stop())
}

func fallsSilent(t *testing.T) {
	pool := newPool(t, worker.WithWorker(inOrder("job", block, func(ctx context.Context) error {
		for range 100 {
			time.Sleep(time.Second)
			worker.Heartbeat(ctx)
		}
		return nil
	}), worker.WithHeartbeat(10*time.Second), worker.WithMaxExecutionsAttempts(2)))
	require.NoError(t, pool.Run(t.Context()))
	assert.Equal(t, 110*time.Second, time.Since(start))
	assert.True(t, execution(t, pool, "job").HasEvent("heartbeat missed for 10s"))
}

func registryRefuses(t *testing.T) {
	registry := prometheus.NewRegistry()
	require.NoError(t, newPool(t).Metrics().Register(registry))
	pool := newPool(t, worker.WithWorker(do("job", succeed)))
	require.EqualError(t, pool.Metrics().Register(registry), "duplicate metrics collector registration attempted")
	require.Error(t, pool.Metrics().Register(nil))
	require.NoError(t, pool.Run(t.Context()))
	assert.Len(t, executionsText(t, pool), 2)
}

func hangingWriter(t *testing.T) {
	release := make(chan struct{})
	pool := newPool(t, worker.WithWorker(do("job", block)))
	require.NoError(t, pool.Start(logging(t, func(string) { waitForRelease(release) })))
	var stop *worker.StopError
	require.ErrorAs(t, pool.Shutdown(within(t, time.Second)), &stop)
	assert.Contains(t, stop.Workers[0].Stack, "waitForRelease")
	close(release)
	require.NoError(t, pool.Stop())
}

func listenerStops(t *testing.T) {
	var pool *worker.WorkerPool
	var stops []error
	pool = newPool(t, worker.WithGlobalListener(func(worker.Transition) { stops = append(stops, pool.Shutdown(within(t, time.Second))) }),
		worker.WithWorker(do("job", block)))
	require.NoError(t, pool.Run(t.Context()))
	require.Len(t, stops, 3, "starting, the end, and the late return")
	for _, err := range stops {
		require.ErrorIs(t, err, worker.ErrStopTimeout)
	}
}

func nameChanges(t *testing.T) {
	asked := 0
	pool := newPool(t, named(func() string { asked++; return strings.Repeat("x", asked) }))
	require.NoError(t, pool.Run(t.Context()))
	require.NoError(t, pool.Run(t.Context()))
	assert.Equal(t, 1, asked)
	assert.Equal(t, worker.Success, execution(t, pool, "x").Status())
	assert.Contains(t, pool.Registrations(), "x")
}

func stopFromMany(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("job", drain(time.Second))))
	require.NoError(t, pool.Stop(), "before Start")
	require.NoError(t, pool.Start(t.Context()))
	synctest.Wait()

	var stops sync.WaitGroup
	for range 100 {
		stops.Go(func() {
			assert.NoError(t, pool.Stop())
			assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status(), "each stop waited")
		})
	}
	stops.Wait()
	require.NoError(t, pool.Stop())
	assert.Equal(t, time.Second, time.Since(start))
}

func startTwice(t *testing.T) {
	runs := 0
	pool := newPool(t, worker.WithWorker(do("job", func(ctx context.Context) error { runs++; return block(ctx) })))
	require.NoError(t, pool.Start(t.Context()))
	require.ErrorIs(t, pool.Start(t.Context()), worker.ErrPoolAlreadyStarted, "before anything has begun")
	synctest.Wait()
	before := execution(t, pool, "job")
	require.ErrorIs(t, pool.Start(t.Context()), worker.ErrPoolAlreadyStarted)
	synctest.Wait()
	assert.Same(t, before, execution(t, pool, "job"))
	require.NoError(t, pool.Stop())
	assert.Equal(t, 1, runs)
	assert.Len(t, before.Events(), 2)
}

func stopAfterStart(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("running", block)), worker.WithWorker(do("deferred", block), worker.WithDeferredStartThreshold(3600)))
	for range 100 {
		require.NoError(t, pool.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, pool.Stop())
		assert.Equal(t, worker.Stopped, execution(t, pool, "running").Status())
		assert.Equal(t, worker.Stopped, execution(t, pool, "deferred").Status())
	}
	assert.Zero(t, time.Since(start))
}

// stopWhileDeferred stops a worker that is deferred for so many seconds.
func stopWhileDeferred(threshold float64) func(t *testing.T) {
	return func(t *testing.T) {
		ran := false
		pool := newPool(t, worker.WithWorker(
			do("job", func(context.Context) error { ran = true; return nil }), worker.WithDeferredStartThreshold(threshold)))
		require.NoError(t, pool.Start(t.Context()))
		time.Sleep(time.Minute)
		require.NoError(t, pool.Stop())

		assert.Equal(t, time.Minute, time.Since(start), "the stop was immediate")
		assert.False(t, ran)
		assert.Equal(t, worker.Stopped, execution(t, pool, "job").Status())
		assert.Equal(t, []string{
			fmt.Sprintf("+0s id-1 deferring execution attempt for %g seconds", threshold),
			"+1m0s id-1 stopping before first execution attempt",
		}, timeline(execution(t, pool, "job")))
	}
}

func stoppedIsNoFailure(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("job", block), worker.WithMaxExecutionsAttempts(3)))
	require.NoError(t, pool.Run(within(t, time.Minute)))
	e := execution(t, pool, "job")
	assert.Equal(t, worker.Stopped, e.Status())
	assert.Equal(t, 1, e.CurrentExecutionAttempt())
	assert.NoError(t, e.LastError())
	assert.Equal(t, []string{
		`worker_executions_total{status="started",worker="job"} 1`, `worker_executions_total{status="stopped",worker="job"} 1`,
	}, executionsText(t, pool))
}

func registerLate(t *testing.T) {
	pool := newPool(t)
	require.NoError(t, pool.Start(t.Context()))
	pool.Register(worker.NewWorkerRegistration(do("late", block)))
	synctest.Wait()
	assert.Equal(t, worker.Running, execution(t, pool, "late").Status())
	require.NoError(t, pool.Stop())
}

// yearsPass lets time pass in steps of a hundred years.
func yearsPass(t *testing.T) {
	pool := newPool(t, worker.WithWorker(do("late", succeed), worker.WithDeferredStartThreshold(200*365*24*3600)),
		worker.WithWorker(inOrder("healthy", takes(100*365*24*time.Hour, errors.New("boom")), succeed),
			worker.WithMaxExecutionsAttempts(2), worker.WithHealthyAfter(time.Hour)))
	require.NoError(t, pool.Start(t.Context()))
	require.NoError(t, pool.Wait(context.Background()))
	require.NoError(t, pool.Stop())
	assert.Equal(t, 200*365*24*time.Hour, time.Since(start))
	assert.NotEmpty(t, metricsText(t, pool.Metrics(), "worker_execution_duration_seconds_count"))
}

func hundredThousand(t *testing.T) {
	n := size(100_000)
	told := make(chan worker.Transition, 3*n)
	pool := newPool(t, worker.WithGenerator(nil), worker.WithGlobalListener(func(transition worker.Transition) { told <- transition }))
	for i := range n {
		pool.Register(worker.NewWorkerRegistration(do(fmt.Sprint(i), fail)))
	}
	assert.Len(t, separate(pool.Run(t.Context())), n)
	assert.Len(t, told, 3*n)
}
