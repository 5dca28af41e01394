// Texts for times and counts.

const two = (n) => String(n).padStart(2, "0");

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

// clock tells the time of day here, and the date where it is not today's.
export function clock(ms, withMillis = false) {
  const t = new Date(ms);
  let text = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  if (withMillis) text += `.${String(t.getMilliseconds()).padStart(3, "0")}`;
  return t.toDateString() === new Date().toDateString() ? text : `${day(t)} ${text}`;
}

const day = (t) => `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;

// exactTime tells date, time and offset: 2026-01-02 15:04:05.678 +01:00.
export function exactTime(ms) {
  const t = new Date(ms);
  const offset = -t.getTimezoneOffset();
  const zone = `${offset < 0 ? "−" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const time = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
  return `${day(t)} ${time} ${zone}`;
}

// ordinal tells an attempt of how many.
export function ordinal(attempt, max) {
  return attempt ? `${attempt}/${max === -1 ? "∞" : max}` : "–";
}

// plural counts things.
export function plural(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
