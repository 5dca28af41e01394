// The list of workers: one keyed row each, added, moved and removed as reports come.

import { attemptsOf } from "./attempts.js";
import { fetchReport, workerQueries } from "./api.js";
import { maxEvents } from "./details.js";
import { Row } from "./row.js";

const margin = "400px"; // how near the screen a row counts as visible
const settle = 120; // ms that scrolling may go on before rows load

export class List {
  constructor(root, clock) {
    this.root = root;
    this.clock = clock;
    this.rows = new Map();
    this.byNode = new WeakMap();
    this.loading = false;
    this.observer = new IntersectionObserver((entries) => this.#onVisible(entries), { rootMargin: margin });
    root.addEventListener("load", () => this.load());
  }

  // update shows the workers of a report.
  update(workers) {
    const now = this.clock();
    const wanted = new Map(keyed(workers));
    for (const [key, row] of this.rows) if (!wanted.has(key)) this.#remove(key, row);
    let place = this.root.firstElementChild;
    for (const [key, worker] of wanted) {
      const row = this.rows.get(key) ?? this.#add(key);
      row.update(worker, now);
      if (row.node === place) place = place.nextElementSibling;
      else this.root.insertBefore(row.node, place);
    }
  }

  #add(key) {
    const row = new Row();
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
    const now = this.clock();
    for (const row of this.rows.values()) row.tick(now);
  }

  // filter hides the rows that do not match, and returns how many are shown.
  filter(matches) {
    let shown = 0;
    for (const row of this.rows.values()) {
      const match = matches(row.worker);
      row.node.hidden = !match;
      shown += match;
    }
    return shown;
  }

  #onVisible(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.byNode.get(target);
      if (row) row.visible = isIntersecting;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), settle);
  }

  // load asks for the events of the rows that are visible and have changed. It never fails: a row whose events do not
  // come keeps what it has, and is asked for with the next refresh.
  async load() {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    const wanted = [...this.rows].filter(([, row]) => row.visible && row.loaded !== row.fingerprint);
    try {
      await this.#fetch(wanted.filter(([, row]) => !row.isOpen), "timelines");
      await this.#fetch(wanted.filter(([, row]) => row.isOpen), "details");
    } finally {
      this.loading = false;
    }
    if (this.again) {
      this.again = false;
      this.load();
    }
  }

  async #fetch(wanted, what) {
    const fingerprints = new Map(wanted.map(([key, row]) => [key, row.fingerprint]));
    const names = wanted.map(([, row]) => row.worker.name);
    const [events, text, stack] = what === "details" ? [maxEvents, 20000, true] : [64, 320, false];
    for (const query of workerQueries(names, events, text, stack)) {
      const report = await fetchReport(query).catch(() => null);
      for (const [key, worker] of keyed(report?.workers ?? [])) {
        const row = this.rows.get(key);
        if (row && fingerprints.has(key) && (what === "details") === row.isOpen) {
          row.show(worker, attemptsOf(worker.events), fingerprints.get(key), this.clock());
        }
      }
    }
  }
}

// keyed gives each worker a key that is its own, even where names look the same: JSON shows invalid UTF-8 as one
// replacement character, so that two names may.
function* keyed(workers) {
  const seen = new Map();
  for (const worker of workers) {
    const n = seen.get(worker.name) ?? 0;
    seen.set(worker.name, n + 1);
    yield [n ? `${worker.name}\u0000${n}` : worker.name, worker];
  }
}
