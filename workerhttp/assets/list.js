// The list of workers: one keyed row each, added, moved and removed as reports come. A big pool shows its first ones, and more
// when asked; what is opened is shown wherever it stands.

import { allKept, keep } from "./address.js";
import { detailOf, eventsOf } from "./api.js";
import { byId, setText } from "./dom.js";
import { Row } from "./row.js";

const portion = 50; // rows that are shown at first, and more each time
const margin = "400px"; // how near the screen a row counts as visible
const settle = 120; // ms that scrolling may go on before rows load

export class List {
  constructor({ connection, control, sort, filter, onMore }) {
    Object.assign(this, { connection, control, sort, filter });
    this.root = byId("list");
    this.rows = new Map();
    this.byNode = new WeakMap();
    this.opened = new Set(); // names, also of workers that are not there yet
    this.limit = portion;
    this.loading = false;
    this.observer = new IntersectionObserver((entries) => this.#onVisible(entries), { rootMargin: margin });
    byId("more").firstElementChild.addEventListener("click", () => {
      this.limit += portion;
      onMore();
      this.load();
    });
  }

  showLess() {
    this.limit = portion;
  }

  // read takes the opened workers from the address.
  read() {
    this.opened = new Set(allKept("open"));
    this.toShow = [...this.opened][0]; // a link leads to the worker
    for (const row of this.rows.values()) {
      const open = this.opened.has(row.worker.name);
      if (open !== row.isOpen) this.#open(row, open);
    }
  }

  // toggle opens or closes a row, as somebody wants it.
  toggle(row) {
    const { name } = row.worker;
    if (!this.opened.delete(name)) this.opened.add(name);
    keep("open", ...this.opened);
    this.#open(row, this.opened.has(name));
  }

  #open(row, open) {
    row.open(open);
    if (open) this.#loadDetail(row);
  }

  // openByName opens a worker, and brings it into view.
  openByName(name) {
    this.opened.add(name);
    keep("open", ...this.opened);
    this.toShow = name;
    this.update(this.connection.report);
  }

  // update shows the workers of a report, and returns how many match the filter.
  update(report) {
    const matching = [];
    for (const entry of keyed(report.workers)) if (this.filter.matches(entry.worker)) matching.push(entry);
    const wanted = new Map();
    this.sort.order(matching, report.state).forEach(({ key, worker }, i) => {
      if (i < this.limit || this.opened.has(worker.name)) wanted.set(key, { worker, index: i });
    });
    for (const [key, row] of this.rows) if (!wanted.has(key)) this.#remove(key, row);
    let place = this.root.firstElementChild;
    for (const [key, { worker, index }] of wanted) {
      const row = this.rows.get(key) ?? this.#add(key);
      this.#updateRow(row, worker, report, index);
      if (row.node === place) place = place.nextElementSibling;
      else move(this.root, row.node, place);
    }
    this.#updateMore(matching.length, wanted.size);
    this.#bringIntoView();
    return matching.length;
  }

  #updateRow(row, worker, report, index) {
    row.place(index);
    if (row.isOpen && row.isNewerThan(worker, report)) return;
    row.update(worker, report, this.connection.now());
    if (!row.isOpen && this.opened.has(worker.name)) this.#open(row, true);
  }

  #updateMore(matching, shown) {
    byId("table").setAttribute("aria-rowcount", matching + 1);
    byId("more").hidden = matching <= this.limit;
    if (matching > this.limit) {
      setText(byId("more").firstElementChild, `Show ${portion} more of ${(matching - shown).toLocaleString("en")}`);
    }
  }

  #bringIntoView() {
    const row = [...this.rows.values()].find(({ worker }) => worker.name === this.toShow);
    if (!row) return;
    this.toShow = undefined;
    row.node.scrollIntoView({ block: "nearest" });
    row.button.focus({ preventScroll: true });
  }

  // missing returns the name that a link leads to and that is not shown, and forgets it: if it comes later, nobody looks for it.
  get missing() {
    const name = this.toShow;
    this.toShow = undefined;
    return name;
  }

  #add(key) {
    const row = new Row({ list: this, control: this.control });
    this.rows.set(key, row);
    this.byNode.set(row.node, row);
    this.observer.observe(row.node);
    return row;
  }

  #remove(key, row) {
    this.observer.unobserve(row.node);
    this.rows.delete(key);
    row.node.remove();
  }

  tick() {
    const now = this.connection.now();
    for (const row of this.rows.values()) row.tick(now);
  }

  #onVisible(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.byNode.get(target);
      if (row) row.visible = isIntersecting;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), settle);
  }

  // #loadDetail asks for a row that was opened just now, and for those that its chain shows, in one report. If that does not come
  // the next refresh has it.
  async #loadDetail(row) {
    if (!this.connection.report) return;
    const { name } = row.worker;
    const report = await this.connection.ask(detailOf(name, row.neighbours(this.connection.report))).catch(() => null);
    if (!report) return;
    report.detailed = new Set([name]);
    for (const { key, worker } of keyed(report.workers)) {
      if (this.rows.get(key) === row && row.isOpen && !row.isNewerThan(worker, report)) row.update(worker, report, this.connection.now());
    }
  }

  // load asks for the events of closed rows that are visible and have changed. It never fails: a row whose events do not
  // come keeps what it has, and is asked for with the next refresh.
  async load() {
    this.again = this.loading;
    if (this.loading || !this.connection.report) return;
    this.loading = true;
    const wanted = [...this.rows].filter(([, row]) => row.visible && row.wantsEvents);
    const fingerprints = new Map(wanted.map(([key, row]) => [key, row.fingerprint]));
    try {
      for (const url of eventsOf(wanted.map(([, row]) => row.worker.name))) {
        const report = await this.connection.ask(url);
        for (const { key, worker } of keyed(report.workers)) {
          if (fingerprints.has(key)) this.rows.get(key)?.showEvents(worker, fingerprints.get(key), this.connection.now());
        }
      }
    } catch {
      // the refresh tells that the service is gone
    }
    this.loading = false;
    if (this.again) this.load();
  }
}

// move puts a node before another, where possible without taking it out, so that it keeps the focus.
function move(root, node, place) {
  if (node.isConnected && root.moveBefore) root.moveBefore(node, place);
  else root.insertBefore(node, place);
}

// keyed gives each worker a key that is its own, even where names look the same: JSON shows invalid UTF-8 as one
// replacement character, so that two names may.
function* keyed(workers) {
  const seen = new Map();
  for (const worker of workers) {
    const n = seen.get(worker.name) ?? 0;
    seen.set(worker.name, n + 1);
    yield { key: n ? `${worker.name}\u0000${n}` : worker.name, worker };
  }
}
