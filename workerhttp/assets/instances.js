// Which process answers. Several may behind one address: the page stays with the one that answered first, so that it never
// mixes two, and says so.

import { byId, setText } from "./dom.js";
import { clock, exactTime, parseTime } from "./format.js";

// How long another may answer in place of ours before that one is shown: on the same host it has most likely been restarted.
const patience = { sameHost: 5000, otherHost: 30000 }; // ms
const told = 60000; // ms for which the page says that it shows another one now

export class Instances {
  constructor(onSwitch) {
    this.ours = null;
    this.other = null; // the last other one that answered
    this.silentSince = NaN; // since when only others answer
    byId("switch").addEventListener("click", () => {
      this.#take(this.other);
      onSwitch();
    });
  }

  // accepts tells whether a report of all workers is one to show.
  accepts(report) {
    if (!this.ours) this.#take(report.instance ?? {});
    this.notice(report);
    const wait = this.other?.host === this.ours.host ? patience.sameHost : patience.otherHost;
    if (performance.now() - this.silentSince >= wait) this.#take(this.other, `${label(this.ours)} answers no more`);
    return isSame(report.instance, this.ours);
  }

  // notice takes note of who answers.
  notice(report) {
    if (isSame(report.instance, this.ours)) {
      this.silentSince = NaN;
    } else {
      this.other = report.instance ?? {};
      if (Number.isNaN(this.silentSince)) this.silentSince = performance.now();
    }
    this.#show();
  }

  // forgive forgets that ours was silent, after nobody was asked for a while.
  forgive() {
    this.silentSince = NaN;
  }

  #take(instance, why = "") {
    this.ours = instance;
    this.other = null;
    this.why = why && `This is ${label(instance)} now: ${why}.`;
    this.takenAt = performance.now();
    this.silentSince = NaN;
    this.#show();
  }

  #show() {
    if (performance.now() - this.takenAt > told) this.why = "";
    const { name, host, pid, startedAt, version } = this.ours;
    const started = parseTime(startedAt);
    const facts = [name, host && `host ${host}`, pid && `pid ${pid}`, !Number.isNaN(started) && `started ${clock(started)}`, version];
    setText(byId("instance"), facts.filter(Boolean).join(" · "));
    byId("instance").title = Number.isNaN(started) ? "" : `started ${exactTime(started)}`;
    byId("instance").hidden = !facts.some(Boolean);
    const others = this.other && `Several instances answer at this address. This page stays with ${label(this.ours)}; ${label(this.other)} answers too.`;
    setText(byId("other-what"), others || this.why || "");
    byId("other").hidden = !others && !this.why;
    byId("switch").hidden = !others;
    if (others) setText(byId("switch"), `Show ${label(this.other)}`);
  }

  // silence says that only another instance answers.
  get silence() {
    return `${label(this.ours)} does not answer; ${label(this.other)} does.`;
  }
}

const idOf = (instance) => instance?.id ?? JSON.stringify(instance ?? {});

export const isSame = (a, b) => idOf(a) === idOf(b);

// label tells an instance from others.
function label({ name, host, pid }) {
  return name || [host, pid].filter(Boolean).join(" pid ") || "the service";
}
