// The events of an opened worker, newest first.

import { kindOf } from "./attempts.js";
import { el } from "./dom.js";
import { clock, exactTime, parseTime } from "./format.js";

export class Events {
  constructor() {
    this.node = el("ol", "scroll");
    this.node.tabIndex = 0;
    this.node.setAttribute("aria-label", "Events, newest first");
    this.shown = []; // the keys of the events in the list
  }

  // show adds the new ones on top, so that reading the others is not disturbed.
  show(events) {
    const keys = events.map((event) => `${clock(parseTime(event.at), true)} ${event.at} ${event.executionId} ${event.message}`);
    const newest = this.shown.length ? keys.lastIndexOf(this.shown.at(-1)) : -1;
    if (newest < 0) this.node.replaceChildren();
    for (const event of events.slice(newest + 1)) this.node.prepend(line(event));
    while (this.node.childElementCount > events.length) this.node.lastChild.remove();
    this.shown = keys;
  }
}

function line(event) {
  const at = parseTime(event.at);
  const when = el("time", "", clock(at, true));
  when.dateTime = event.at;
  when.title = exactTime(at);
  const id = el("bdi", "id", event.executionId.slice(0, 8));
  id.title = `execution ${event.executionId}`;
  return el("li", `event ${kindOf(event.message)}`, "", when, el("bdi", "message", event.message), id);
}
