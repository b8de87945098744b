// state.mjs: the page's state in the address, after the #: tab=backprop&step=4&index=17.

/** Return the state written in a hash, as an object of texts. */
export function read(hash) {
  return Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
}

/** Return the hash of a state, without the entries that are null. */
export function written(state) {
  const entries = Object.entries(state).filter(([, value]) => value !== null && value !== undefined);
  return `#${new URLSearchParams(entries.map(([key, value]) => [key, String(value)]))}`;
}

/** Write the hash without a new entry in the history; return whether the document has an address to write to. */
export function write(state) {
  if (!hasAddress()) return false;
  history.replaceState(history.state, "", written(state));
  return true;
}

/** Whether the document has an address of its own: the frame of a notebook (about:srcdoc) has none. */
export function hasAddress() {
  return !location.href.startsWith("about:");
}

/** Return a whole number from 0 to most, or null. */
export function index(text, most) {
  if (text === undefined || text === null || !/^\d+$/.test(String(text))) return null;
  return Number(text) <= most ? Number(text) : null;
}
