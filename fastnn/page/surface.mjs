// surface.mjs: a function of two numbers as contours, with paths on it

import { s, fill, id } from "fastnn/dom.mjs";
import { between, css, rgb } from "fastnn/colours.mjs";
import { axes, scale, sized } from "fastnn/chart.mjs";
import { extent, finer, levels, rings, shareOf } from "fastnn/contour.mjs";
import { brief } from "fastnn/format.mjs";

const FEW = 40; // places along a side, below which the contours are refined

/** Return a function from 0 (low, deep) to 1 (high) to [r, g, b]. */
export function heights(element) {
  const [valley, slope, peak] = ["valley", "slope", "peak"].map((name) => rgb(element, name));
  return (share) => (share < 0.5 ? between(valley, slope, 2 * share) : between(slope, peak, 2 * share - 1));
}

/** Return {steps, high, share(value)} of a surface's values. */
export function shading(z) {
  const steps = levels(z);
  const [, high] = extent(z) ?? [0, 1];
  return { steps, high, share: (value) => shareOf(value, steps, high) };
}

/**
 * Contours of z(x, y) in an SVG: `set({x, y, z})`; `over(plane)` returns what is drawn on them, in the pixels of
 * `px(x)` and `py(y)`. `pick(x, y)` is called for a place that is clicked, or chosen by arrow keys and Enter.
 */
export class Plane {
  constructor({ label, names, over, pick = null, equal = false, height = (width) => Math.min(540, 0.86 * width + 60) }) {
    Object.assign(this, { names, over, pick, equal, surface: null, cross: null, clip: id("clip") });
    this.element = s("svg", { class: pick ? "contours pick" : "contours", role: pick ? "application" : "img", "aria-label": label, tabindex: pick ? "0" : null });
    if (pick) this.listen();
    this.draw = sized(this.element, height, (w, hgt) => this.drawn(w, hgt));
  }

  set(surface, label = null) {
    const [columns, rows] = [surface.x.length, surface.y.length];
    this.surface = surface;
    this.cross = null;
    this.grid = columns < FEW ? finer(surface.z, columns, rows, 4) : { values: surface.z, columns, rows };
    this.shading = shading(surface.z);
    if (label) this.element.setAttribute("aria-label", label);
    this.draw();
  }

  drawn(width, height) {
    if (!this.surface) return;
    const { x, y } = this.surface;
    const box = this.box(width, height);
    const [left, top, right, bottom] = box;
    this.xs = scale(x[0], x[x.length - 1], left, right);
    this.ys = scale(y[0], y[y.length - 1], bottom, top);
    const inside = (...parts) => s("g", { "clip-path": `url(#${this.clip})` }, parts);
    const frame = s("clipPath", { id: this.clip }, s("rect", { x: left, y: top, width: right - left, height: bottom - top }));
    fill(this.element, s("defs", {}, frame), inside(this.bands()), axes(box, this.xs, this.ys, { x: this.names.x, y: this.names.y }, false), this.key(left, right), inside(this.over(this)), this.crosshair(box));
  }

  // Where arrows have to stand perpendicular to the contours, a unit is as long on both axes.
  box(width, height) {
    const box = [Math.min(64, 0.15 * width), 40, width - 12, height - 46];
    if (!this.equal) return box;
    const { x, y } = this.surface;
    const ratio = (y[y.length - 1] - y[0]) / (x[x.length - 1] - x[0]);
    const [w, hgt] = [box[2] - box[0], box[3] - box[1]];
    if (ratio > 4 || ratio < 0.25) return box;
    if (ratio * w > hgt) box[2] = box[0] + hgt / ratio;
    else box[3] = box[1] + ratio * w;
    return box;
  }

  px(x) {
    return this.xs.place(x);
  }

  py(y) {
    return this.ys.place(y);
  }

  bands() {
    const { values, columns, rows } = this.grid;
    const { xs, ys, shading: shades } = this;
    const colour = heights(this.element);
    const place = ([column, row]) => {
      const x = xs.low + (column / (columns - 1)) * (xs.high - xs.low);
      const y = ys.low + (row / (rows - 1)) * (ys.high - ys.low);
      return `${xs.place(x).toFixed(1)} ${ys.place(y).toFixed(1)}`;
    };
    return shades.steps.map((level, k) => {
      const d = rings(values, columns, rows, level).map((ring) => `M${ring.map(place).join("L")}Z`).join("");
      return s("path", { class: "band", d, fill: css(colour(k / Math.max(1, shades.steps.length - 1))) });
    });
  }

