// network.mjs: the drawing of a network: neurons as circles, weights as lines, the input as an image.

import { between, css, rgb, sign } from "fastnn/colours.mjs";
import { s } from "fastnn/dom.mjs";
import { circled, signed } from "fastnn/format.mjs";

const MOST_LINES = 500; // between two columns
const BOUNDED = new Set(["sigmoid", "softmax", "tanh"]);

/** Return which neurons of a layer to draw: all, or the `most` largest by size, in their order. */
export function strongest(values, most, always = []) {
  const all = Array.from(values, (_, j) => j);
  if (all.length <= most) return all;
  const wanted = new Set(always);
  for (const j of all.sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]))) if (wanted.size < most) wanted.add(j);
  return [...wanted].sort((a, b) => a - b);
}

/** Return a function from an activation to [r, g, b]: white at 1 (or the layer's largest), vermilion below 0. */
export function lamp(element, name, values) {
  const [off, on, down] = ["off", "on", "down"].map((colour) => rgb(element, colour));
  const most = BOUNDED.has(name) ? 1 : values.reduce((m, v) => Math.max(m, Math.abs(v)), 0) || 1;
  return (a) => between(off, a < 0 ? down : on, Math.abs(a) / most);
}

/**
 * Draw columns of neurons, with lines between neighbours.
 *
 * spec: {
 *   width, label (the sentence for those who cannot see it), place (an element, for colours),
 *   image: null | {address, size, ratio} of the inputs (layer 0), drawn at the left,
 *   columns: [{layer, neurons, a, function, names (j) | null, note, arrows (values by j) | null, chosen (Set), faded (Set)}],
 *   lines: [{to: layer, i, j, value, size 0 … 1, marked, faded}],
 *   pick(layer, j) | null, formula(layer, j) → text | null, lineFormula(line) → text | null,
 *   formulas: FormulaLine }
 */
export function drawNetwork(spec) {
  const plan = planOf(spec);
  const svg = s("svg", { viewBox: `0 0 ${spec.width} ${plan.height}`, role: "group", "aria-label": spec.label });
  svg.append(...lines(spec, plan));
  if (spec.image) svg.append(s("image", { href: spec.image.address, x: plan.image.x, y: plan.image.y, width: plan.image.width, height: plan.image.height, preserveAspectRatio: "none" }), s("rect", { ...plan.image, class: "frame" }));
  spec.columns.forEach((column, k) => svg.append(...neurons(spec, plan, column, plan.x[k])));
  return svg;
}

function planOf(spec) {
  const { width, columns, image } = spec;
  const longest = Math.max(...columns.map((column) => column.neurons.length), 4);
  const narrow = width < 560;
  const gap = Math.min(narrow ? 27 : 34, Math.max(narrow ? 24 : 26, 520 / longest));
  const top = 34;
  const height = top + gap * longest + 26;
  const r = Math.min(gap * 0.46, 15.5);
  const side = image ? Math.min(narrow ? width * 0.27 : width * 0.24, 220) : 0;
  const names = columns.map((column) => column.names !== null && column.names !== undefined);
  const left = side + (image ? (narrow ? 34 : 90) : r + 4 + (names[0] && columns.length > 1 ? Math.min(110, width * 0.24) : narrow ? 8 : 40));
  const right = width - r - (names.at(-1) ? (narrow ? 58 : 150) : 30);
  const x = columns.map((_, k) => (columns.length === 1 ? (left + right) / 2 : left + ((right - left) * k) / (columns.length - 1)));
  const middle = top + (gap * longest) / 2;
  const imageHeight = image ? side / image.ratio : 0;
  const places = new Map();
  columns.forEach((column, k) => {
    const first = middle - (gap * (column.neurons.length - 1)) / 2;
    column.neurons.forEach((j, row) => places.set(`${column.layer}:${j}`, [x[k], first + gap * row]));
  });
  return { height, r, x, top, gap, middle, narrow, places, image: { x: 0, y: middle - imageHeight / 2, width: side, height: imageHeight } };
}

function pixelPlace(spec, plan, i) {
  const [rows, columns, channels = 1] = spec.image.shape;
  const at = Math.floor(i / channels);
  const { x, y, width, height } = plan.image;
  return [x + ((at % columns) + 0.5) * (width / columns), y + (Math.floor(at / columns) + 0.5) * (height / rows)];
}

