// The status page: shows the report of a pool, as it comes again and again.

import { keep, kept } from "./address.js";
import { sentence, verdicts } from "./attention.js";
import { Connection } from "./connection.js";
import { Control } from "./control.js";
import { byId, setAttribute, setText } from "./dom.js";
import { Filter } from "./filter.js";
import { plural, useUTC } from "./format.js";
import { listenToKeys } from "./keys.js";
import { List } from "./list.js";
import { Sort } from "./sort.js";

const announceEvery = 10000; // ms between announcements of what needs attention

let announced = { text: "", at: -announceEvery };

const connection = new Connection({
  opened: () => [...control.watched, ...list.opened],
  onFirst: (report) => sort.column || list.update(report), // which come worst first
  onReport: (report) => {
    control.follow(report, connection.now());
    filter.count(report.workers);
    render();
    const { missing } = list;
    if (missing) announce(`${missing} is not among the workers that are shown.`);
    list.load();
  },
  onStill: () => list.tick(),
  announce,
});
const control = new Control({ connection, announce, onChange: render });
const sort = new Sort(byId("head"), render);
const filter = new Filter(() => {
  list.showLess();
  render();
  announce(byId("shown").textContent);
});
const list = new List({ connection, control, sort, filter, onMore: render });

function render() {
  const { report } = connection;
  if (!report) return;
  const matching = list.update(report);
  const attention = sentence(report.workers, report.state);
  renderPool(report);
  setText(byId("headline"), attention || (report.workers.length ? "No worker needs attention" : ""));
  byId("headline").classList.toggle("is-bad", attention !== "");
  setText(byId("shown"), shown(matching, report.workers.length));
  setText(byId("empty"), emptiness(report));
  byId("empty").hidden = matching > 0;
  document.title = attention ? `${attention.split(": ")[1]} · Workers` : "Workers";
  tell(attention);
}

function renderPool(report) {
  const facts = [report.state, report.cause && `because: ${report.cause}`, verdicts(report)];
  setText(byId("pool"), facts.filter(Boolean).join(", "));
  byId("pool").className = `pool ${report.state}`;
}

function shown(matching, all) {
  const count = filter.isOn ? `${matching.toLocaleString("en")} of ${plural(all, "worker")}` : plural(all, "worker");
  return all > 1 && sort.text ? `${count}, ${sort.text}` : count;
}

function emptiness(report) {
  if (report.workers.length) return "No worker matches the filter.";
  return report.state === "new" ? "The pool has not been started." : "The pool has no worker.";
}

// tell announces what needs attention when that changed, but not again and again.
function tell(attention) {
  if (attention === announced.text || performance.now() - announced.at < announceEvery) return;
  announced = { text: attention, at: performance.now() };
  announce(attention || "No worker needs attention");
}

function announce(text) {
  byId("live").textContent = text;
}

function readAddress() {
  useUTC(kept("utc") !== "");
  setAttribute(byId("utc"), "aria-pressed", String(kept("utc") !== ""));
  filter.read();
  sort.read();
  list.read();
  connection.tick();
  render();
}

byId("utc").addEventListener("click", () => {
  keep("utc", kept("utc") ? "" : "1");
  readAddress();
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment of the address is taken
  byId("table").focus();
});
document.body.addEventListener("copied", () => announce("Copied."));
addEventListener("hashchange", readAddress);
listenToKeys();
setInterval(() => {
  connection.tick();
  list.tick();
}, 1000);
readAddress();
connection.refresh();
