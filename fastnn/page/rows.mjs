// rows.mjs: the neurons of a layer as rows, with lamps, bars and numbers in columns.

import { css, sign } from "fastnn/colours.mjs";
import { s } from "fastnn/dom.mjs";
import { number } from "fastnn/format.mjs";
import { lamp } from "fastnn/network.mjs";

const ROW = 32;
const TOP = 46;

/**
 * Draw rows. spec: {
 *   width, label, place, formulas, function (of the layer, for lamps), nameOf(j), pick(j),
 *   rows: [j], marked (the chosen j), nameTitle,
 *   columns: [{title, short (a title for narrow widths), kind: "lamp" | "bar" | "grey", values (by j), formula(j)}],
 *   joints: signs between neighbouring columns, as "×" and "=",
 *   total: {name, text} | null }
 */
export function drawRows(spec) {
  const { width, rows, columns, total = null } = spec;
  const narrow = width < 520;
  const names = nameWidth(spec, narrow);
  const places = spread(columns, names, width, narrow);
  const height = TOP + ROW * rows.length + (total ? 36 : 6);
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": spec.label });
  svg.append(s("text", { x: 0, y: 30, class: "tiny soft", text: narrow ? "" : spec.nameTitle ?? "" }));
  columns.forEach((column, k) => svg.append(...head(column, places[k], narrow)));
  (spec.joints ?? []).forEach((text, k) => text && svg.append(s("text", { x: places[k + 1].x - 9, y: 31, class: "middle soft", text })));
  rows.forEach((j, k) => svg.append(row(spec, j, TOP + ROW * k, places, names, narrow)));
  if (total) svg.append(...footer(spec, height, places));
  return svg;
}

function nameWidth({ rows, nameOf, width }, narrow) {
  const longest = Math.max(...rows.map((j) => nameOf(j, narrow).length));
  return Math.min(longest * 7.8 + 14, width * (narrow ? 0.26 : 0.3));
}

function spread(columns, names, width, narrow) {
  const lamps = narrow ? 46 : 104;
  const fixed = columns.filter(({ kind }) => kind === "lamp").length * lamps;
  const bars = columns.filter(({ kind }) => kind !== "lamp").length;
  const gap = 18;
  const each = bars ? (width - names - fixed - gap * bars) / bars : 0;
  let x = names;
  return columns.map(({ kind }) => {
    const at = kind === "lamp" ? { x, width: lamps } : { x: x + gap, width: each };
    x = at.x + at.width;
    return at;
  });
}

function head(column, { x, width }, narrow) {
  const lines = (narrow ? column.short ?? column.title : column.title).split("\n");
  const centre = column.kind === "lamp";
  return lines.map((text, k) => s("text", { x: centre ? x + width / 2 : x + 4, y: 30 - 15 * (lines.length - 1 - k), class: `tiny soft ${centre ? "middle" : ""}`, text }));
}

function row(spec, j, y, places, names, narrow) {
  const marked = spec.marked === j;
  const group = s("g", { class: `row ${marked ? "marked" : ""}`, "data-key": `row-${j}` });
  group.append(s("rect", { x: -4, y, width: spec.width + 8, height: ROW, rx: 6, class: "hit" }));
  const name = spec.nameOf(j, narrow);
  const most = Math.floor((names - 8) / 7.4);
  group.append(s("text", { x: 0, y: y + 21, class: marked ? "bold" : null, text: name.length > most ? `${name.slice(0, most - 1)}…` : name }));
  spec.columns.forEach((column, k) => group.append(...cell(spec, column, j, places[k], y, narrow)));
  const sentence = () => spec.columns.filter(({ formula }) => formula).map(({ formula }) => formula(j)).filter(Boolean).join("\n");
  spec.formulas.on(group, () => `${spec.nameOf(j)}\n${sentence()}`);
  group.setAttribute("role", "button");
  group.setAttribute("tabindex", "0");
  group.setAttribute("aria-pressed", String(marked));
  group.setAttribute("aria-description", sentence().replaceAll("\n", "; ")); // its name is what is drawn
  group.addEventListener("click", () => spec.pick(j));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    spec.pick(j);
  });
  return group;
}

function cell(spec, column, j, place, y, narrow) {
  const value = column.values[j];
  if (value === null || Number.isNaN(value)) return [s("text", { x: place.x + place.width / 2, y: y + 21, class: "middle soft", text: "none" })];
  if (column.kind === "lamp") return lampCell(spec, column, value, place, y, narrow);
  return barCell(column, value, place, y);
}

function lampCell(spec, column, value, { x, width }, y, narrow) {
  const colour = lamp(spec.place, spec.function, column.lamps ?? column.values);
  const at = x + (narrow ? width / 2 : 16);
  const circle = s("circle", { cx: at, cy: y + ROW / 2, r: narrow ? 9 : 11, class: "lamp", fill: css(colour(value)) });
  if (narrow) return [circle];
  return [circle, s("text", { x: at + 17, y: y + 21, class: "tiny", text: number(Number(Number(value).toPrecision(3))) })];
}

function barCell(column, value, { x, width }, y) {
  const values = Array.from(column.values).filter(Number.isFinite);
  const tight = width < 130;
  const text = number(tight ? Number(value.toPrecision(2)) : value);
  const room = width - (tight ? 60 : 78);
  const low = column.kind === "grey" ? 0 : Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const at = (v) => x + 4 + (Math.max(room, 10) * (v - low)) / (high - low || 1);
  const [from, to] = [at(0), at(value)].sort((a, b) => a - b);
  const kind = column.kind === "grey" ? "none" : sign(value);
  const parts = [s("text", { x: x + width, y: y + 21, class: "end", text })];
  if (room > 16) parts.push(s("line", { x1: at(0), x2: at(0), y1: y + 3, y2: y + ROW - 3, class: "stroke-none" }), s("rect", { x: from, y: y + 9, width: Math.max(to - from, 1), height: ROW - 18, rx: 2, class: `fill-${kind}` }));
  return parts;
}

function footer({ total, width }, height, places) {
  const line = s("line", { x1: places.at(-1).x, x2: width, y1: height - 32, y2: height - 32, class: "stroke-ink" });
  return [line, s("text", { x: width, y: height - 10, class: "end bold big", text: `${total.name} ${total.text}` })];
}
