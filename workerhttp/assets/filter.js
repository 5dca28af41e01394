// Which workers are shown: by words of name or error, by the tiles that count the statuses, and by one error.

import { keep, kept } from "./address.js";
import { byId, el, setAttribute, setText } from "./dom.js";
import { Groups } from "./groups.js";
import { glyph, known, statuses } from "./statuses.js";

export class Filter {
  constructor(onChange) {
    this.input = byId("name");
    this.onChange = onChange;
    this.groups = new Groups(byId("groups"), (error) => this.#change("error", error));
    this.tiles = new Map(statuses.map((status) => [status, this.#tile(status)]));
    byId("tiles").append(...[...this.tiles.values()].map((tile) => tile.button));
    byId("share").append(...[...this.tiles.values()].map((tile) => tile.share));
    this.input.addEventListener("input", () => this.#change("name", this.input.value));
    byId("filter").addEventListener("submit", (event) => event.preventDefault());
    byId("clear").addEventListener("click", () => this.#clear());
    this.read();
  }

  #tile(status) {
    const count = el("span", "count", "0");
    const button = el("button", `tile ${status}`, "", count, el("span", "word", "", glyph(status), status));
    button.type = "button";
    button.addEventListener("click", () => {
      if (!this.statuses.delete(status)) this.statuses.add(status);
      this.#change("status", [...this.statuses].join(","));
    });
    return { button, count, share: el("span", status) };
  }

  #clear() {
    for (const key of ["name", "status", "error"]) keep(key);
    this.input.focus();
    this.#applied();
  }

  #change(key, value) {
    keep(key, value);
    this.#applied();
  }

  #applied() {
    this.read();
    this.onChange();
  }

  // read takes the filters from the address.
  read() {
    if (this.input.value !== kept("name")) this.input.value = kept("name");
    this.terms = kept("name").toLowerCase().split(/\s+/).filter(Boolean);
    this.statuses = new Set(kept("status").split(",").filter((s) => statuses.includes(s)));
    this.error = kept("error");
    this.groups.chosen = this.error;
    for (const [status, { button }] of this.tiles) setAttribute(button, "aria-pressed", String(this.statuses.has(status)));
    byId("clear").hidden = !this.isOn;
  }

  get isOn() {
    return this.terms.length > 0 || this.statuses.size > 0 || this.error !== "";
  }

  // matches tells whether a worker is shown. Each word must be in its name or its last error, in whatever case.
  matches(worker) {
    if (this.statuses.size && !this.statuses.has(known(worker.status))) return false;
    if (this.error && worker.lastError !== this.error) return false;
    if (!this.terms.length) return true;
    const text = `${worker.name}\n${worker.lastError ?? ""}`.toLowerCase();
    return this.terms.every((term) => text.includes(term));
  }

  // count shows how many workers are in each status and fail with each error, whether shown or not.
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
    this.groups.update(workers);
  }
}
