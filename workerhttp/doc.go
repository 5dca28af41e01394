// Package workerhttp shows the workers of a pool over HTTP: a status page for people, a report for programs, and the two
// probes that an orchestrator asks.
//
//	mux := http.NewServeMux()
//	mux.Handle("/workers/", workerhttp.NewHandler(pool))
//
// That is all with [http.ServeMux], which tells a handler the pattern under which it is mounted. With other routers, such as chi
// and echo (yokai's), the prefix has to be stripped; examples/routers has each of them:
//
//	router.Mount("/workers", http.StripPrefix("/workers", handler))                          // chi
//	router.Any("/workers/*", echo.WrapHandler(http.StripPrefix("/workers", handler)))        // echo, and the same for "/workers"
//
// The routes, relative to where the handler is mounted:
//
//	/         the status page
//	/report   the pool's report ([worker.PoolReport]) as JSON
//	/livez    200 if the process should go on, 503 if it should be restarted
//	/readyz   200 if the process should get traffic, otherwise 503
//
// and, with [WithControl], by POST:
//
//	/workers/NAME/restart   restarts a worker
//	/workers/NAME/stop      stops a worker
//
// # Page
//
// It lists what needs attention first: workers that are stuck, whose attempt has timed out and goes on, that have given up or failed three
// times or more in a row, and those for which a probe fails. Each column sorts; words of names and errors, statuses and equal errors
// filter; "/" goes to the filter, "j" and "k" to the next and the previous worker. A row opens to all that is known of a worker, of one
// moment, and the address then links to it.
// Where several processes answer at one address it stays with one, and says so.
//
// The page loads nothing but what the handler serves: its HTML, CSS and JavaScript are embedded. It refreshes itself every two
// seconds, says so when the service does not answer, and comes back by itself.
//
// # Report
//
// These parameters of the query leave things out, so that a client that asks often, as the page does, gets short answers:
//
//	worker=NAME   only this worker; may be given several times; a worker that does not exist is left out
//	events=N      only the newest N events of each worker; 0 for none; without it, all that are kept
//	stack=false   no stacks
//	text=N        errors, stacks and events' messages of more than N bytes are cut there, and end in "…"
//	detail=NAME   this worker (may be given several times) with its newest 200 events, its stack, and texts of up to 20,000 bytes, whatever the others say
//	worst=true    those that are stuck, have timed out, have given up, or fail, come first, not by name
//	lines=true    as lines of JSON: first the report without its workers, then one worker a line
//
// Beside the pool's own fields the report has "instance": which process answers, with "id", "name" ([WithInstance]), "host", "pid",
// "startedAt" and "version" (of the main module); and "control": true with [WithControl].
//
// Other parameters are ignored. An invalid value, such as events=x, is answered with 400. Each byte that is not valid UTF-8 is
// shown as U+FFFD, and a worker can be asked for by its name as it is shown.
//
// # Probes
//
// Both answer {"ok": BOOL, "state": STATE, "workers": {NAME: STATUS}}, with the state of the pool and the workers that fail the
// probe. The rules are those of [healthcheck.NewWorkerLivenessProbe] and [healthcheck.NewWorkerReadinessProbe]. Before its start
// and while it stops, the pool is not ready even if no worker fails the probe.
//
// # Control
//
// [WithControl] adds two routes that change something. They answer 202 with the worker's report at once, and do not wait for what
// was asked for: later reports show it. Requests are refused with 400 for a query that cannot be read, 403 to a page of another
// origin, 404 for a worker that is not there, 409 unless the pool is started, 405 for any method but POST, and 421 where the query's
// instance=ID is the id of another process than the one that answers. NAME is escaped as a segment of a path. The query may have
// the parameters of the report.
//
// Each action is told in the events of the worker, and logged with the logger of the request's context ([zerolog.Ctx]; a server
// sets it with [http.Server.BaseContext] or a middleware): what was asked for, by whom, and what came of it. "By whom" is the
// remote address, and the user if a middleware has set one with [ContextWithUser].
//
// # Who may see it
//
// The handler asks nobody who they are. Whoever can reach it reads the names of the workers, what they fail with, and the
// stacks of their panics; errors tend to hold addresses, names of databases and users, now and then a part of what was being
// worked on. So mount it on a listener that only operators and the orchestrator reach, or behind the authentication that
// the service has already, and never on the public side of it. A service that serves the probes to an orchestrator and
// the page to people can mount two handlers of one pool on two listeners. On a listener without authentication, a check of
// the Host header keeps out web pages that point a name of their own at it (DNS rebinding).
//
// With [WithControl], whoever can reach the handler can also stop each worker (until someone restarts it, or the process), and can
// restart workers again and again; if a worker with [worker.WithStopPoolOnFailure] fails because of that, the whole pool stops. That
// needs authentication in front of it. [http.CrossOriginProtection] keeps other web pages from using the browser of someone who is
// signed in; it compares the Origin header with the host, so a proxy must pass the Host header on.
//
// # What it never does
//
// Without [WithControl] it changes nothing: its two routes answer 405 then. A GET never does; the other routes answer any method
// but GET and HEAD with 405. It reads no body and no cookie of the request, keeps nothing between two requests, and loads nothing
// from elsewhere. It logs nothing but actions.
//
// A worker's name, its errors, panics and stacks are taken to be hostile: they are escaped in JSON, and the page shows them as
// text, never as markup. Should that fail nevertheless, its Content-Security-Policy allows no inline script, no
// evaluation of text, no request to another host, and no frame around the page. The policy also makes browsers that know
// Trusted Types refuse each way to parse text as HTML. No answer may be stored, nor be embedded by another origin.
//
// What it costs: each request of the report copies the pool's whole report, whatever it then leaves out, so frequent requests cost
// the service time and memory, but never hold up a worker. For a thousand workers that keep a thousand events each that is some 60
// MB and 50 ms; [worker.WithGlobalMaxEvents] bounds it.
package workerhttp
