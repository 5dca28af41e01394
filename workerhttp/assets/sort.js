// The head of the list: its columns, and the order that they give. Without one of them the worst come first.

import { kept, keep } from "./address.js";
import { badness, failuresOf } from "./attention.js";
import { el, setAttribute } from "./dom.js";
import { parseTime } from "./format.js";
import { known, statuses } from "./statuses.js";

// The columns, with what they sort by: ascending first, or descending where down is set. Workers that have none come last.
const columns = [
  { key: "worker", title: "Worker", of: (w) => w.name },
  { key: "status", title: "Status", of: (w) => statuses.indexOf(known(w.status)) },
  { key: "attempt", title: "Attempt", of: (w) => w.attempt, down: true, right: true },
  { key: "failures", title: "Failures", of: failuresOf, down: true, right: true },
  { key: "since", title: "Since", of: (w) => -parseTime(w.since), right: true },
  { key: "next", title: "Next", of: (w) => parseTime(nextOf(w)), right: true },
  { key: "failed", title: "Failed", of: (w) => -parseTime(w.lastErrorAt), right: true },
  { key: "error", title: "Note, last error", of: (w) => w.lastError || null },
  { key: "timeline", title: "Timeline", of: (w) => -parseTime(w.startedAt), right: true },
];

// nextOf returns when a worker will be run or called next.
export function nextOf(worker) {
  return worker.nextAttemptAt || worker.nextCallAt;
}

export class Sort {
  constructor(root, onChange) {
    this.onChange = onChange;
    this.heads = columns.map((column) => this.#head(column));
    root.append(...this.heads);
    this.read();
  }

  #head(column) {
    const button = el("button", "sort", column.title);
    button.type = "button";
    button.addEventListener("click", () => this.#toggle(column));
    const head = el("div", column.right ? "right" : "", "", button);
    head.setAttribute("role", "columnheader");
    return head;
  }

  // read takes the order from the address.
  read() {
    const text = kept("sort");
    this.down = text.startsWith("-");
    this.column = columns.find(({ key }) => key === text.replace("-", "")) ?? null;
    this.heads.forEach((head, i) => {
      const direction = this.down ? "descending" : "ascending";
      setAttribute(head, "aria-sort", columns[i] === this.column ? direction : "none");
    });
  }

  // The second time a column is chosen it is turned round, the third time the worst come first again.
  #toggle(column) {
    const first = Boolean(column.down);
    if (this.column !== column) keep("sort", `${first ? "-" : ""}${column.key}`);
    else if (this.down === first) keep("sort", `${first ? "" : "-"}${column.key}`);
    else keep("sort");
    this.read();
    this.onChange();
  }

  get text() {
    return this.column ? "" : "worst first";
  }

  // order sorts entries with a worker each.
  order(entries, state) {
    if (!this.column) {
      const keyed = entries.map((entry) => ({ entry, bad: badness(entry.worker, state), failures: failuresOf(entry.worker) }));
      keyed.sort((a, b) => b.bad - a.bad || b.failures - a.failures);
      return keyed.map(({ entry }) => entry);
    }
    const { of } = this.column;
    const sign = this.down ? -1 : 1;
    const missing = (key) => key === null || Number.isNaN(key);
    const keyed = entries.map((entry) => ({ entry, key: of(entry.worker) }));
    keyed.sort((a, b) => missing(a.key) - missing(b.key) || sign * ((a.key > b.key) - (a.key < b.key)));
    return keyed.map(({ entry }) => entry);
  }
}
