// pad.mjs: a pad to draw on by mouse, pen, touch or keyboard.

import { button } from "fastnn/controls.mjs";
import { h } from "fastnn/dom.mjs";

const FINE = 10; // pixels of the pad a pixel of the network's image
const MOST = 560; // of the pad's longer side

/**
 * A pad: {element, ink(), clear(), strokes(list)}.
 *
 * shape: [rows, columns] of the network's image. onink(): called after each change.
 * By keyboard the arrow keys move a cursor, and draw while Space is held or the pen is locked down by Enter.
 */
export class Pad {
  constructor(shape, { onink, bright = false }) {
    const fine = Math.max(1, Math.min(FINE, Math.floor(MOST / Math.max(...shape))));
    Object.assign(this, { onink, bright, fine, rows: shape[0] * fine, columns: shape[1] * fine, brush: Math.max(1, Math.max(...shape) / 28) * 2.1 * fine });
    this.canvas = h("canvas", {
      class: "pad",
      width: this.columns,
      height: this.rows,
      tabindex: "0",
      role: "img",
      "aria-label": "Pad: draw with mouse, pen or finger. By keyboard: arrow keys move the pen, Space held draws, Enter sets the pen down or lifts it.",
    });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.cursor = null;
    this.down = null;
    this.locked = false;
    this.listen();
    this.marker = h("span", { class: "pen", hidden: true });
    this.element = h("div", { class: "pad-frame" }, this.canvas, this.marker);
    this.clear();
  }

  clearButton() {
    return button("Clear", () => {
      this.clear();
      this.onink();
    });
  }

  clear() {
    this.context.fillStyle = this.bright ? "#fff" : "#000";
    this.context.fillRect(0, 0, this.columns, this.rows);
    this.shown = false; // an example, which the next stroke wipes off
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.down = this.place(event);
      this.line(this.down, this.down);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.down === null) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) {
        const here = this.place(one);
        this.line(this.down, here);
        this.down = here;
      }
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.down = null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("keyup", (event) => event.key === " " && !this.locked && (this.held = false));
    canvas.addEventListener("blur", () => {
      this.held = false;
      this.locked = false;
      this.marker.hidden = true;
    });
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.mark());
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.columns, ((event.clientY - box.top) / box.height) * this.rows];
  }

  line(from, to) {
    const { context } = this;
    if (this.shown) this.clear();
    context.strokeStyle = this.bright ? "#000" : "#fff";
    context.lineWidth = this.brush;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + 0.01, to[1]);
    context.stroke();
    this.onink();
  }

  key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Delete") this.clear(), this.onink();
    else if (event.key === "Enter") this.held = this.locked = !this.locked;
    else if (event.key === " ") this.held = true;
    else if (!move) return;
    event.preventDefault();
    const before = this.cursor ?? [this.columns / 2, this.rows / 2];
    const step = event.shiftKey ? 0.5 : 1;
    this.cursor = move ? before.map((at, k) => Math.min(Math.max(at + move[k] * this.fine * step, 0), [this.columns, this.rows][k])) : before;
    if (this.held) this.line(before, this.cursor);
    this.mark();
  }

  mark() {
    const [x, y] = this.cursor ?? [this.columns / 2, this.rows / 2];
    this.marker.hidden = false;
    this.marker.classList.toggle("down", Boolean(this.held));
    this.marker.style.setProperty("left", `${(100 * x) / this.columns}%`);
    this.marker.style.setProperty("top", `${(100 * y) / this.rows}%`);
  }

  /** Return the drawing as ink from 0 to 1. */
  ink() {
    const { data } = this.context.getImageData(0, 0, this.columns, this.rows);
    const values = new Float64Array(this.rows * this.columns);
    for (let k = 0; k < values.length; k++) values[k] = (this.bright ? 255 - data[4 * k] : data[4 * k]) / 255;
    return { values, rows: this.rows, columns: this.columns };
  }

  /** Show an example's pixels (shares of ink, rows × columns of the image), as if they had been drawn. */
  show(shares, [rows, columns]) {
    const image = new ImageData(columns, rows);
    for (let k = 0; k < rows * columns; k++) {
      const level = 255 * Math.min(Math.max(this.bright ? 1 - shares[k] : shares[k], 0), 1);
      image.data.set([level, level, level, 255], 4 * k);
    }
    const small = h("canvas", { width: columns, height: rows });
    small.getContext("2d").putImageData(image, 0, 0);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(small, 0, 0, this.columns, this.rows);
    this.shown = true;
  }
}
