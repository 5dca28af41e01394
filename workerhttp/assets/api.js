// The report of the service that serves this page.

const timeout = 10000; // ms that an answer may take
const maxQuery = 4000; // characters, which every server and proxy takes

// fetchReport returns the report for a query, or throws an Error whose message is fit for the page.
export async function fetchReport(query) {
  let response;
  try {
    response = await fetch(`report?${query}`, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    throw new Error(error.name === "TimeoutError" ? "The service is too slow to answer." : "The service does not answer.");
  }
  if (response.type === "opaqueredirect") throw new Error("The service asks to sign in: reload this page.");
  if (!response.ok) throw new Error(`The service answers with an error (HTTP ${response.status}).`);
  try {
    return check(await response.json());
  } catch {
    throw new Error("The service does not answer with a report.");
  }
}

function check(report) {
  if (!Array.isArray(report.workers) || Number.isNaN(Date.parse(report.at))) throw new TypeError("not a report");
  return report;
}

// summaryQuery asks for what the rows show; the newest event tells whether a worker's others are worth asking for.
export const summaryQuery = "events=1&stack=false&text=400";

// workerQueries asks for the newest events of workers, in as many queries as their names take.
export function workerQueries(names, events, text, stack) {
  const rest = `events=${events}&text=${text}&stack=${stack}`;
  const queries = [];
  let query = rest;
  for (const name of new Set(names)) {
    const part = `&worker=${encodeURIComponent(name)}`;
    if (query.length + part.length > maxQuery && query !== rest) {
      queries.push(query);
      query = rest;
    }
    query += part;
  }
  if (query !== rest) queries.push(query);
  return queries;
}
