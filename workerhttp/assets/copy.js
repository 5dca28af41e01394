// Buttons that copy a text.

import { el, setText } from "./dom.js";

const thanks = 1500; // ms that a button says that it did

// copyButton copies what textOf returns at the time.
export function copyButton(label, textOf) {
  const button = el("button", "plain copy", label);
  button.type = "button";
  button.addEventListener("click", async () => {
    const copied = await copy(textOf());
    setText(button, copied ? "Copied" : "Not copied");
    if (copied) button.dispatchEvent(new CustomEvent("copied", { bubbles: true }));
    setTimeout(() => setText(button, label), thanks);
  });
  return button;
}

// copy uses the clipboard where the browser allows it, and the older way elsewhere: without TLS there is no clipboard.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", "hidden");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return copied;
  }
}
