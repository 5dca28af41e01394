// Which workers need attention, and why. It follows what the probes say of the same report, and adds what they pass over.

import { plural } from "./format.js";

const manyFailures = 3;

// The reasons, the worst first.
const reasons = ["stuck", "timed out", "not live", "gave up", "failing", "not ready"];

// reasonOf returns why a worker needs attention, "" if it does not. state is that of its pool: one that is not started is not ready
// as a whole, whatever its workers do.
export function reasonOf(worker, state) {
  if (worker.status === "stuck") return "stuck";
  if (worker.timedOut) return "timed out"; // and has not returned
  if (worker.gaveUp) return "gave up";
  if (worker.live === false) return "not live";
  if (failuresOf(worker) >= manyFailures) return "failing";
  if (worker.fine === false && state === "started") return "not ready";
  return "";
}

// failuresOf returns the failures in a row that still matter.
export function failuresOf(worker) {
  return worker.status === "stopped" || worker.status === "success" ? 0 : worker.consecutiveFailures || 0;
}

// badness grows from 0 for a worker that is well.
export function badness(worker, state) {
  const reason = reasonOf(worker, state);
  if (reason) return 1 + reasons.length - reasons.indexOf(reason);
  return failuresOf(worker) > 0 ? 1 : 0;
}

// sentence says how many need attention, and why; "" if none does.
export function sentence(workers, state) {
  const counts = new Map(reasons.map((reason) => [reason, 0]));
  let all = 0;
  for (const worker of workers) {
    const reason = reasonOf(worker, state);
    if (!reason) continue;
    all++;
    counts.set(reason, counts.get(reason) + 1);
  }
  const parts = [...counts].filter(([, n]) => n).map(([reason, n]) => `${n.toLocaleString("en")} ${reason}`);
  return all ? `${plural(all, "worker needs", "workers need")} attention: ${parts.join(", ")}` : "";
}

// verdicts tells what the probes say of a report, "" where it does not tell.
export function verdicts({ workers, state }) {
  if (!workers.every((worker) => typeof worker.fine === "boolean" && typeof worker.live === "boolean")) return "";
  const live = workers.every((worker) => worker.live);
  const ready = state === "started" && workers.every((worker) => worker.fine);
  return `${live ? "live" : "not live"}, ${ready ? "ready" : "not ready"}`;
}

// inside returns how many workers the pools inside a worker have, and how many of them need attention, at any depth.
export function inside(worker) {
  let all = 0;
  let bad = 0;
  for (const pool of worker.nested ?? []) {
    for (const each of pool.workers ?? []) {
      const deeper = inside(each);
      all += 1 + deeper.all;
      bad += (reasonOf(each, pool.state) ? 1 : 0) + deeper.bad;
    }
  }
  return { all, bad };
}
