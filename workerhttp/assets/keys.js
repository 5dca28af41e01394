// Keys: / goes to the filter, j and k to the next and the previous worker.

import { byId } from "./dom.js";

const typing = "input, textarea, select, [contenteditable]";

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const away = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented;
    if (away || event.target.closest?.(typing) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") byId("name").focus();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else return;
    event.preventDefault();
  });
}

function step(by) {
  const buttons = [...byId("list").querySelectorAll(".open")];
  const current = document.activeElement?.closest("#list > .worker")?.querySelector(".open");
  const at = buttons.indexOf(current);
  const next = at < 0 ? 0 : Math.min(buttons.length - 1, Math.max(0, at + by));
  buttons[next]?.focus();
  buttons[next]?.scrollIntoView({ block: "nearest" });
}
