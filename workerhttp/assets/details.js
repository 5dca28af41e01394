// What a row opens to: the facts of a worker, its last error and stack, and its events.

import { kindOf } from "./attempts.js";
import { el, setText, svg } from "./dom.js";
import { clock, exactTime, plural } from "./format.js";
import { drawTimeline } from "./timeline.js";

// maxEvents is how many events an opened worker shows; its JSON has all.
export const maxEvents = 200;

const none = "–";

export class Details {
  constructor(id, labelledBy) {
    this.node = el("div", "details");
    this.node.id = id;
    this.node.hidden = true;
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-labelledby", labelledBy);
    this.facts = null; // made when it is first opened
  }

  get isOpen() {
    return !this.node.hidden;
  }

  toggle() {
    if (!this.facts) this.#build();
    this.node.hidden = !this.node.hidden;
    if (this.isOpen) this.update(this.worker);
    return this.isOpen;
  }

  #build() {
    this.facts = new Map();
    const list = el("dl", "facts");
    for (const name of ["Worker", "Execution", "Attempt", "Status since", "Attempt started", "Attempt ended", "Next attempt", "Failures in a row", "Gave up"]) {
      const value = el("dd", "", "", el("bdi"));
      list.append(el("div", "", "", el("dt", "", name), value));
      this.facts.set(name, value.firstChild);
    }
    this.timeline = svg("svg", { class: "timeline large", role: "img", preserveAspectRatio: "none" });
    this.error = block("Last error", "pre");
    this.stack = block("Last stack", "pre");
    this.events = block("Events, newest first", "ol");
    this.note = el("p", "note", "Loading…");
    this.shown = []; // the keys of the events in the list
    this.node.append(list, this.timeline, legend(), this.error, this.stack, this.events, this.note);
  }

  // update shows the facts that every refresh brings.
  update(worker) {
    this.worker = worker;
    if (!this.isOpen) return;
    const facts = {
      "Worker": worker.name,
      "Execution": worker.executionId || none,
      "Attempt": worker.attempt ? `${worker.attempt} of ${worker.maxAttempts === -1 ? "unlimited" : worker.maxAttempts}` : none,
      "Status since": time(worker.since),
      "Attempt started": time(worker.startedAt),
      "Attempt ended": time(worker.endedAt),
      "Next attempt": time(worker.nextAttemptAt),
      "Failures in a row": String(worker.consecutiveFailures),
      "Gave up": gaveUp(worker),
    };
    for (const [name, text] of Object.entries(facts)) setText(this.facts.get(name), text);
  }

  // show shows what is asked for opened workers only.
  show(worker) {
    fill(this.error, worker.lastError);
    fill(this.stack, worker.lastStack);
    this.#showEvents(worker.events);
    this.#showNote(worker);
  }

  draw(attempts, now, next) {
    drawTimeline(this.timeline, attempts, { width: 1200, height: 26, unit: 14, max: 100, now, next });
  }

  // #showEvents adds the new ones on top, so that reading the others is not disturbed.
  #showEvents(events) {
    const list = this.events.lastChild;
    const keys = events.map((event) => `${event.at} ${event.executionId} ${event.message}`);
    const newest = this.shown.length ? keys.lastIndexOf(this.shown.at(-1)) : -1;
    if (newest < 0) list.replaceChildren();
    for (const event of events.slice(newest + 1)) list.prepend(line(event));
    while (list.childElementCount > events.length) list.lastChild.remove();
    this.shown = keys;
    this.events.hidden = events.length === 0;
  }

  #showNote(worker) {
    const texts = [];
    if (worker.events.length === 0) texts.push("No event yet.");
    if (worker.events.length >= maxEvents) texts.push(`These are the newest ${maxEvents}.`);
    if (worker.droppedEvents > 0) texts.push(`${plural(worker.droppedEvents, "older event")} no longer kept.`);
    const link = el("a", "", "All as JSON");
    link.href = `report?worker=${encodeURIComponent(worker.name)}`;
    this.note.replaceChildren(texts.join(" "), " ", link);
  }
}

const time = (text) => (text ? exactTime(Date.parse(text)) : none);

function gaveUp(worker) {
  if (worker.stopPoolOnFailure) return worker.gaveUp ? "yes, and stopped the pool" : "no; it would stop the pool";
  return worker.gaveUp ? "yes" : "no";
}

// block makes a heading with a part below it that scrolls, by keyboard too.
function block(title, tag) {
  const body = el(tag, "scroll");
  body.tabIndex = 0;
  body.setAttribute("aria-label", title);
  if (tag === "pre") body.setAttribute("role", "region");
  const node = el("section", "block", "", el("h3", "", title), body);
  node.hidden = true;
  return node;
}

function fill(node, text) {
  node.hidden = !text;
  setText(node.lastChild, text ?? "");
}

function line(event) {
  const at = Date.parse(event.at);
  const when = el("time", "", clock(at, true));
  when.dateTime = event.at;
  when.title = exactTime(at);
  const id = el("bdi", "id", event.executionId.slice(0, 8));
  id.title = `execution ${event.executionId}`;
  return el("li", `event ${kindOf(event.message)}`, "", when, el("bdi", "message", event.message), id);
}

function legend() {
  const items = [["running", "running"], ["success", "success"], ["error", "error"], ["panic", "panic, Goexit"], ["stuck", "stuck"], ["stopped", "stopped"], ["next", "next"]];
  return el("p", "legend", "", ...items.map(([kind, text]) => el("span", kind, text)), el("span", "axis", "lengths grow with the logarithm of time"));
}
