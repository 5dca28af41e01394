// The statuses of a worker, in the order in which the page counts them, each with a glyph of its own shape: colour is
// never the only sign.

import { svg } from "./dom.js";

export const statuses = ["running", "waiting", "stuck", "error", "pending", "deferred", "success", "stopped", "unknown"];

// known maps a status that this page has no glyph for to unknown.
export function known(status) {
  return statuses.includes(status) ? status : "unknown";
}

const glyphs = {
  running: "M4.5 2.8v10.4L13 8z",
  waiting: "M4 2h8v2.6L9.2 8l2.8 3.4V14H4v-2.6L6.8 8 4 4.6z",
  stuck: "M8 1.5 15 14H1zM7.2 6v4h1.6V6zm0 5v1.5h1.6V11z",
  error: "M3.8 2.4 8 6.6l4.2-4.2 1.4 1.4L9.4 8l4.2 4.2-1.4 1.4L8 9.4l-4.2 4.2-1.4-1.4L6.6 8 2.4 3.8z",
  pending: "M1.5 6.5h3v3h-3zm5 0h3v3h-3zm5 0h3v3h-3z",
  deferred: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3zm-.8 1.8v3.7l2.7 1.9.9-1.2-2.1-1.5V4.8z",
  success: "M13.2 3.4 6.4 12.6 2.6 9l1.2-1.4 2.4 2.2 5.5-7.5z",
  stopped: "M3.5 3.5h9v9h-9z",
  unknown: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8z",
};

// glyph makes the sign of a status.
export function glyph(status) {
  const path = svg("path", { d: glyphs[known(status)], "fill-rule": "evenodd" });
  return svg("svg", { class: "glyph", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}
