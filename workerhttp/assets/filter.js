// The tiles that count the statuses and filter by them, the filter by name, and the sentence on top.

import { byId, el, setAttribute, setText } from "./dom.js";
import { plural } from "./format.js";
import { glyph, known, statuses } from "./statuses.js";

// Filter says which workers are shown. It is kept in the fragment of the address, so that a reload keeps it.
export class Filter {
  constructor(onChange) {
    const kept = new URLSearchParams(location.hash.slice(1));
    this.statuses = new Set((kept.get("status") ?? "").split(",").filter((s) => statuses.includes(s)));
    this.input = byId("name");
    this.input.value = kept.get("name") ?? "";
    this.onChange = onChange;
    this.tiles = new Map(statuses.map((status) => [status, this.#tile(status)]));
    byId("tiles").append(...[...this.tiles.values()].map((tile) => tile.button));
    byId("share").append(...[...this.tiles.values()].map((tile) => tile.share));
    this.input.addEventListener("input", () => this.#change());
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    byId("clear").addEventListener("click", () => this.#clear());
    this.#apply();
  }

  #tile(status) {
    const count = el("span", "count", "0");
    const button = el("button", `tile ${status}`, "", count, el("span", "word", "", glyph(status), status));
    button.type = "button";
    button.addEventListener("click", () => {
      if (!this.statuses.delete(status)) this.statuses.add(status);
      this.#change();
    });
    return { button, count, share: el("span", status) };
  }

  #clear() {
    this.statuses.clear();
    this.input.value = "";
    this.input.focus();
    this.#change();
  }

  #change() {
    this.#apply();
    const kept = new URLSearchParams();
    if (this.input.value) kept.set("name", this.input.value);
    if (this.statuses.size) kept.set("status", [...this.statuses].join(","));
    history.replaceState(null, "", `#${kept}`);
    this.onChange();
  }

  #apply() {
    this.terms = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [status, { button }] of this.tiles) setAttribute(button, "aria-pressed", String(this.statuses.has(status)));
    byId("clear").hidden = !this.isOn;
  }

  get isOn() {
    return this.terms.length > 0 || this.statuses.size > 0;
  }

  // matches tells whether a worker is shown. Each word of the name filter must be in the name, in whatever case.
  matches(worker) {
    if (this.statuses.size && !this.statuses.has(known(worker.status))) return false;
    const name = worker.name.toLowerCase();
    return this.terms.every((term) => name.includes(term));
  }

  // count shows how many workers are in each status, whether shown or not, and returns what needs attention in words.
  count(workers) {
    const counts = new Map(statuses.map((status) => [status, 0]));
    for (const worker of workers) counts.set(known(worker.status), counts.get(known(worker.status)) + 1);
    for (const [status, { button, count, share }] of this.tiles) {
      const n = counts.get(status);
      setText(count, n.toLocaleString("en"));
      button.classList.toggle("is-none", n === 0);
      share.style.flexGrow = n;
      share.hidden = n === 0;
    }
    return attention(counts.get("stuck"), counts.get("error"));
  }
}

function attention(stuck, failed) {
  if (stuck + failed === 0) return "";
  const parts = [];
  if (stuck) parts.push(`${stuck.toLocaleString("en")} stuck`);
  if (failed) parts.push(`${failed.toLocaleString("en")} failed`);
  return `${plural(stuck + failed, "worker needs", "workers need")} attention: ${parts.join(", ")}`;
}
