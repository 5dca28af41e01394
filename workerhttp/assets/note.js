// What a row tells beside the numbers: what a worker waits for, why it was stopped, its last run or call, what is inside.

import { inside, reasonOf } from "./attention.js";
import { ago, exactDuration, parseTime, plural } from "./format.js";

const asked = /^(restart|stop)(?:ped|ed)?(?: as)? asked for by (.+?)(?: not done: .*| has not ended yet: .*)?$/s;

const maxNames = 3;

// noteOf returns the note of a worker at a moment.
export function noteOf(worker, state, now) {
  return [reason(worker, state), silent(worker, now), waiting(worker), stopped(worker), lastRun(worker, now), calls(worker, now), pools(worker)].filter(Boolean).join(" · ");
}

// reason tells why the worker needs attention, where no other column does.
function reason(worker, state) {
  const text = reasonOf(worker, state);
  return ["timed out", "gave up", "not live", "not ready"].includes(text) ? text : "";
}

// silent tells of a stuck worker when it was heard of last.
function silent({ status, lastBeatAt }, now) {
  const last = parseTime(lastBeatAt);
  return status === "stuck" && !Number.isNaN(last) ? `last heartbeat ${ago(now - last)}` : "";
}

function waiting({ waitingFor }) {
  if (!waitingFor?.length) return "";
  const more = waitingFor.length > maxNames ? ` and ${waitingFor.length - maxNames} more` : "";
  return `waits for ${waitingFor.slice(0, maxNames).join(", ")}${more}`;
}

function stopped(worker) {
  if (worker.status !== "stopped") return "";
  const by = askedBy(worker);
  return [worker.cause, by && `by ${by}`].filter(Boolean).join(", ");
}

// askedBy returns who asked last for a restart or a stop of the worker by HTTP, among the events that are there.
export function askedBy({ events }) {
  const event = events?.findLast(({ message }) => asked.test(message));
  return event ? asked.exec(event.message)[2] : "";
}

// lastRun tells of a scheduled worker: when it ran, for how long, and how that ended.
function lastRun({ scheduled, runs }, now) {
  if (!scheduled) return "";
  const run = runs?.at(-1);
  if (!run) return "no run yet";
  const start = parseTime(run.startedAt);
  const end = parseTime(run.endedAt);
  if (Number.isNaN(end)) return `runs for ${exactDuration(now - start)}`;
  return `last run ${ago(now - start)}, ${exactDuration(end - start)}, ${run.status}`;
}

// calls tells of a periodic worker.
function calls(worker, now) {
  if (!worker.calls) return "";
  const last = parseTime(worker.lastCallAt);
  return plural(worker.calls, "call") + (Number.isNaN(last) ? "" : `, last ${ago(now - last)}`);
}

function pools(worker) {
  const { all, bad } = inside(worker);
  if (!all) return "";
  return bad ? `${bad.toLocaleString("en")} of ${plural(all, "worker")} inside need attention` : `${plural(all, "worker")} inside`;
}
