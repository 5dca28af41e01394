// The row of one worker.

import { Details } from "./details.js";
import { el, setAttribute, setText, svg } from "./dom.js";
import { countdown, duration, exactTime, ordinal } from "./format.js";
import { glyph, known } from "./statuses.js";
import { drawTimeline } from "./timeline.js";

const redrawAfter = 15000; // ms: how stale the bar of a running attempt may get

let ids = 0;

// Row keeps one list item up to date. It changes only what differs, so that focus, selection, scrolling and what is open
// stay as they are.
export class Row {
  constructor() {
    const id = `worker-${++ids}`;
    this.visible = false; // on the screen or near it
    this.loaded = ""; // the fingerprint that the attempts belong to
    this.attempts = null;
    this.details = new Details(`${id}-details`, `${id}-name`);
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
    this.button.addEventListener("click", () => this.toggle());

    this.status = el("span", "value");
    this.attempt = el("span", "value");
    this.since = el("time", "value");
    this.next = el("time", "value");
    this.error = el("bdi", "value");
    this.timeline = svg("svg", { class: "timeline", role: "img", preserveAspectRatio: "none" });

    const row = el("div", "row", "",
      el("h2", "name", "", this.button),
      cell("status", "Status", this.status),
      cell("attempt right", "Attempt", this.attempt),
      cell("since right", "Since", this.since),
      cell("next right", "Next", this.next),
      cell("error", "Last error", this.error),
      el("div", "cell timelines", "", this.timeline));
    row.addEventListener("click", (event) => this.#onClick(event));
    return el("li", "worker", "", row, this.details.node);
  }

  // The whole row opens it for a mouse, but not where text was selected.
  #onClick(event) {
    if (event.target.closest("button") || String(getSelection())) return;
    this.toggle();
  }

  toggle() {
    const open = this.details.toggle();
    setAttribute(this.button, "aria-expanded", String(open));
    this.node.classList.toggle("is-open", open);
    this.loaded = "";
    this.node.dispatchEvent(new CustomEvent("load", { bubbles: true }));
  }

  get isOpen() {
    return this.details.isOpen;
  }

  // update shows what a report says of the worker.
  update(worker, now) {
    this.worker = worker;
    this.fingerprint = JSON.stringify([worker.executionId, worker.status, worker.attempt, worker.since, worker.nextAttemptAt, worker.droppedEvents, worker.events]);
    setText(this.name, worker.name);
    setAttribute(this.name, "title", worker.name);
    this.#updateStatus(known(worker.status));
    setText(this.attempt, ordinal(worker.attempt, worker.maxAttempts));
    setText(this.error, worker.lastError ?? "");
    setAttribute(this.error, "title", worker.lastError ?? null);
    this.sinceAt = setTime(this.since, worker.since);
    this.nextAt = setTime(this.next, worker.nextAttemptAt);
    this.details.update(worker);
    this.tick(now);
  }

  #updateStatus(status) {
    if (this.node.dataset.status === status) return;
    this.node.dataset.status = status;
    this.status.replaceChildren(glyph(status), status);
  }

  // tick shows what changes with time alone.
  tick(now) {
    setText(this.since, Number.isNaN(this.sinceAt) ? "–" : duration(now - this.sinceAt));
    setText(this.next, Number.isNaN(this.nextAt) ? "–" : countdown(this.nextAt - now));
    this.node.classList.toggle("is-due", !Number.isNaN(this.nextAt));
    if (this.visible && this.attempts && now - this.drawnAt > redrawAfter) this.#draw(now);
  }

  // show takes the events of the worker, as they were when it had a fingerprint.
  show(worker, attempts, fingerprint, now) {
    this.loaded = fingerprint;
    this.attempts = attempts;
    this.#draw(now);
    if (this.isOpen) this.details.show(worker);
  }

  #draw(now) {
    const next = this.nextAt;
    this.drawnAt = now;
    drawTimeline(this.timeline, this.attempts, { width: 150, height: 18, unit: 6, max: 30, now, next });
    if (this.isOpen) this.details.draw(this.attempts, now, next);
  }
}

function cell(classes, label, value) {
  return el("div", `cell ${classes}`, "", el("span", "label", `${label} `), value);
}

// setTime gives an element a machine's and an exact time, and returns it in milliseconds.
function setTime(node, text) {
  const at = Date.parse(text);
  setAttribute(node, "datetime", text ?? null);
  setAttribute(node, "title", Number.isNaN(at) ? null : exactTime(at));
  return at;
}
