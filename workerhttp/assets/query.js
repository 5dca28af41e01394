// The addresses of reports. It imports nothing, and asks for the first report while the other scripts are still loading.

export const timeout = 10000; // ms that an answer may take
const maxLength = 4000; // characters, which every server and proxy takes

// summary asks for what the rows show; the newest event tells whether a worker's others are worth asking for.
const summary = "lines=true&worst=true&events=1&stack=false&text=400";

// withNames adds as many names to a query as it takes.
export function withNames(query, key, wanted) {
  const names = [];
  for (const name of wanted) {
    const part = `&${key}=${encodeURIComponent(name)}`;
    if (query.length + part.length > maxLength && names.length) break;
    query += part;
    names.push(name);
  }
  return { url: `report?${query}`, names };
}

// summaryOf returns the address of the report of all workers, with the names that come in detail.
export function summaryOf(opened) {
  return withNames(summary, "detail", opened);
}

export const options = { redirect: "manual", cache: "no-store" };

const { url } = summaryOf(new URLSearchParams(location.hash.slice(1)).getAll("open"));
let response = fetch(url, { ...options, signal: AbortSignal.timeout(timeout) });
response.catch(() => {}); // whoever takes it gets to know

// takeFirst returns the answer that was asked for early, once, if it is that of an address.
export function takeFirst(wanted) {
  const taken = wanted === url ? response : null;
  response = null;
  return taken;
}
