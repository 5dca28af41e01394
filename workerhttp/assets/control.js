// Restarting and stopping workers, where the service allows it: asks whether to, asks the service, and follows how it goes on.

import { act } from "./api.js";
import { byId, el, setText } from "./dom.js";
import { duration, parseTime } from "./format.js";

const settled = 5000; // ms that a restarted worker must run to be up
const remembered = 20000; // ms for which the outcome is shown

const words = {
  restart: { title: "Restart", doing: "restarting", not: "not restarted", text: "Its attempt is cancelled, and once that has ended the worker is started anew." },
  stop: { title: "Stop", doing: "stopping", not: "not stopped", text: "Its attempt is cancelled. It is not run again before it is restarted." },
};

// The events that the service records of an action.
const asked = { done: /^(?:restarted|stopped) as asked for by /, late: /^(?:restart|stop) asked for by .* has not ended yet: /s, not: /^(?:restart|stop) asked for by .* not done: (.*)$/s };

export class Control {
  constructor({ connection, announce, onChange }) {
    Object.assign(this, { connection, announce, onChange });
    this.actions = new Map(); // {verb, since, at, why, overAt} by the worker's name
    this.dialog = byId("confirm");
    byId("confirm-no").addEventListener("click", () => this.dialog.close());
    byId("confirm-yes").addEventListener("click", () => this.#confirmed());
  }

  // buttons makes the buttons of an opened row. workerOf returns its worker.
  buttons(workerOf) {
    return Object.keys(words).map((verb) => {
      const button = el("button", "plain act", words[verb].title);
      button.type = "button";
      button.hidden = !this.connection.report?.control;
      button.addEventListener("click", () => this.#confirm(verb, workerOf()));
      return button;
    });
  }

  #confirm(verb, worker) {
    this.chosen = { verb, name: worker.name };
    setText(byId("confirm-title"), `${words[verb].title} ${worker.name}?`);
    setText(byId("confirm-text"), words[verb].text);
    setText(byId("confirm-yes"), words[verb].title);
    this.dialog.showModal();
    byId("confirm-no").focus();
  }

  async #confirmed() {
    this.dialog.close();
    const { verb, name } = this.chosen;
    const { report } = this.connection;
    // Events of the action are later than the report that is shown, by the service's own clock.
    const action = { verb, since: Date.parse(report.at), at: this.connection.now(), why: "", overAt: NaN };
    this.actions.set(name, action);
    this.onChange();
    try {
      await act(verb, name, report.instance?.id);
    } catch (error) {
      Object.assign(action, { why: error.message, overAt: this.connection.now() });
      this.announce(`${name}: ${words[verb].not}: ${error.message}`);
    }
    this.onChange();
    this.connection.refresh();
  }

  // watched are the workers that a report must have in detail.
  get watched() {
    return this.actions.keys();
  }

  // follow takes how the actions have gone on from a report, and forgets those that have been over for long.
  follow(report, now) {
    for (const [name, action] of this.actions) {
      if (now - action.overAt > remembered) this.actions.delete(name);
      if (!Number.isNaN(action.overAt)) continue;
      const worker = report.workers.find((each) => each.name === name);
      const { text, over } = worker ? outcome(action, worker, now) : { text: "the worker is gone", over: true };
      action.text = text;
      if (!over) continue;
      action.overAt = now;
      this.announce(`${name}: ${text}`);
    }
  }

  // progressOf tells how the action on a worker goes on, "" if there is none.
  progressOf({ name }, state, now) {
    const action = this.actions.get(name);
    if (!action) return "";
    const { doing, not } = words[action.verb];
    if (action.why) return `${not}: ${action.why}`;
    if (Number.isNaN(action.overAt) && state !== "started") return `${not} yet: the pool is ${state}`;
    const text = action.text ?? doing;
    return text === doing && now - action.at > 1000 ? `${doing} for ${duration(now - action.at)}` : text;
  }
}

// outcome reads from a worker's events and status what has come of an action.
function outcome({ verb, since }, worker, now) {
  const events = worker.events.filter(({ at }) => parseTime(at) > since);
  const not = events.findLast(({ message }) => asked.not.test(message));
  if (not) return { text: `${words[verb].not}: ${asked.not.exec(not.message)[1]}`, over: true };
  const late = events.findLast(({ message }) => asked.late.test(message));
  const done = events.some(({ message }) => asked.done.test(message)) || (late && parseTime(worker.startedAt) > parseTime(late.at));
  if (!done) return { text: words[verb].doing, over: false };
  return verb === "stop" ? { text: "stopped", over: true } : restarted(worker, now);
}

// restarted tells whether a worker that was started anew is up.
function restarted(worker, now) {
  switch (worker.status) {
    case "running":
      if (worker.ready === false) return { text: "verifying: not ready yet", over: false };
      if (now - parseTime(worker.startedAt) < settled) return { text: "verifying", over: false };
      return { text: "restarted", over: true };
    case "success":
      return { text: "restarted, and done", over: true };
    case "unknown":
      return { text: "verifying", over: false };
  }
  const failed = worker.consecutiveFailures > 0 || worker.gaveUp || worker.status === "stuck";
  return { text: failed ? "restarted, but it failed again" : `restarted, ${worker.status}`, over: true };
}
