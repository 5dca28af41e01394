// The facts of an opened worker, as a list of names and values.

import { reasonOf } from "./attention.js";
import { el, setText } from "./dom.js";
import { ago, countdown, exactTime, exactDuration, parseTime } from "./format.js";
import { askedBy } from "./note.js";

// factsOf returns what there is to tell of a worker, as it was at a moment.
export function factsOf(worker, state, at) {
  const facts = [
    ["Worker", worker.name],
    ["Needs attention", reasonOf(worker, state)],
    ["Execution", worker.executionId],
    ["Attempt", worker.attempt ? `${worker.attempt} of ${worker.maxAttempts === -1 ? "unlimited" : worker.maxAttempts}` : "–"],
    ["Status since", time(worker.since)],
    ["Attempt started", time(worker.startedAt)],
    ["Attempt ended", time(worker.endedAt)],
    ["Next attempt", due(worker.nextAttemptAt, at)],
    ["Failures in a row", String(worker.consecutiveFailures)],
    ["Last error", past(worker.lastErrorAt, at)],
    ["Last success", past(worker.lastSuccessAt, at)],
    ["Gave up", gaveUp(worker)],
    ["Probes", probes(worker)],
    ["Depends on", (worker.dependsOn ?? []).join(", ")],
    ["Waits for", (worker.waitingFor ?? []).join(", ")],
    ["Told to stop because", worker.cause],
    ["Asked for by", askedBy(worker)],
    ["Last heartbeat", heartbeat(worker, at)],
    ["Last run", lastRun(worker)],
    ["Calls", calls(worker, at)],
    ...Object.entries(worker.options ?? {}).map(([name, value]) => [`Option ${name}`, String(value)]),
    ["As of", exactTime(at)],
  ];
  return facts.filter(([, text]) => text);
}

const time = (text) => (Number.isNaN(parseTime(text)) ? "" : exactTime(parseTime(text)));
const past = (text, at) => time(text) && `${time(text)}, ${ago(at - parseTime(text))}`;
const due = (text, at) => time(text) && `${time(text)}, ${countdown(parseTime(text) - at)}`;

function gaveUp(worker) {
  if (worker.stopPoolOnFailure) return worker.gaveUp ? "yes, and stopped the pool" : "no; it would stop the pool";
  return worker.gaveUp ? "yes" : "no";
}

function probes({ ready, fine, live, optional }) {
  const says = (value, yes, no) => (typeof value === "boolean" ? (value ? yes : no) : "");
  const facts = [says(ready, "ready", "not ready"), says(fine, "", "fails /readyz"), says(live, "", "fails /livez"), says(optional, "optional", "")];
  return facts.filter(Boolean).join(", ");
}

function heartbeat({ heartbeat: seconds, lastBeatAt }, at) {
  if (!seconds) return "";
  const last = parseTime(lastBeatAt);
  const age = Number.isNaN(last) ? "none yet" : ago(at - last);
  return `${age}, due every ${exactDuration(seconds * 1000)}`;
}

function lastRun({ scheduled, runs }) {
  const run = runs?.at(-1);
  if (!scheduled || !run) return scheduled ? "none yet" : "";
  const end = parseTime(run.endedAt);
  return `${time(run.startedAt)}, ${Number.isNaN(end) ? "running" : `${exactDuration(end - parseTime(run.startedAt))}, ${run.status}`}`;
}

function calls({ calls: n, lastCallAt, nextCallAt }, at) {
  if (!n && !nextCallAt) return "";
  return [`${(n ?? 0).toLocaleString("en")}`, time(lastCallAt) && `last ${ago(at - parseTime(lastCallAt))}`, time(nextCallAt) && `next ${countdown(parseTime(nextCallAt) - at)}`].filter(Boolean).join(", ");
}

// Facts keeps a list of facts up to date. It changes only what differs, so that a selection lasts.
export class Facts {
  constructor() {
    this.node = el("dl", "facts");
    this.values = new Map(); // by name
  }

  show(facts) {
    const wanted = new Map(facts);
    for (const [name, value] of this.values) {
      if (wanted.has(name)) continue;
      value.parentNode.parentNode.remove();
      this.values.delete(name);
    }
    let place = this.node.firstElementChild;
    for (const [name, text] of wanted) {
      if (!this.values.has(name)) this.node.insertBefore(this.#make(name), place);
      else place = place.nextElementSibling;
      setText(this.values.get(name), text);
    }
  }

  #make(name) {
    const value = el("bdi");
    this.values.set(name, value);
    return el("div", "", "", el("dt", "", name), el("dd", "", "", value));
  }
}
