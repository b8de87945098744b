// weights.mjs: the weights of the first layer: images of its neurons, or bars by the inputs' names

import { h, s, fill } from "fastnn/dom.mjs";
import { select } from "fastnn/controls.mjs";
import { number } from "fastnn/format.mjs";
import { largest, paintSigned } from "fastnn/image.mjs";

const MOST = 64; // neurons
const BARS = 24; // inputs

/** Return {element, update(layer)} for the weights w (n_in × n, row by row). */
export function weightsView(app) {
  const n = app.meta.network.sizes[1];
  return app.meta.inputs.image ? images(app, Math.min(n, MOST), n) : bars(app, n);
}

function images(app, shown, n) {
  const canvases = Array.from({ length: shown }, (_, j) => h("canvas", { class: "pixels", role: "img", "aria-label": `Weights of ${app.neuron(1, j)}` }));
  const tiles = canvases.map((canvas, j) => h("div", { class: "tile" }, canvas, h("span", { class: "soft", "aria-hidden": "true", text: String(j) })));
  const more = shown < n ? ` The first ${shown} of ${n.toLocaleString("en-US")} neurons.` : "";
  const note = h("p", { class: "soft small", text: `Each image holds the weights of one neuron of the first layer, one for each pixel: blue positive, vermilion negative, all on one scale.${more}` });
  const update = ({ w }) => {
    const most = largest(w);
    canvases.forEach((canvas, j) => paintSigned(canvas, column(w, j, n), app.meta.inputs.image, canvas, most));
  };
  return { element: h("div", { class: "stack" }, h("div", { class: "tiles" }, tiles), note), update };
}

function bars(app, n) {
  let last = null;
  const neuron = select("Neuron of the first layer", Array.from({ length: n }, (_, j) => [String(j), app.neuron(1, j)]), { value: "0", onchange: () => last && update(last) });
  const svg = s("svg", { class: "weight-bars", role: "img" });
  const note = h("p", { class: "soft small" });
  const update = (layer) => {
    last = layer;
    const w = column(layer.w, Number(neuron.input.value), n);
    const order = Array.from(w.keys());
    if (w.length > BARS) order.sort((a, b) => Math.abs(w[b]) - Math.abs(w[a]));
    drawBars(svg, order.slice(0, BARS).map((i) => [app.neuron(0, i), w[i]]));
    svg.setAttribute("aria-label", `Weights of ${app.neuron(1, Number(neuron.input.value))}, one for each input`);
    note.textContent = w.length > BARS ? `The ${BARS} largest of ${w.length} weights.` : "Blue raises the neuron when the input is high, vermilion lowers it.";
  };
  return { element: h("div", { class: "stack" }, neuron.element, svg, note), update };
}

const column = (w, j, n) => Float64Array.from({ length: w.length / n }, (_, i) => w[i * n + j]);

function drawBars(svg, rows) {
  const [width, tall] = [420, 26];
  const most = largest(rows.map(([, value]) => value)) || 1;
  svg.setAttribute("viewBox", `0 0 ${width} ${tall * rows.length + 4}`);
  const middle = 265;
  const lines = rows.map(([name, value], k) => {
    const size = (Math.abs(value) / most) * 85;
    const y = k * tall;
    return s("g", {}, s("text", { class: "soft", x: 0, y: y + 18 }, name), s("rect", { class: value >= 0 ? "fill-up" : "fill-down", x: value >= 0 ? middle : middle - size, y: y + 5, width: size, height: 16, rx: 2 }), s("text", { class: "tiny end", x: width, y: y + 18 }, number(value)));
  });
  fill(svg, lines, s("line", { class: "stroke-none", x1: middle, x2: middle, y1: 0, y2: tall * rows.length }));
}
