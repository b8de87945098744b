// wiggle.mjs: the cost of one example as one parameter moves, beside the slope that is promised.

import { s } from "fastnn/dom.mjs";
import { bracketed, number, signed } from "fastnn/format.mjs";

const HEIGHT = 380;

/**
 * Draw the curve of `view.wiggled` (a result of wiggle), that of `view.beside` (another parameter) if there is one,
 * their tangents, and the place view.at (a position in the values).
 */
export function drawWiggle(view, width, formulas) {
  const { wiggled, beside, at } = view;
  const svg = s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img" });
  if (!wiggled) return svg;
  const [left, right, top, bottom] = [58, width - 12, 24, HEIGHT - 44];
  const change = Array.from(wiggled.values, (value) => value - wiggled.now);
  const costs = [...wiggled.costs, ...(beside?.costs ?? [])];
  const [low, high] = padded(Math.min(...costs), Math.max(...costs));
  const x = (v) => left + ((right - left) * (v - change[0])) / (change.at(-1) - change[0]);
  const y = (c) => bottom - ((bottom - top) * (c - low)) / (high - low);
  svg.append(...axes({ left, right, top, bottom, low, high, x, y, change }));
  if (beside) svg.append(curve(beside, "second", x, y), tangent(beside, "second", { x, y, low, high, change }));
  svg.append(curve(wiggled, "first", x, y), tangent(wiggled, "first", { x, y, low, high, change }));
  const moved = change[at];
  const promised = wiggled.cost + wiggled.slope * moved;
  svg.append(
    s("line", { x1: x(moved), x2: x(moved), y1: top, y2: bottom, class: "stroke-none" }),
    s("circle", { cx: x(0), cy: y(wiggled.cost), r: 4, class: "now" }),
    ...(promised >= low && promised <= high ? [s("circle", { cx: x(moved), cy: y(promised), r: 6, class: "promised" })] : []),
    s("circle", { cx: x(moved), cy: y(wiggled.costs[at]), r: 7, class: "fill-mark" }),
  );
  svg.setAttribute("aria-label", movedWords(view));
  formulas.on(svg, () => `promised: C + ∂C/∂θ · Δ = ${number(wiggled.cost)} + ${bracketed(wiggled.slope)} · ${bracketed(moved)} = ${number(promised)};  the cost is ${number(wiggled.costs[at])}`);
  return svg;
}

/** Return what the present place of the slider says. */
export function movedWords({ wiggled, at }) {
  const moved = wiggled.values[at] - wiggled.now;
  const promised = wiggled.cost + wiggled.slope * moved;
  return `${wiggled.name} changed by ${signed(moved)}: the cost is ${number(wiggled.costs[at])}; the slope promises ${number(promised)}.`;
}

function padded(low, high) {
  const spare = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1e-6;
  return [low - spare, high + spare];
}

function axes({ left, right, top, bottom, low, high, x, y, change }) {
  const ticks = roundTicks(low, high);
  const across = [change[0], change[0] / 2, 0, change.at(-1) / 2, change.at(-1)];
  return [
    s("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "stroke-none" }),
    ...ticks.map((c) => s("text", { x: left - 8, y: y(c) + 4, class: "tiny soft end", text: number(Number(c.toPrecision(6))) })),
    ...ticks.map((c) => s("line", { x1: left, x2: right, y1: y(c), y2: y(c), class: "grid" })),
    ...across.map((v, k) => s("text", { x: x(v), y: bottom + 18, class: `tiny soft ${k === 0 ? "" : k === 4 ? "end" : "middle"}`, text: v === 0 ? "0" : signed(Number(v.toPrecision(2))) })),
    s("text", { x: (left + right) / 2, y: bottom + 38, class: "tiny soft middle", text: "change of the parameter" }),
    s("text", { x: 0, y: 14, class: "tiny soft", text: "cost C of this example" }),
  ];
}

/** Return four to eight round numbers between two: multiples of 1, 2 or 5 times a power of ten. */
function roundTicks(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 4));
  const step = power * [5, 2, 1].find((m) => (high - low) / (m * power) >= 4);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
}

function curve({ values, costs, now }, kind, x, y) {
  return s("polyline", { points: Array.from(values, (value, k) => `${x(value - now).toFixed(1)},${y(costs[k]).toFixed(1)}`).join(" "), class: `curve ${kind}` });
}

/** The promised line through the present place, cut where it leaves the picture. */
function tangent({ cost, slope }, kind, { x, y, low, high, change }) {
  const reach = (end) => {
    const c = cost + slope * end;
    return slope !== 0 && (c < low || c > high) ? ((c < low ? low : high) - cost) / slope : end;
  };
  const [from, to] = [reach(change[0]), reach(change.at(-1))];
  return s("line", { x1: x(from), y1: y(cost + slope * from), x2: x(to), y2: y(cost + slope * to), class: `tangent ${kind}` });
}
