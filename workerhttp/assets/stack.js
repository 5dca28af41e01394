// A stack, the user's own frames first.

import { el, setText } from "./dom.js";
import { plural } from "./format.js";

// The frames of this library and of the runtime say little about what went wrong.
const foreign = /^(created by )?(github\.com\/ankorstore\/yokai\/worker\.|runtime\.|runtime\/|panic\(|goroutine panic)/;

// framesOf reads lines in pairs, as a panic prints them: a function, and its place after a tab. Other lines are headings.
function framesOf(text) {
  const lines = text.split("\n");
  const frames = [];
  for (let i = 0; i < lines.length; i++) {
    if (lines[i + 1]?.startsWith("\t")) frames.push({ text: `${lines[i]}\n${lines[++i]}`, heading: false });
    else if (lines[i].trim()) frames.push({ text: lines[i], heading: true });
  }
  return frames;
}

// split returns the user's frames with the headings before them, and how many frames there are of each sort.
function split(text) {
  const own = [];
  let heading = null;
  let all = 0;
  let folded = 0;
  for (const frame of framesOf(text)) {
    if (frame.heading) {
      heading = frame.text;
      continue;
    }
    all++;
    if (foreign.test(frame.text)) {
      folded++;
      continue;
    }
    if (heading !== null) own.push(own.length ? `\n${heading}` : heading);
    heading = null;
    own.push(frame.text);
  }
  return { own: own.join("\n"), all, folded };
}

// Stack shows a stack: the user's frames, and the whole of it folded.
export class Stack {
  constructor() {
    this.own = scroll("Last stack, own frames");
    this.whole = scroll("Last stack, whole");
    this.summary = el("summary");
    this.rest = el("details", "rest", "", this.summary, this.whole);
    this.node = el("div", "", "", this.own, this.rest);
  }

  show(text) {
    const { own, all, folded } = split(text);
    const fold = own !== "" && folded > 0;
    setText(this.own, fold ? own : text);
    setText(this.whole, fold ? text : "");
    setText(this.summary, `The whole stack: ${plural(all, "frame")}, ${folded} of them the library's or the runtime's`);
    this.rest.hidden = !fold;
  }
}

function scroll(label) {
  const node = el("pre", "scroll");
  node.tabIndex = 0;
  node.setAttribute("role", "region");
  node.setAttribute("aria-label", label);
  return node;
}