  // The scale of colours, above the picture at the right.
  key(from, right) {
    const { steps, high } = this.shading;
    const colour = heights(this.element);
    const wide = 8;
    const left = right - wide * steps.length - 62;
    const room = from + 8 * this.names.y.length + 9 * this.names.z.length + 50; // beside the name of the axis
    if (!steps.length || left < room) return null;
    const boxes = steps.map((_, k) => s("rect", { x: left + wide * k, y: 12, width: wide, height: 12, fill: css(colour(k / (steps.length - 1))) }));
    return s("g", {}, boxes, s("text", { class: "tick end", x: left - 6, y: 23 }, `${this.names.z} ${brief(steps[0])}`), s("text", { class: "tick", x: left + wide * steps.length + 6, y: 23 }, brief(high)));
  }

  crosshair([left, top, right, bottom]) {
    if (!this.cross) return null;
    const [x, y] = [this.px(this.cross[0]), this.py(this.cross[1])];
    return s("g", { class: "cross" }, s("line", { x1: left, x2: right, y1: y, y2: y }), s("line", { x1: x, x2: x, y1: top, y2: bottom }));
  }

  listen() {
    this.element.addEventListener("click", (event) => {
      const box = this.element.getBoundingClientRect();
      const [x, y] = [this.xs.value(event.clientX - box.left), this.ys.value(event.clientY - box.top)];
      if (this.within(x, y)) this.pick(x, y);
    });
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.element.addEventListener("blur", () => {
      this.cross = null;
      this.draw();
    });
  }

  within(x, y) {
    return x >= this.xs.low && x <= this.xs.high && y >= this.ys.low && y <= this.ys.high;
  }

  press(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Enter" && this.cross) this.pick(...this.cross);
    else if (!by) return;
    event.preventDefault();
    if (!by) return;
    const step = event.shiftKey ? 0.1 : 0.02;
    const move = (axis, k) => {
      const { low, high } = axis;
      const now = this.cross ? this.cross[k] : (low + high) / 2;
      return Math.min(Math.max(now + by[k] * step * (high - low), low), high);
    };
    this.cross = [move(this.xs, 0), move(this.ys, 1)];
    this.moved?.(...this.cross);
    this.draw();
  }
}

/** Return a path through points (x, y in turn) on a plane, with a dark line below it, so that it shows on every colour. */
export function track(plane, points, kind, upTo = points.length / 2) {
  const d = Array.from({ length: upTo }, (_, k) => `${k ? "L" : "M"}${limited(plane.px(points[2 * k]))} ${limited(plane.py(points[2 * k + 1]))}`).join("");
  return [s("path", { class: "track casing", d }), s("path", { class: `track ${kind}`, d })];
}

// What runs away would be numbers too large for a picture.
const limited = (pixel) => Math.min(Math.max(pixel, -1e5), 1e5).toFixed(1);

/** Return an arrow from a place in pixels by (dx, dy). */
export function arrow(x, y, dx, dy, kind, longest = 9) {
  const size = Math.hypot(dx, dy);
  if (!(size > 0.5)) return null;
  const [ux, uy, head] = [dx / size, dy / size, Math.min(longest, size)];
  const [tx, ty] = [x + dx, y + dy];
  const wing = (side) => `${(tx - head * ux + side * 0.5 * head * -uy).toFixed(1)} ${(ty - head * uy + side * 0.5 * head * ux).toFixed(1)}`;
  const d = `M${x.toFixed(1)} ${y.toFixed(1)}L${(tx - 0.6 * head * ux).toFixed(1)} ${(ty - 0.6 * head * uy).toFixed(1)}`;
  const tip = `M${tx.toFixed(1)} ${ty.toFixed(1)}L${wing(1)}L${wing(-1)}Z`;
  return s("g", { class: `arrow ${kind}` }, s("path", { class: "casing", d }), s("path", { class: "shaft", d }), s("path", { class: "head", d: tip }));
}
