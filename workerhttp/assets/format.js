// Texts for times and counts.

const two = (n) => String(n).padStart(2, "0");

let utc = false;

// useUTC says whether times are told in UTC, or in the zone of the browser.
export function useUTC(on) {
  utc = on;
}

// parseTime returns a time of a report in milliseconds, NaN where there is none.
export function parseTime(text) {
  const ms = Date.parse(text);
  return ms > 0 ? ms : NaN; // Go's zero time is long before
}

// duration tells milliseconds in at most two units: 12s, 3m 05s, 1h 02m, 3d 04h.
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${two(Math.floor(s / 3600) % 24)}h`;
}

// exactDuration tells short times in milliseconds and tenths of a second too.
export function exactDuration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return duration(ms);
}

// countdown tells how long until a moment, rounded up so that 0 means now.
export function countdown(ms) {
  return ms <= 0 ? "now" : `in ${duration(Math.ceil(ms / 1000) * 1000)}`;
}

export function ago(ms) {
  return `${duration(ms)} ago`;
}

// iso tells a time as 2026-01-02T15:04:05.678Z, though in the zone that is used.
function iso(ms) {
  const shift = utc ? 0 : new Date(ms).getTimezoneOffset() * 60000;
  return new Date(ms - shift).toISOString();
}

// clock tells the time of day, and the date where it is not today's.
export function clock(ms, withMillis = false) {
  const text = iso(ms);
  const time = text.slice(11, withMillis ? 23 : 19);
  const day = text.slice(0, 10);
  return day === iso(Date.now()).slice(0, 10) ? time : `${day} ${time}`;
}

// zone tells the zone that is used at a time: UTC or +01:00.
export function zone(ms) {
  if (utc) return "UTC";
  const offset = -new Date(ms).getTimezoneOffset();
  return `${offset < 0 ? "−" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}

// exactTime tells date, time and zone: 2026-01-02 15:04:05.678 +01:00.
export function exactTime(ms) {
  return `${iso(ms).slice(0, 10)} ${iso(ms).slice(11, 23)} ${zone(ms)}`;
}

// ordinal tells an attempt of how many.
export function ordinal(attempt, max) {
  return attempt ? `${attempt}/${max === -1 ? "∞" : max}` : "–";
}

// plural counts things.
export function plural(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
