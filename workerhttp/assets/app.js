// The status page: asks for the report again and again, and shows it.

import { fetchReport, summaryQuery } from "./api.js";
import { byId, setText } from "./dom.js";
import { Filter } from "./filter.js";
import { clock, duration, plural } from "./format.js";
import { List } from "./list.js";

const interval = 2000; // ms between an answer and the next question
const maxRetry = 5000; // ms between questions while the service is gone
const announceEvery = 10000; // ms between announcements of what needs attention

let report = null;
let receivedAt = 0; // on performance's clock, which no one sets
let gone = null; // {since, reason, retryAt, wait} while the service does not answer
let timer = 0;
let asking = false;
let announced = { text: "", at: -announceEvery };

const list = new List(byId("list"), now);
const filter = new Filter(() => {
  render();
  announce(byId("shown").textContent);
});

// now returns the service's time, in milliseconds. It stands still while the service is gone, since nobody knows what
// happens there meanwhile.
function now() {
  if (!report) return Date.now();
  return Date.parse(report.at) + (gone ? gone.since : performance.now()) - receivedAt;
}

async function refresh() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const asked = performance.now();
  try {
    report = await fetchReport(summaryQuery);
    receivedAt = performance.now();
    comeBack();
    render();
    list.load();
  } catch (error) {
    goAway(error.message);
  }
  asking = false;
  // A big pool is asked less often: never more than a fifth of the time.
  const wait = gone ? gone.wait : Math.max(interval, 4 * (performance.now() - asked));
  if (!document.hidden) timer = setTimeout(refresh, wait);
}

function goAway(reason) {
  const at = performance.now();
  gone ??= { since: at, wait: 500 };
  gone.wait = Math.min(maxRetry, gone.wait * 2);
  gone.retryAt = at + gone.wait;
  if (gone.reason !== reason) announce(reason);
  gone.reason = reason;
  document.body.classList.add("is-gone");
  byId("gone").hidden = false;
  tick();
}

function comeBack() {
  if (!gone) return;
  gone = null;
  document.body.classList.remove("is-gone");
  byId("gone").hidden = true;
  announce("The service answers again.");
}

function render() {
  if (!report) return;
  list.update(report.workers);
  const attention = filter.count(report.workers);
  const shown = list.filter((worker) => filter.matches(worker));
  setText(byId("pool"), report.state);
  byId("pool").className = `pool ${report.state}`;
  setText(byId("headline"), attention || calm());
  byId("headline").classList.toggle("is-bad", attention !== "");
  setText(byId("shown"), filter.isOn ? `${shown.toLocaleString("en")} of ${plural(report.workers.length, "worker")}` : plural(report.workers.length, "worker"));
  setText(byId("empty"), emptiness());
  byId("empty").hidden = shown > 0;
  document.title = attention ? `${attention.split(": ")[1]} · Workers` : "Workers";
  tell(attention);
  tick();
}

function calm() {
  return report.workers.length ? "No worker needs attention" : "";
}

function emptiness() {
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

function tick() {
  list.tick();
  if (report) setText(byId("updated"), `as of ${clock(Date.parse(report.at))}`);
  if (!gone) return;
  const since = report ? `What is shown is of ${clock(Date.parse(report.at))}.` : "Nothing to show yet.";
  const wait = Math.max(0, gone.retryAt - performance.now());
  setText(byId("gone-what"), gone.reason);
  setText(byId("gone-when"), `${since} ${wait > 0 ? `Next try in ${duration(wait + 999)}.` : "Trying…"}`);
}

byId("retry").addEventListener("click", refresh);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else refresh();
});
setInterval(tick, 1000);
refresh();
