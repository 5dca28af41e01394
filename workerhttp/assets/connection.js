// Asks for the report again and again, says when the service does not answer, and comes back by itself.

import { fetchReport, fetchSummary } from "./api.js";
import { byId, setAttribute, setText } from "./dom.js";
import { clock, duration, zone } from "./format.js";
import { Instances, isSame } from "./instances.js";

const interval = 2000; // ms between an answer and the next question
const maxRetry = 5000; // ms between questions while the service is gone
const tries = 8; // in a row, where another instance answers

export class Connection {
  // opened returns the names to ask for in detail; onReport takes each report, onFirst a part of the very first; onStill is called when
  // time begins to stand still; announce tells something aloud.
  constructor({ opened, onFirst, onReport, onStill, announce }) {
    Object.assign(this, { opened, onFirst, onReport, onStill, announce });
    this.report = null;
    this.receivedAt = 0; // on performance's clock, which no one sets
    this.gone = null; // {since, reason, retryAt, wait} while the service does not answer
    this.pausedAt = null;
    this.timer = 0;
    this.asking = false;
    this.instances = new Instances(() => this.refresh());
    byId("retry").addEventListener("click", () => this.refresh());
    byId("pause").addEventListener("click", () => this.#pause());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) clearTimeout(this.timer);
      else if (this.pausedAt === null) this.resume();
    });
  }

  // now returns the service's time, in milliseconds. It stands still while the page is paused, and while the service is gone, since
  // nobody knows what happens there meanwhile.
  now() {
    if (!this.report) return this.firstAt ?? Date.now();
    return Date.parse(this.report.at) + (this.gone?.since ?? this.pausedAt ?? performance.now()) - this.receivedAt;
  }

  // resume goes on after nobody was asked for a while.
  resume() {
    this.instances.forgive();
    this.refresh();
  }

  async refresh() {
    if (this.asking) return;
    this.asking = true;
    clearTimeout(this.timer);
    const asked = performance.now();
    const accepts = (report) => this.instances.accepts(report);
    const onFirst = (report) => {
      this.firstAt = Date.parse(report.at);
      if (!this.report) this.onFirst(report);
    };
    try {
      this.#take(await this.#ours(() => fetchSummary(this.opened(), { accepts, onFirst })));
    } catch (error) {
      this.#goAway(error.message);
    }
    this.asking = false;
    // A big pool is asked less often: never more than a fifth of the time.
    const wait = this.gone ? this.gone.wait : Math.max(interval, 4 * (performance.now() - asked));
    if (!document.hidden && this.pausedAt === null) this.timer = setTimeout(() => this.refresh(), wait);
  }

  // ask returns the report of an address, of the instance that is shown.
  ask(url) {
    return this.#ours(async () => {
      const report = await fetchReport(url);
      this.instances.notice(report);
      return isSame(report.instance, this.report.instance) ? report : null;
    });
  }

  // #ours asks until our instance answers.
  async #ours(question) {
    for (let left = tries; left > 0; left--) {
      const report = await question();
      if (report) return report;
    }
    throw new Error(this.instances.silence);
  }

  #take(report) {
    this.report = report;
    this.receivedAt = performance.now();
    if (this.pausedAt !== null) this.pausedAt = this.receivedAt;
    if (this.gone) this.#comeBack();
    this.onReport(report);
    this.tick();
  }

  #goAway(reason) {
    const at = performance.now();
    this.gone ??= { since: at, wait: 500 };
    this.gone.wait = Math.min(maxRetry, this.gone.wait * 2);
    this.gone.retryAt = at + this.gone.wait;
    if (this.gone.reason !== reason) this.announce(reason);
    this.gone.reason = reason;
    document.body.classList.add("is-gone");
    byId("gone").hidden = false;
    this.tick();
    this.onStill();
  }

  #comeBack() {
    this.gone = null;
    document.body.classList.remove("is-gone");
    byId("gone").hidden = true;
    this.announce("The service answers again.");
  }

  #pause() {
    const on = this.pausedAt === null;
    this.pausedAt = on ? performance.now() : null;
    setAttribute(byId("pause"), "aria-pressed", String(on));
    if (on) clearTimeout(this.timer);
    else this.resume();
    this.tick();
    if (on) this.onStill();
  }

  // tick shows what changes with time alone.
  tick() {
    const at = this.report && Date.parse(this.report.at);
    if (this.report) setText(byId("updated"), `${this.pausedAt === null ? "as" : "paused, as"} of ${clock(at)} ${zone(at)}`);
    if (!this.gone) return;
    const since = this.report ? `What is shown is of ${clock(at)}.` : "Nothing to show yet.";
    const wait = Math.max(0, this.gone.retryAt - performance.now());
    setText(byId("gone-what"), this.gone.reason);
    setText(byId("gone-when"), `${since} ${wait > 0 ? `Next try in ${duration(wait + 999)}.` : "Trying…"}`);
  }
}
