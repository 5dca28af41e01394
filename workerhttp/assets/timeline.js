// The timeline of a worker's attempts, as SVG: one bar per attempt, oldest left, newest right. Its length grows with the
// logarithm of how long the attempt ran, and so does the gap with the pause before it: milliseconds and days fit in one
// picture. Colour and height tell the outcome, and each bar has a title that says it all.

import { svg } from "./dom.js";
import { clock, exactDuration, plural } from "./format.js";

// The share of the height that a bar takes, by outcome.
const heights = { success: 0.6, running: 0.6, stuck: 1, error: 1, panic: 1, goexit: 1, stopped: 0.3, next: 0.6 };
const words = { success: "success", running: "running", stuck: "stuck", error: "error", panic: "panic", goexit: "runtime.Goexit", stopped: "stopped" };
const maxTitle = 300;

// drawTimeline fills an SVG element of a size with attempts, at the moment now. next is when another one is due, or NaN.
export function drawTimeline(root, attempts, { width, height, unit, max, now, next }) {
  const bars = layout(attempts.slice(-max), now, next);
  const total = bars.reduce((sum, bar) => sum + bar.gap + bar.length, 0);
  const scale = Math.min(unit, width / (total || 1));
  let x = width - total * scale;

  const children = [svg("path", { class: "baseline", d: `M0 ${height - 0.5}H${width}` })];
  for (const bar of bars) {
    x += bar.gap * scale;
    children.push(draw(bar, x, Math.max(1, bar.length * scale - 1), height));
    x += bar.length * scale;
  }
  root.replaceChildren(...children);
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("aria-label", summary(attempts));
}

const growth = (ms) => Math.log10(1 + Math.max(0, ms || 0) / 10);

function layout(attempts, now, next) {
  let previous = NaN;
  const bars = attempts.map((attempt) => {
    const end = Number.isNaN(attempt.end) ? now : attempt.end;
    const bar = { ...attempt, end, gap: growth(attempt.start - previous) / 3, length: 1 + growth(end - attempt.start) };
    previous = end;
    return bar;
  });
  if (!Number.isNaN(next)) {
    bars.push({ outcome: "next", start: next, gap: growth(next - previous) / 3, length: 1.4 });
  }
  return bars;
}

function draw(bar, x, width, height) {
  const inset = bar.outcome === "next" ? 0.5 : 0;
  const h = height * heights[bar.outcome];
  const rect = svg("rect", {
    class: `bar ${bar.outcome}`,
    x: (x + inset).toFixed(2),
    y: (height - h + inset).toFixed(2),
    width: Math.max(1, width - 2 * inset).toFixed(2),
    height: (h - 2 * inset).toFixed(2),
    rx: 1,
  });
  const title = svg("title");
  title.textContent = describe(bar);
  rect.append(title);
  return rect;
}

function describe(bar) {
  if (bar.outcome === "next") return `Next attempt at ${clock(bar.start)}`;
  const began = Number.isNaN(bar.start) ? "began before the events that were kept" : `began ${clock(bar.start, true)}`;
  const ran = Number.isNaN(bar.start) ? "" : `, ran ${exactDuration(bar.end - bar.start)}`;
  const text = bar.message.split(/ with (?:error|recovered panic): /s).slice(1).join(" ");
  const cut = text.length > maxTitle ? `${text.slice(0, maxTitle)}…` : text;
  const what = bar.run ? `Run ${bar.run.slice(0, 8)}` : `Attempt ${bar.number}`;
  return `${what}: ${words[bar.outcome]}\n${began}${ran}${cut ? `\n${cut}` : ""}`;
}

// summary tells in words what the picture shows.
function summary(attempts) {
  const counts = new Map();
  for (const { outcome } of attempts) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const parts = [...counts].map(([outcome, n]) => `${n} ${words[outcome]}`);
  const what = attempts[0]?.run ? "run" : "attempt";
  return parts.length ? `${plural(attempts.length, what)}: ${parts.join(", ")}` : "No attempt";
}
