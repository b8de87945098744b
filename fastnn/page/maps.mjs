// maps.mjs: networks of two inputs: the output and every neuron over the plane of the inputs

import { h } from "fastnn/dom.mjs";
import { css, rgb, signedScale } from "fastnn/colours.mjs";
import { exports } from "fastnn/export.mjs";
import { largest } from "fastnn/image.mjs";

const [FINE, COARSE] = [81, 41]; // places along a side
const MOST = 24; // neurons

/** Return {element, update()}: large maps of the outputs, small ones of the hidden neurons. */
export function mapsView(app) {
  const { sizes } = app.meta.network;
  const outputs = Array.from({ length: Math.min(4, sizes[app.L]) }, (_, j) => map(app, app.L, j, FINE));
  const hidden = sizes.slice(1, -1).flatMap((n, k) => Array.from({ length: n }, (_, j) => [k + 1, j])).slice(0, MOST).map(([l, j]) => map(app, l, j, COARSE));
  const note = h("p", { class: "soft small", text: "Each map shows a neuron for every pair of inputs: blue where it is high, vermilion where it is low. The dots are the examples, blue where this output should be high." });
  const element = h("div", { class: "stack" }, h("div", { class: "maps large" }, outputs.map(({ figure }) => figure)), h("div", { class: "maps" }, hidden.map(({ figure }) => figure)), note);
  const update = async () => {
    for (const each of [...outputs, ...hidden]) await each.update();
  };
  return { element, update };
}

function map(app, layer, neuron, n) {
  let found = null;
  const large = n === FINE;
  const name = app.neuron(layer, neuron);
  const canvas = h("canvas", { class: "map", role: "img", "aria-label": `${name} over the plane of the two inputs` });
  const label = h("figcaption", { class: "small soft", text: name });
  const figure = h("figure", {}, canvas, label, large ? exports(() => `map-${name}`, () => canvas, () => found) : null);
  const update = async () => {
    found = await app.source.call("plane", { layer, neuron, n });
    draw(canvas, found, n, app, layer, neuron, large);
    label.textContent = large ? `${name}; across ${app.neuron(0, 0)}, up ${app.neuron(0, 1)}` : name;
  };
  return { figure, update };
}

function draw(canvas, { x, y, values, points }, n, app, layer, neuron, large) {
  const [middle, most] = range(values, app.meta.network.functions[layer - 1]);
  const colour = signedScale(canvas, most);
  const small = h("canvas", { width: n, height: n });
  const context = small.getContext("2d");
  const image = context.createImageData(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) image.data.set([...colour(values[(n - 1 - i) * n + j] - middle), 255], 4 * (i * n + j));
  }
  context.putImageData(image, 0, 0);
  [canvas.width, canvas.height] = large ? [640, 640] : [160, 160];
  const paper = canvas.getContext("2d");
  paper.drawImage(small, 0, 0, canvas.width, canvas.height);
  if (large) dots(paper, canvas, x, y, points, app, neuron);
}

// The middle of the scale of colours: half way for what goes from 0 to 1, else 0.
function range(values, name) {
  if (name === "sigmoid" || name === "softmax") return [0.5, 0.5];
  return [0, largest(values)];
}

// Whether an example wants this output to be high: a dot then has the colour of a high output.
function wants({ label }, app, neuron) {
  if (app.meta.task === "classes") return app.meta.outputs.names.length > 1 ? (k) => k === neuron : (k) => k > 0;
  const middle = Array.from(label).reduce((sum, value) => sum + value, 0) / (label.length || 1);
  return (value) => value > middle;
}

function dots(context, canvas, x, y, points, app, neuron) {
  const share = (value, list) => (value - list[0]) / (list[list.length - 1] - list[0]);
  const [up, down, ink] = ["up", "down", "ground"].map((name) => css(rgb(canvas, name)));
  const high = wants(points, app, neuron);
  for (let k = 0; k < Math.min(points.x.length, 1000); k++) {
    context.beginPath();
    context.arc(share(points.x[k], x) * canvas.width, (1 - share(points.y[k], y)) * canvas.height, 5, 0, 2 * Math.PI);
    context.fillStyle = high(points.label[k]) ? up : down;
    context.fill();
    context.strokeStyle = ink;
    context.lineWidth = 2;
    context.stroke();
  }
}
