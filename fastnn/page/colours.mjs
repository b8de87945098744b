// colours.mjs: the page's colours for canvases, read from the variables of style.css.

let probe = null;
let cache = new Map();

/** Prepare for a shadow root; forget colours when the scheme changes, and call `changed`. */
export function watchScheme(root, changed) {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const again = () => {
    cache = new Map();
    changed();
  };
  media.addEventListener("change", again);
  return again;
}

/** Return [r, g, b] of the variable `--name` at an element, as the scheme in force has it. */
export function rgb(element, name) {
  const scheme = getComputedStyle(element).colorScheme;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const key = `${name} ${scheme} ${dark}`;
  if (!cache.has(key)) cache.set(key, computed(element, name));
  return cache.get(key);
}

function computed(element, name) {
  // light-dark() is resolved only in a colour that is in use.
  probe ??= document.createElement("span");
  const place = element.getRootNode().querySelector?.(".page") ?? element;
  place.append(probe);
  probe.style.setProperty("color", `var(--${name})`);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return parts.slice(0, 3);
}

/** Return the text of a colour between two: t from 0 to 1. */
export function between(from, to, t) {
  const share = Math.min(Math.max(t, 0), 1);
  return from.map((c, k) => Math.round(c + (to[k] - c) * share));
}

/** Return a function from a signed value to [r, g, b]: vermilion at −most, the ground at 0, blue at +most. */
export function signedScale(element, most) {
  const [ground, up, down] = ["picture", "up", "down"].map((name) => rgb(element, name));
  const size = most > 0 ? most : 1;
  return (value) => between(ground, value >= 0 ? up : down, Math.abs(value) / size);
}

/** Return a function from 0 … 1 to [r, g, b]: from the ground of a picture to its ink. */
export function inkScale(element) {
  const [ground, ink] = ["off", "on"].map((name) => rgb(element, name));
  return (share) => between(ground, ink, share);
}

/** Return `rgb(…)` of three numbers. */
export function css(colour) {
  return `rgb(${colour.join(" ")})`;
}

/** Return the class of a signed quantity: "up" is blue, "down" vermilion. */
export function sign(value) {
  return value > 0 ? "up" : value < 0 ? "down" : "none";
}
