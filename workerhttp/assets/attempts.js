// Attempts, read from the events of a worker, or from its runs.

import { parseTime } from "./format.js";

const starting = /^starting execution attempt (\d+)\/(\d+|unlimited)$/;
const stopping = /^stopping execution attempt (\d+)\/(\d+|unlimited) (with success|with error: |with recovered panic: |with runtime\.Goexit|on cancellation)/;

const outcomes = {
  "with success": "success",
  "with error: ": "error",
  "with recovered panic: ": "panic",
  "with runtime.Goexit": "goexit",
  "on cancellation": "stopped",
};

// attemptsOf returns the attempts that events tell of, oldest first: {number, start, end, outcome, message}. The start of
// the first is NaN where its event is not among them; the end of one that still runs is NaN.
export function attemptsOf(events) {
  const attempts = [];
  for (const event of events) {
    const at = Date.parse(event.at);
    const last = attempts.at(-1);
    const running = last && Number.isNaN(last.end) ? last : null;
    let match;
    if ((match = starting.exec(event.message))) {
      attempts.push({ number: match[1], start: at, end: NaN, outcome: "running", message: "" });
    } else if ((match = stopping.exec(event.message))) {
      const ended = running ?? { number: match[1], start: NaN };
      Object.assign(ended, { end: at, outcome: outcomes[match[3]], message: event.message });
      if (!running) attempts.push(ended);
    } else if (running && event.message.startsWith("heartbeat missed")) {
      running.outcome = "stuck";
    } else if (running && event.message.startsWith("heartbeat resumed")) {
      running.outcome = "running";
    }
  }
  return attempts;
}

const runOutcomes = ["success", "error", "panic", "goexit", "stuck", "stopped", "running"];

// attemptsOfRuns returns the same of the runs of a scheduled worker, oldest first.
export function attemptsOfRuns(runs) {
  return runs.map(({ startedAt, endedAt, status, executionId }) => ({
    start: parseTime(startedAt),
    end: parseTime(endedAt),
    outcome: runOutcomes.includes(status) ? status : "stopped",
    run: executionId,
    message: "",
  }));
}

// kindOf returns what an event tells of, for its mark: an outcome, waiting, or other.
export function kindOf(message) {
  const match = stopping.exec(message);
  if (match) return outcomes[match[3]];
  if (starting.test(message)) return "running";
  if (message.startsWith("heartbeat missed")) return "stuck";
  if (message.startsWith("waiting ")) return "waiting";
  return "other";
}
