// plane.mjs: the plane of two inputs: a neuron's activation as colours, the examples as points, a place to choose.

import { rgb, between, signedScale } from "fastnn/colours.mjs";
import { h, onceAFrame, s } from "fastnn/dom.mjs";
import { number } from "fastnn/format.mjs";
import { address, paint } from "fastnn/image.mjs";

const SIDE = 60; // places a side
const SIZE = 300; // units of the drawing
const MARGIN = 34;

/** The plane as a pad: click, drag or arrow keys choose the two inputs. */
export class PlanePad {
  constructor(app) {
    this.app = app;
    this.svg = s("svg", { viewBox: `0 0 ${SIZE + MARGIN} ${SIZE + MARGIN}`, class: "plane" });
    this.element = h("div", { class: "plane-frame", tabindex: "0", role: "application", "aria-label": "The plane of the two inputs. Arrow keys move the place that the network is asked about." }, this.svg);
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      this.drag = true;
      this.point(event);
    });
    this.element.addEventListener("pointermove", (event) => this.drag && this.point(event));
    for (const end of ["pointerup", "pointercancel"]) this.element.addEventListener(end, () => (this.drag = false));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.ask = onceAFrame(() => app.setInput(Float64Array.from(this.at), app.current?.target ?? null));
    this.version = null;
  }

  get ends() {
    const { x, y } = this.map;
    return [[x[0], x.at(-1)], [y[0], y.at(-1)]];
  }

  point(event) {
    if (!this.map) return;
    const box = this.svg.getBoundingClientRect();
    const unit = (SIZE + MARGIN) / box.width;
    const share = [((event.clientX - box.left) * unit - MARGIN) / SIZE, 1 - ((event.clientY - box.top) * unit) / SIZE];
    this.move(share.map((t, k) => this.ends[k][0] + Math.min(Math.max(t, 0), 1) * (this.ends[k][1] - this.ends[k][0])));
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step || !this.map) return;
    event.preventDefault();
    this.move(this.at.map((value, k) => Math.min(Math.max(value + (step[k] * (this.ends[k][1] - this.ends[k][0])) / 50, this.ends[k][0]), this.ends[k][1])));
  }

  move(at) {
    this.at = at;
    this.mark();
    this.ask();
  }

  async show(current) {
    this.at = Array.from(current.x);
    const version = this.app.frame?.params_version ?? 0;
    if (this.version !== version) {
      this.version = version;
      this.map = await this.app.call("plane", { layer: this.app.L, neuron: 0, n: SIDE });
    }
    if (this.map) this.draw();
  }

  draw() {
    const { x, values, points } = this.map;
    const n = x.length;
    const colour = this.app.meta.task === "classes" ? twoEnds(this.svg) : signedScale(this.svg, values.reduce((m, v) => Math.max(m, Math.abs(v)), 0));
    const flipped = Float64Array.from(values, (_, k) => values[(n - 1 - Math.floor(k / n)) * n + (k % n)]);
    const names = [0, 1].map((i) => this.app.neuron(0, i));
    this.marker = s("g", {}, s("circle", { r: 8, class: "place" }), s("circle", { r: 2.5, class: "fill-mark" }));
    this.svg.replaceChildren(
      s("image", { href: address((canvas) => paint(canvas, flipped, [n, n], colour)), x: MARGIN, y: 0, width: SIZE, height: SIZE, class: "smooth" }),
      ...(points ? this.dots(points) : []),
      s("rect", { x: MARGIN, y: 0, width: SIZE, height: SIZE, class: "frame" }),
      s("text", { x: MARGIN + SIZE / 2, y: SIZE + 28, class: "middle soft", text: names[0] }),
      s("text", { x: 0, y: 0, class: "middle soft", transform: `translate(12 ${SIZE / 2}) rotate(-90)`, text: names[1] }),
      ...this.ends.flatMap((ends, k) => ends.map((value, e) => s("text", k === 0 ? { x: MARGIN + SIZE * e, y: SIZE + 14, class: `tiny soft ${e ? "end" : ""}`, text: number(Number(value.toPrecision(2))) } : { x: MARGIN - 4, y: e ? 12 : SIZE, class: "tiny soft end", text: number(Number(value.toPrecision(2))) }))),
      this.marker,
    );
    this.mark();
  }

  spot(x, y) {
    const [[left, right], [low, high]] = this.ends;
    return [MARGIN + (SIZE * (x - left)) / (right - left), SIZE * (1 - (y - low) / (high - low))];
  }

  dots(points) {
    return Array.from(points.x, (x, k) => {
      const [cx, cy] = this.spot(x, points.y[k]);
      return s("circle", { cx, cy, r: 3, class: `dot ${points.label[k] > 0 ? "one" : "zero"}` });
    });
  }

  mark() {
    if (this.marker) this.marker.setAttribute("transform", `translate(${this.spot(...this.at).join(" ")})`);
  }
}

/** A single output between 0 and 1: vermilion below a half, blue above it. */
function twoEnds(element) {
  const [ground, up, down] = ["picture", "up", "down"].map((name) => rgb(element, name));
  return (value) => between(ground, value >= 0.5 ? up : down, Math.abs(value - 0.5) * 1.5);
}
