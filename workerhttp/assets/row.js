// The row of one worker.

import { attemptsOf, attemptsOfRuns } from "./attempts.js";
import { failuresOf, reasonOf } from "./attention.js";
import { neighboursOf } from "./chain.js";
import { Details } from "./details.js";
import { el, setAttribute, setText, svg } from "./dom.js";
import { ago, countdown, duration, exactTime, ordinal, parseTime } from "./format.js";
import { noteOf } from "./note.js";
import { nextOf } from "./sort.js";
import { glyph, known } from "./statuses.js";
import { drawTimeline } from "./timeline.js";

const redrawAfter = 15000; // ms: how stale the bar of a running attempt may get

let ids = 0;

// Row keeps one row up to date. It changes only what differs, so that focus, selection, scrolling and what is open stay as
// they are. An open one shows one moment: all of it comes from one report that has the worker in detail.
export class Row {
  constructor({ list, control }) {
    const id = `worker-${++ids}`;
    this.list = list;
    this.control = control;
    this.visible = false; // on the screen or near it
    this.loaded = ""; // the fingerprint that the attempts belong to
    this.attempts = null;
    this.moment = NaN; // of the report that an open row shows
    this.details = new Details({ id: `${id}-details`, labelledBy: `${id}-name`, list, control });
    this.node = this.#build(id);
  }

  #build(id) {
    this.name = el("bdi", "text");
    this.name.id = `${id}-name`;
    const chevron = svg("svg", { class: "chevron", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: "M6 3.5 10.5 8 6 12.5" }));
    this.button = el("button", "open", "", chevron, this.name);
    this.button.type = "button";
    setAttribute(this.button, "aria-expanded", "false");
    setAttribute(this.button, "aria-controls", this.details.node.id);
    this.button.addEventListener("click", () => this.list.toggle(this));

    for (const part of ["status", "attempt", "failures"]) this[part] = el("span", "value");
    for (const part of ["since", "next", "failed"]) this[part] = el("time", "value");
    this.note = el("span", "note");
    this.error = el("bdi", "value");
    this.timeline = svg("svg", { class: "timeline", role: "img", "aria-label": "Loading", preserveAspectRatio: "none" });

    this.row = el("div", "row", "",
      cell("name", "", this.button),
      cell("status", "Status", this.status),
      cell("attempt right", "Attempt", this.attempt),
      cell("failures right", "Failures", this.failures),
      cell("since right", "Since", this.since),
      cell("next right", "Next", this.next),
      cell("failed right", "Failed", this.failed),
      cell("error", "Note, last error", this.note, this.error),
      cell("timelines", "", this.timeline));
    setAttribute(this.row, "role", "row");
    setAttribute(this.row.firstChild, "role", "rowheader");
    this.row.addEventListener("click", (event) => this.#onClick(event));
    const node = el("div", "worker", "", this.row, this.details.row);
    setAttribute(node, "role", "rowgroup");
    return node;
  }

  // The whole row opens it for a mouse, but not where text was selected.
  #onClick(event) {
    if (event.target.closest("button") || String(getSelection())) return;
    this.list.toggle(this);
  }

  open(open) {
    this.details.open(open);
    this.moment = NaN;
    setAttribute(this.button, "aria-expanded", String(open));
    this.node.classList.toggle("is-open", open);
  }

  get isOpen() {
    return this.details.isOpen;
  }

  // isNewerThan tells whether an open row shows a later moment than a report, or more of the worker than that has.
  isNewerThan(worker, report) {
    return !report.detailed.has(worker.name) || Date.parse(report.at) < this.moment;
  }

  neighbours(report) {
    return neighboursOf(this.worker, report);
  }

  // place tells at which place of the whole list the row stands, for screen readers.
  place(index) {
    setAttribute(this.row, "aria-rowindex", String(index + 2));
  }

  // update shows what a report says of the worker.
  update(worker, report, now) {
    this.worker = worker;
    this.state = report.state;
    this.fingerprint = JSON.stringify([worker.executionId, worker.status, worker.attempt, worker.since, worker.nextAttemptAt, worker.droppedEvents, worker.events]);
    setText(this.name, worker.name);
    setAttribute(this.name, "title", worker.name);
    this.#updateStatus(known(worker.status), reasonOf(worker, report.state));
    setText(this.attempt, ordinal(worker.attempt, worker.maxAttempts));
    setText(this.failures, failuresOf(worker) ? failuresOf(worker).toLocaleString("en") : "–");
    setText(this.error, worker.lastError ?? "");
    setAttribute(this.error, "title", worker.lastError ?? null);
    this.sinceAt = setTime(this.since, worker.since);
    this.nextAt = setTime(this.next, nextOf(worker));
    this.failedAt = setTime(this.failed, worker.lastErrorAt);
    this.tick(now);
    if (worker.runs?.length) this.#setAttempts(attemptsOfRuns(worker.runs), now);
    if (!this.isOpen || !report.detailed.has(worker.name)) return;
    this.moment = Date.parse(report.at);
    if (!worker.runs?.length) this.#setAttempts(attemptsOf(worker.events), now);
    this.details.update(worker, report, this.attempts, this.nextAt);
  }

  #updateStatus(status, reason) {
    this.node.classList.toggle("is-bad", reason !== "");
    this.node.classList.toggle("is-failing", failuresOf(this.worker) > 0);
    setAttribute(this.node, "data-reason", reason || null);
    if (this.node.dataset.status === status) return;
    this.node.dataset.status = status;
    this.status.replaceChildren(glyph(status), status);
  }

  // tick shows what changes with time alone.
  tick(now) {
    setText(this.since, Number.isNaN(this.sinceAt) ? "–" : duration(now - this.sinceAt));
    setText(this.next, Number.isNaN(this.nextAt) ? "–" : countdown(this.nextAt - now));
    setText(this.failed, Number.isNaN(this.failedAt) ? "–" : ago(now - this.failedAt));
    setText(this.note, [this.control.progressOf(this.worker, this.state, now), noteOf(this.worker, this.state, now)].filter(Boolean).join(" · "));
    this.node.classList.toggle("is-due", !Number.isNaN(this.nextAt));
    this.node.classList.toggle("has-failed", !Number.isNaN(this.failedAt));
    if (this.visible && this.attempts && now - this.drawnAt > redrawAfter) this.#draw(now);
  }

  // wantsEvents tells whether the timeline is of another moment than the rest. That of an open row comes with the rest.
  get wantsEvents() {
    return !this.isOpen && !this.worker.runs?.length && this.loaded !== this.fingerprint;
  }

  // showEvents takes the events of the worker, as they were when it had a fingerprint.
  showEvents(worker, fingerprint, now) {
    if (this.isOpen) return;
    this.loaded = fingerprint;
    this.#setAttempts(attemptsOf(worker.events), now);
  }

  #setAttempts(attempts, now) {
    this.attempts = attempts;
    this.#draw(now);
  }

  #draw(now) {
    this.drawnAt = now;
    drawTimeline(this.timeline, this.attempts, { width: 130, height: 18, unit: 6, max: 30, now, next: this.nextAt });
  }
}

function cell(classes, label, ...values) {
  const node = el("div", `cell ${classes}`, "", ...(label ? [el("span", "label", `${label} `)] : []), ...values);
  setAttribute(node, "role", "cell");
  return node;
}

// setTime gives an element a machine's and an exact time, and returns it in milliseconds.
function setTime(node, text) {
  const at = parseTime(text);
  setAttribute(node, "datetime", Number.isNaN(at) ? null : text);
  setAttribute(node, "title", Number.isNaN(at) ? null : exactTime(at));
  return at;
}
