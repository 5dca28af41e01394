// What the fragment of the address keeps, so that a reload or a link shows the same: the filters (name, status, error),
// the order (sort), the opened workers (open), and utc.

const read = () => new URLSearchParams(location.hash.slice(1));

export function kept(key) {
  return read().get(key) ?? "";
}

export function allKept(key) {
  return read().getAll(key);
}

// keep replaces the values of a key; empty ones are left out.
export function keep(key, ...values) {
  const params = read();
  params.delete(key);
  for (const value of values) if (value) params.append(key, value);
  const hash = `#${params}`;
  if (hash !== (location.hash || "#")) history.replaceState(null, "", hash);
}

// linkTo is the address of a page that has nothing but one worker opened.
export function linkTo(name) {
  return `#${new URLSearchParams({ open: name })}`;
}
