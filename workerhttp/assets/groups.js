// Errors that several workers fail with, as buttons that filter by them.

import { failuresOf } from "./attention.js";
import { el, setAttribute, setText } from "./dom.js";

const maxGroups = 5;

export class Groups {
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.buttons = new Map(); // by error
    this.chosen = "";
  }

  // update shows the errors that two workers or more fail with, the most frequent first.
  update(workers) {
    const counts = new Map();
    for (const worker of workers) {
      if (worker.lastError && (worker.gaveUp || failuresOf(worker) > 0)) counts.set(worker.lastError, (counts.get(worker.lastError) ?? 0) + 1);
    }
    const shown = [...counts].filter(([error, n]) => n > 1 || error === this.chosen).sort((a, b) => b[1] - a[1]).slice(0, maxGroups);
    if (this.chosen && !shown.some(([error]) => error === this.chosen)) shown.push([this.chosen, counts.get(this.chosen) ?? 0]);
    for (const [error, button] of this.buttons) {
      if (shown.some(([other]) => other === error)) continue;
      button.remove();
      this.buttons.delete(error);
    }
    for (const [error, n] of shown) this.#show(error, n);
    this.root.hidden = shown.length === 0;
  }

  #show(error, n) {
    let button = this.buttons.get(error);
    if (!button) {
      button = el("button", "group", "", el("span", "times"), el("bdi", "", error));
      button.type = "button";
      button.title = error;
      button.addEventListener("click", () => this.onChoose(this.chosen === error ? "" : error));
      this.buttons.set(error, button);
      this.root.append(button);
    }
    setText(button.firstChild, `${n.toLocaleString("en")} × `);
    setAttribute(button, "aria-pressed", String(this.chosen === error));
  }
}