function lines(spec, plan) {
  const drawn = [];
  for (const line of spec.lines.slice(0, MOST_LINES * spec.columns.length)) {
    const to = plan.places.get(`${line.to}:${line.j}`);
    const pixel = line.to === 1 && spec.image;
    const from = pixel ? pixelPlace(spec, plan, line.i) : plan.places.get(`${line.to - 1}:${line.i}`);
    if (!from || !to) continue;
    const opacity = line.faded ? 0.06 : line.marked ? 1 : 0.12 + 0.75 * line.size;
    const element = s("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], class: line.marked === "path" ? "stroke-mark" : `stroke-${sign(line.value)}`, "stroke-width": (0.5 + 3.2 * line.size).toFixed(2), "stroke-opacity": opacity.toFixed(2) });
    if (spec.lineFormula) spec.formulas.on(element, () => spec.lineFormula(line));
    drawn.push(element);
  }
  return drawn;
}

function neurons(spec, plan, column, x) {
  const colour = lamp(spec.place, column.function, column.a);
  const parts = column.title ? [s("text", { x, y: 14, class: `middle tiny soft`, text: column.title })] : [];
  column.neurons.forEach((j) => {
    parts.push(neuron(spec, plan, column, j, colour(column.a[j])));
    if (column.names) parts.push(name(column, j, plan, spec)); // beside the button, whose drawn text is its number alone
  });
  if (column.note) parts.push(s("text", { x, y: plan.height - 4, class: "middle tiny soft", text: column.note }));
  return parts;
}

function neuron(spec, plan, column, j, colour) {
  const [x, y] = plan.places.get(`${column.layer}:${j}`);
  const faded = column.faded?.has(j);
  const chosen = column.chosen?.has(j);
  const value = column.a[j];
  const light = colour[0] * 0.3 + colour[1] * 0.59 + colour[2] * 0.11 > 120;
  const group = s("g", { class: `neuron ${faded ? "faded" : ""} ${chosen ? "chosen" : ""}`, "data-key": `${column.layer}-${j}` });
  group.append(s("circle", { cx: x, cy: y, r: plan.r, fill: css(colour) }));
  if (plan.r >= 9.5) group.append(s("text", { x, y: y + 4, class: `middle in-neuron ${light ? "on-light" : "on-dark"}`, text: circled(value, plan.narrow) }));
  if (column.arrows) group.append(...arrow(x + plan.r + 9, y, column.arrows[j], column.mostArrow, plan.gap));
  if (spec.formula) spec.formulas.on(group, () => spec.formula(column.layer, j));
  if (spec.pick) pickable(group, spec, column.layer, j, value);
  return group;
}

function name(column, j, plan, spec) {
  const [x, y] = plan.places.get(`${column.layer}:${j}`);
  const first = column === spec.columns[0] && spec.columns.length > 1;
  const most = Math.floor((first ? x - plan.r - 6 : spec.width - x - plan.r - 24) / 7.2);
  const text = column.names(j);
  const short = text.length > most ? `${text.slice(0, Math.max(most - 1, 1))}…` : text;
  const offset = column.arrows ? 20 : 8;
  return s("text", { x: first ? x - plan.r - 6 : x + plan.r + offset, y: y + 5, class: `${column.faded?.has(j) ? "soft" : ""} ${first ? "end" : ""} ${column.bold?.has(j) ? "bold" : ""}`, text: short });
}

function pickable(group, spec, layer, j, value) {
  const choose = () => spec.pick(layer, j);
  group.setAttribute("role", "button");
  group.setAttribute("tabindex", "0");
  const drawn = group.querySelector("text")?.textContent ?? circled(value); // what is seen is part of the name
  group.setAttribute("aria-label", `${drawn}, activation of ${spec.nameOf(layer, j)}`);
  group.addEventListener("click", choose);
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  });
}

/** Return an arrow at (x, y): up in blue for a positive value, down in vermilion; its length is |value| / most. */
export function arrow(x, y, value, most, room) {
  const share = most > 0 ? Math.abs(value) / most : 0;
  if (share < 0.02) return [s("circle", { cx: x, cy: y, r: 1.5, class: "fill-none" })];
  const length = 5 + (room - 8) * share;
  const up = value > 0 ? -1 : 1;
  const [tail, tip] = [y - (up * length) / 2, y + (up * length) / 2];
  const head = Math.min(5, length / 2);
  return [
    s("line", { x1: x, y1: tail, x2: x, y2: tip - up * head * 0.6, class: `stroke-${sign(value)}`, "stroke-width": (1.4 + 1.6 * share).toFixed(1) }),
    s("path", { d: `M${x - head} ${tip - up * head}L${x} ${tip}L${x + head} ${tip - up * head}Z`, class: `fill-${sign(value)}` }, s("title", { text: signed(value) })),
  ];
}

/**
 * Return the lines between drawn columns. `value(l, i, j)` is the signed quantity of a weight into layer l;
 * sizes are relative to the largest of the layer; only the largest are kept.
 */
export function linesBetween(columns, value, { most = MOST_LINES, sources = null } = {}) {
  const all = [];
  columns.forEach((column, k) => {
    const before = sources?.[column.layer] ?? (k > 0 ? columns[k - 1].neurons : null);
    if (!before || column.layer === 0) return;
    const here = [];
    for (const i of before) for (const j of column.neurons) here.push({ to: column.layer, i, j, value: value(column.layer, i, j) });
    here.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
    const largest = Math.abs(here[0]?.value ?? 0) || 1;
    here.slice(0, column.layer === 1 && sources?.[1] ? Math.min(most, 120) : most).forEach((line) => all.push({ ...line, size: Math.abs(line.value) / largest }));
  });
  return all.reverse(); // the largest on top
}
