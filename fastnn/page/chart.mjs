// chart.mjs: axes, and charts of lines that grow while a training runs

import { s, fill, onceAFrame } from "fastnn/dom.mjs";
import { number } from "fastnn/format.mjs";

/** Return about `count` round values from low to high. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((k) => k * power >= 0.999 * rough);
  const first = Math.ceil(low / step - 1e-9);
  const n = Math.floor(high / step + 1e-9) - first;
  return Array.from({ length: n + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const every = Math.max(1, Math.ceil((last - first) / 6));
  const whole = Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => first + k).filter((k) => (k - first) % every === 0);
  if (whole.length > 2) return whole.map((k) => 10 ** k);
  const all = [];
  for (let k = Math.floor(Math.log10(low)); k <= last + 1; k++) [1, 2, 5].forEach((m) => all.push(Number((m * 10 ** k).toPrecision(3))));
  const inside = all.filter((v) => v >= low * 0.999 && v <= high * 1.001);
  return inside.length > 1 ? inside : ticks(low, high, 3);
}

/** A scale from values to pixels: {place(value), value(pixel), ticks()}. */
export function scale(low, high, from, to, log = false) {
  const f = log ? Math.log10 : (x) => x;
  const [a, b] = [f(low), f(high)];
  const size = b - a || 1;
  return {
    low, high, log,
    place: (value) => from + ((f(value) - a) / size) * (to - from),
    value: (pixel) => (log ? (x) => 10 ** x : (x) => x)(a + ((pixel - from) / (to - from)) * size),
    ticks: (count) => (log ? powers(low, high) : ticks(low, high, count)),
  };
}

/** Draw an SVG again whenever its width changes, a unit a pixel, so that its texts keep their size. */
export function sized(svg, heightOf, draw) {
  const size = { width: 0, height: 0 };
  const again = onceAFrame(() => size.width && draw(size.width, size.height));
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (!width || width === size.width) return;
    Object.assign(size, { width, height: Math.round(heightOf(width)) });
    svg.setAttribute("viewBox", `0 0 ${width} ${size.height}`);
    svg.style.setProperty("height", `${size.height}px`);
    again();
  }).observe(svg);
  return again;
}

/** Return axes with ticks and names, and a grid of thin lines, around box = [left, top, right, bottom]. */
export function axes([left, top, right, bottom], x, y, names, grid = true) {
  const across = x.ticks(Math.max(2, Math.floor((right - left) / 90)));
  const up = y.ticks(Math.max(2, Math.floor((bottom - top) / 45)));
  const parts = [];
  for (const value of across) {
    const at = x.place(value);
    if (grid) parts.push(s("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }));
    parts.push(s("text", { class: "tick", x: at, y: bottom + 17, "text-anchor": "middle" }, short(value)));
  }
  for (const value of up) {
    const at = y.place(value);
    if (grid) parts.push(s("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }));
    parts.push(s("text", { class: "tick", x: left - 7, y: at + 4, "text-anchor": "end" }, short(value)));
  }
  parts.push(s("rect", { class: "frame", x: left, y: top, width: right - left, height: bottom - top }));
  parts.push(s("text", { class: "axis", x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" }, names.x));
  if (names.y) parts.push(s("text", { class: "axis", x: left, y: top - 10 }, names.y));
  return s("g", { class: "axes" }, parts);
}

// A tick: no more digits than needed, and thousands as k.
function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${number(value / 1e6)} M`;
  if (size >= 1e4) return `${number(value / 1e3)} k`;
  return number(value);
}

/** Return the path of a line; where points are closer than pixels, of the least and greatest of each pixel. */
export function line(xs, ys, x, y) {
  const [columns, broken] = [new Map(), []];
  const many = xs.length > 2 * Math.abs(x.place(x.high) - x.place(x.low));
  for (let k = 0; k < xs.length; k++) {
    if (!Number.isFinite(ys[k]) || (x.log && xs[k] <= 0) || (y.log && ys[k] <= 0)) continue;
    const point = [x.place(xs[k]), y.place(ys[k])];
    if (!many) broken.push(point);
    else merge(columns, point);
  }
  const points = many ? [...columns.values()].flat() : broken;
  return points.map(([px, py], k) => `${k ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
}

function merge(columns, point) {
  const key = Math.round(point[0]);
  const known = columns.get(key);
  if (!known) columns.set(key, [point, point]);
  else columns.set(key, [known[0][1] < point[1] ? known[0] : point, known[1][1] > point[1] ? known[1] : point]);
}

/**
 * A chart of lines: `names` is a list of {key, name, kind}, `kind` a class that style.css colours.
 * `set({key: {x, y}})` gives the points, `mark({key: index})` the points with a dot.
 */
export class LineChart {
  constructor({ label, x, y, names, logX = false, logY = false, low = null, high = null, height = (width) => Math.min(280, 0.62 * width + 40) }) {
    Object.assign(this, { x, y, names, logX, logY, low, high, label, points: {}, marks: {} });
    this.element = s("svg", { class: "chart", role: "img", "aria-label": label });
    this.draw = sized(this.element, height, (w, hgt) => this.drawn(w, hgt));
  }

  set(points, label = this.label) {
    this.points = points;
    this.element.setAttribute("aria-label", label);
    this.draw();
  }

  mark(marks) {
    this.marks = marks;
    this.draw();
  }

  drawn(width, height) {
    const shown = this.names.filter(({ key }) => this.points[key]?.x.length);
    const box = [Math.min(64, 0.16 * width), 46, width - 16, height - 44];
    const x = this.scaled("x", shown, box[0], box[2], this.logX);
    const y = this.scaled("y", shown, box[3], box[1], this.logY);
    const lines = shown.map(({ key, kind }) => s("path", { class: `line ${kind}`, d: line(this.points[key].x, this.points[key].y, x, y) }));
    fill(this.element, axes(box, x, y, this), lines, this.dots(shown, x, y), this.legend(width));
  }

  // A line of one point cannot be seen: it gets a dot.
  dots(shown, x, y) {
    return shown.flatMap(({ key, kind }) => {
      const points = this.points[key];
      const at = this.marks[key] ?? (points.x.length === 1 ? 0 : null);
      if (at === null || !Number.isFinite(points.y[at])) return [];
      const px = Math.max(x.place(x.log && points.x[at] <= 0 ? x.low : points.x[at]), x.place(x.low));
      return [s("circle", { class: `dot ${kind}`, cx: px, cy: y.place(points.y[at]), r: 5 })];
    });
  }

  legend(width) {
    let at = Math.min(64, 0.16 * width);
    return this.names.flatMap(({ name, kind }) => {
      const parts = [s("line", { class: `line ${kind}`, x1: at, x2: at + 20, y1: 12, y2: 12 }), s("text", { class: "legend", x: at + 26, y: 16 }, name)];
      at += 44 + 7 * name.length;
      return parts;
    });
  }

  scaled(axis, shown, from, to, log) {
    let [low, high] = [Infinity, -Infinity];
    for (const { key } of shown) {
      for (const value of this.points[key][axis]) {
        if (!Number.isFinite(value) || (log && value <= 0)) continue;
        [low, high] = [Math.min(low, value), Math.max(high, value)];
      }
    }
    if (low > high) [low, high] = log ? [1, 10] : [0, 1];
    if (axis === "x" && !log) low = Math.min(low, 0);
    if (axis === "y" && !log) [low, high] = [this.low ?? Math.min(0, low), this.high ?? high + 0.05 * (high - Math.min(0, low))];
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low, low + 1];
    return scale(low, high, from, to, log);
  }
}
