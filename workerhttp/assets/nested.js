// The pools that run inside a worker, as a tree.

import { reasonOf } from "./attention.js";
import { el } from "./dom.js";
import { ordinal } from "./format.js";
import { glyph, known } from "./statuses.js";

const maxWorkers = 200; // of a pool
const maxDepth = 10;

// drawTree fills a node with the pools inside a worker, and returns whether there are any.
export function drawTree(node, worker) {
  const pools = worker.nested ?? [];
  const text = JSON.stringify(pools.map(essence));
  if (text !== node.drawn) node.replaceChildren(...pools.map((pool) => branch(pool, 0)));
  node.drawn = text; // so that what has not changed is left alone
  return pools.length > 0;
}

// essence has all that the tree shows.
const essence = ({ state, cause, workers }) => [state, cause, (workers ?? []).map((w) => [w.name, w.status, w.attempt, w.consecutiveFailures, w.lastError, w.fine, (w.nested ?? []).map(essence)])];

function branch(pool, depth) {
  const workers = pool.workers ?? [];
  const title = `pool ${pool.state}${pool.cause ? `, because: ${pool.cause}` : ""}`;
  const leaves = workers.slice(0, maxWorkers).map((worker) => leaf(worker, pool, depth));
  if (workers.length > maxWorkers) leaves.push(el("li", "", `and ${workers.length - maxWorkers} more`));
  return el("li", "", "", el("span", "state", title), el("ul", "", "", ...leaves));
}

function leaf(worker, pool, depth) {
  const reason = reasonOf(worker, pool.state);
  const node = el("li", reason && "is-bad", "", glyph(worker.status), el("bdi", "", worker.name));
  node.dataset.status = known(worker.status);
  node.append(el("span", "state", ` ${[worker.status, ordinal(worker.attempt, worker.maxAttempts), reason].filter(Boolean).join(", ")}`));
  if (worker.lastError) node.append(el("bdi", "message", ` ${worker.lastError}`));
  if (worker.nested?.length && depth < maxDepth) node.append(el("ul", "", "", ...worker.nested.map((inner) => branch(inner, depth + 1))));
  return node;
}
