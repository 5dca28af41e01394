// What the page asks of the service that serves it. Each function throws an Error whose message is fit for the page.

import { options, summaryOf, takeFirst, timeout, withNames } from "./query.js";

const screenful = 40; // workers
const slice = 16; // ms of parsing, after which the browser may do something else

// fetchSummary returns the report of all workers, with those opened in detail, all of one moment. It gives up with null as
// soon as accepts refuses the first line, which has all but the workers. detailed are the names that came in detail. onFirst gets
// the report as soon as it has enough workers to fill a screen, the worst first.
export async function fetchSummary(opened, { accepts, onFirst }) {
  const { url, names } = summaryOf(opened);
  const abort = new AbortController();
  const response = await ask(url, { signal: AbortSignal.any([abort.signal, AbortSignal.timeout(timeout)]) });
  let report = null;
  for await (const line of lines(response.body)) {
    if (report) {
      if (report.workers.push(line) === screenful) onFirst(report);
      continue;
    }
    report = { ...line, workers: [], detailed: new Set(names) };
    if (Number.isNaN(Date.parse(report.at))) throw new Error(noReport);
    if (!accepts(report)) {
      abort.abort();
      return null;
    }
  }
  if (!report) throw new Error(noReport);
  return report;
}

const noReport = "The service does not answer with a report.";

// lines yields the values of lines of JSON, and lets the browser do something else between.
async function* lines(body) {
  let rest = "";
  let since = performance.now();
  try {
    for (const reader = body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
      const { done, value } = await reader.read();
      const texts = (rest + (value ?? "")).split("\n");
      rest = done ? "" : texts.pop();
      for (const text of texts) {
        if (text) yield JSON.parse(text);
        if (performance.now() - since < slice) continue;
        await new Promise((resume) => setTimeout(resume));
        since = performance.now();
      }
      if (done) return;
    }
  } catch (error) {
    throw new Error(error instanceof SyntaxError ? noReport : broken(error));
  }
}

const broken = (error) => (error.name === "TimeoutError" ? "The service is too slow to answer." : "The service does not answer.");

async function ask(url, how) {
  let response;
  try {
    response = await (takeFirst(url) ?? fetch(url, { ...options, ...how }));
  } catch (error) {
    throw new Error(broken(error));
  }
  if (response.type === "opaqueredirect") throw new Error("The service asks to sign in: reload this page.");
  if (!response.ok) throw Object.assign(new Error(`The service answers with an error (HTTP ${response.status}).`), { response });
  return response;
}

// eventsOf returns the addresses of reports of some workers with their newest events, as many as their names take.
export function eventsOf(wanted) {
  const urls = [];
  for (let rest = [...new Set(wanted)]; rest.length; ) {
    const { url, names } = withNames("events=64&text=320&stack=false", "worker", rest);
    rest = rest.slice(names.length);
    urls.push(url);
  }
  return urls;
}

// detailOf returns the address of the report of one worker in detail, and of others beside it.
export function detailOf(name, others) {
  return withNames(`events=1&stack=false&text=400&detail=${encodeURIComponent(name)}`, "worker", [name, ...others]).url;
}

// fetchReport returns the report of an address.
export async function fetchReport(url) {
  const response = await ask(url, { signal: AbortSignal.timeout(timeout) });
  return response.json();
}

const misdirected = 421; // another instance took the request
const tries = 8;

// act asks an instance to restart or stop a worker, and throws the reason if it refuses.
export async function act(verb, name, instance) {
  const url = `workers/${encodeURIComponent(name)}/${verb}?events=0&stack=false&text=0&instance=${encodeURIComponent(instance ?? "")}`;
  for (let left = tries; ; left--) {
    try {
      await ask(url, { method: "POST", signal: AbortSignal.timeout(timeout) });
      return;
    } catch (error) {
      const status = error.response?.status;
      if (status === misdirected && left > 1) continue;
      if (status === misdirected) throw new Error("another instance answers");
      throw new Error(error.response ? (await error.response.text()).trim().slice(0, 200) : error.message);
    }
  }
}
