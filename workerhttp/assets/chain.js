// The dependencies of a worker at a glance: what it depends on, itself, and what depends on it, from left to right.

import { linkTo } from "./address.js";
import { el } from "./dom.js";
import { glyph } from "./statuses.js";

const maxNames = 60; // in a chain
const maxColumn = 8;

// neighboursOf returns the names of all that a chain shows beside its worker.
export function neighboursOf(worker, report) {
  return [...levels(worker, upOf(report)), ...levels(worker, downOf(report))].flat();
}

// drawChain fills a node with the chain of a worker, and returns whether there is one. onOpen is called with a name.
export function drawChain(node, worker, report, onOpen) {
  const up = levels(worker, upOf(report)).reverse();
  const down = levels(worker, downOf(report));
  if (!up.length && !down.length) return false;
  const byName = new Map(report.workers.map((each) => [each.name, each]));
  const columns = [...up, [worker.name], ...down];
  const text = JSON.stringify([columns, columns.flat().map((name) => byName.get(name)?.status), worker.waitingFor]);
  if (text !== node.drawn) node.replaceChildren(...columns.map((names) => column(names, byName, worker, onOpen)));
  node.drawn = text; // so that what has not changed is left alone
  return true;
}

function column(names, byName, worker, onOpen) {
  const items = names.slice(0, maxColumn).map((name) => item(name, byName.get(name), worker, onOpen));
  if (names.length > maxColumn) items.push(el("li", "", `and ${names.length - maxColumn} more`));
  return el("ul", "column", "", ...items);
}

const upOf = (report) => {
  const byName = new Map(report.workers.map((each) => [each.name, each]));
  return (name) => byName.get(name)?.dependsOn ?? [];
};

const downOf = (report) => {
  const dependents = new Map();
  for (const { name, dependsOn } of report.workers) {
    for (const dependency of dependsOn ?? []) {
      if (!dependents.has(dependency)) dependents.set(dependency, []);
      dependents.get(dependency).push(name);
    }
  }
  return (name) => dependents.get(name) ?? [];
};

// levels returns the names that next leads to from a worker, in as many steps as it takes at most.
function levels(worker, next) {
  const depths = new Map();
  let level = [worker.name];
  for (let depth = 0; level.length && depth < maxNames && depths.size < maxNames; depth++) {
    level = [...new Set(level.flatMap(next))].filter((name) => name !== worker.name);
    for (const name of level) depths.set(name, depth); // the farthest counts
  }
  const found = [];
  for (const [name, depth] of [...depths].slice(0, maxNames)) (found[depth] ??= []).push(name);
  return found.filter(Boolean);
}

function item(name, worker, from, onOpen) {
  const waited = from.waitingFor?.includes(name);
  const text = el("bdi", "", name);
  const node = el("li", waited ? "waited" : "", "", glyph(worker?.status ?? "unknown"));
  node.dataset.status = worker?.status ?? "unknown";
  if (name === from.name) {
    node.append(el("strong", "", "", text));
  } else {
    const link = el("a", "", "", text);
    link.href = linkTo(name);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onOpen(name);
    });
    node.append(link);
  }
  node.append(el("span", "state", ` ${worker ? worker.status : "not there"}${waited ? ", waited for" : ""}`));
  return node;
}
