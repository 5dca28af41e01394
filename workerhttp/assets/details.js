// What a row opens to: actions, facts, dependencies, attempts, the last error and stack, pools inside, and events.

import { linkTo } from "./address.js";
import { drawChain } from "./chain.js";
import { copyButton } from "./copy.js";
import { el, setText, svg } from "./dom.js";
import { Events } from "./events.js";
import { Facts, factsOf } from "./facts.js";
import { plural } from "./format.js";
import { drawTree } from "./nested.js";
import { Stack } from "./stack.js";
import { drawTimeline } from "./timeline.js";

const maxEvents = 200; // that come with a report in detail; its JSON has all

export class Details {
  constructor({ id, labelledBy, list, control }) {
    Object.assign(this, { list, control });
    this.node = el("div", "details");
    this.node.id = id;
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-labelledby", labelledBy);
    const cell = el("div", "", "", this.node);
    cell.setAttribute("role", "cell");
    cell.setAttribute("aria-colspan", "9");
    this.row = el("div", "opened", "", cell);
    this.row.setAttribute("role", "row");
    this.row.hidden = true;
    this.facts = null; // made when it is first opened
  }

  get isOpen() {
    return !this.row.hidden;
  }

  open(open) {
    if (!this.facts) this.#build();
    this.row.hidden = !open;
  }

  #build() {
    this.facts = new Facts();
    this.chain = el("div", "chain");
    this.timeline = svg("svg", { class: "timeline large", role: "img", preserveAspectRatio: "none", "aria-label": "Loading" });
    this.error = el("pre", "scroll");
    this.error.tabIndex = 0;
    this.error.setAttribute("role", "region");
    this.error.setAttribute("aria-label", "Last error");
    this.stack = new Stack();
    this.tree = el("ul", "tree");
    this.events = new Events();
    this.note = el("p", "note", "Loading…");
    this.blocks = {
      chain: block("Dependencies", this.chain),
      error: block("Last error", this.error, copyButton("Copy error", () => this.worker.lastError)),
      stack: block("Last stack", this.stack.node, copyButton("Copy stack", () => this.worker.lastStack)),
      tree: block("Pools inside", this.tree),
      events: block("Events, newest first", this.events.node),
    };
    this.attempts = el("div", "", "", this.timeline, legend());
    this.attempts.hidden = true;
    const { chain, error, stack, tree, events } = this.blocks;
    this.node.append(this.#actions(), this.facts.node, chain, this.attempts, error, stack, tree, events, this.note);
  }

  #actions() {
    this.link = el("a", "", "Link to this worker");
    this.json = el("a", "", "All as JSON");
    const copyId = copyButton("Copy id", () => this.worker.executionId);
    this.buttons = el("p", "actions", "", ...this.control.buttons(() => this.worker), copyId, this.link, this.json);
    this.buttons.hidden = true;
    return this.buttons;
  }

  // update shows a worker of a report that has it in detail, with its attempts, and when the next one is due.
  update(worker, report, attempts, next) {
    this.worker = worker;
    const at = Date.parse(report.at);
    this.buttons.hidden = false;
    this.link.href = linkTo(worker.name);
    this.json.href = `report?worker=${encodeURIComponent(worker.name)}`;
    this.facts.show(factsOf(worker, report.state, at));
    this.blocks.chain.hidden = !drawChain(this.chain, worker, report, (name) => this.list.openByName(name));
    this.attempts.hidden = !attempts.length && Number.isNaN(next);
    drawTimeline(this.timeline, attempts, { width: 1200, height: 26, unit: 14, max: 100, now: at, next });
    this.blocks.error.hidden = !worker.lastError;
    setText(this.error, worker.lastError ?? "");
    this.blocks.stack.hidden = !worker.lastStack;
    if (worker.lastStack) this.stack.show(worker.lastStack);
    this.blocks.tree.hidden = !drawTree(this.tree, worker);
    this.blocks.events.hidden = worker.events.length === 0;
    this.events.show(worker.events);
    this.#showNote(worker);
  }

  #showNote(worker) {
    const texts = [];
    if (worker.events.length === 0) texts.push("No event yet.");
    if (worker.events.length >= maxEvents) texts.push(`These are the newest ${maxEvents}.`);
    if (worker.droppedEvents > 0) texts.push(`${plural(worker.droppedEvents, "older event")} no longer kept.`);
    setText(this.note, texts.join(" "));
  }
}

// block makes a heading, with buttons, and a part below it.
function block(title, body, ...buttons) {
  const node = el("section", "block", "", el("div", "heading", "", el("h2", "", title), ...buttons), body);
  node.hidden = true;
  return node;
}

function legend() {
  const items = [["running", "running"], ["success", "success"], ["error", "error"], ["panic", "panic, Goexit"], ["stuck", "stuck"], ["stopped", "stopped"], ["next", "next"]];
  return el("p", "legend", "", ...items.map(([kind, text]) => el("span", kind, text)), el("span", "axis", "lengths grow with the logarithm of time"));
}
