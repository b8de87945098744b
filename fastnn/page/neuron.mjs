// neuron.mjs: one neuron of the tab Draw: its weights, and f(Σ w a + b) with the numbers.

import { h, fill } from "fastnn/dom.mjs";
import { drawBars } from "fastnn/bars.mjs";
import { Figure } from "fastnn/figure.mjs";
import { bracketed, number, whole } from "fastnn/format.mjs";
import { largest, paintSigned, pictureOf } from "fastnn/image.mjs";

const MOST = 8; // products in the list

export class NeuronPanel {
  constructor(app) {
    this.app = app;
    this.title = h("h3", {});
    this.equation = h("p", { class: "equation" });
    this.image = pictureOf("");
    this.caption = h("p", { class: "soft small" });
    this.figure = new Figure({ name: () => "neuron", data: () => this.data, tableName: "All its weights as a table" });
    this.imageBox = h("div", { class: "stack tight weights" }, this.image, this.caption);
    this.hint = h("p", { class: "soft", text: "Choose a neuron to see its weights and its sum." });
    this.body = h("div", { class: "stack", hidden: true }, this.title, this.equation, h("div", { class: "neuron-body" }, this.imageBox, this.figure.element));
    this.element = h("section", { class: "card", "aria-label": "The chosen neuron" }, this.hint, this.body);
  }

  clear() {
    this.hint.hidden = false;
    this.body.hidden = true;
  }

  show(layer, j, answer, weights) {
    const { app } = this;
    const { sizes, functions } = app.meta.network;
    const { w, b } = weights[layer - 1];
    const before = answer.layers[layer - 1].a;
    const { a, z } = answer.layers[layer];
    const own = Float64Array.from(before, (_, i) => w[i * sizes[layer] + j]);
    this.hint.hidden = true;
    this.body.hidden = false;
    const name = app.neuron(layer, j);
    this.title.textContent = name.charAt(0).toUpperCase() + name.slice(1);
    const f = functions[layer - 1];
    const call = { sigmoid: "σ", identity: "" }[f] ?? f;
    this.sentence = f === "softmax" ? `z = Σ w a + b = ${number(z[j])};  a = e^z / Σ e^z over all outputs = ${number(a[j])}` : `a = ${call}(Σ w a + b) = ${call}(${number(z[j])}) = ${number(a[j])}`;
    this.equation.textContent = `${this.sentence},  with b = ${number(b[j])}`;
    this.picture(layer, own, name);
    this.bars(layer, own, before, b[j], z[j], name);
    this.data = { layer, neuron: j, name, weights: own, bias: b[j], activations: before, z: z[j], a: a[j], function: f };
  }

  picture(layer, own, name) {
    const { image } = this.app.meta.inputs;
    this.imageBox.hidden = !(layer === 1 && image);
    if (this.imageBox.hidden) return;
    paintSigned(this.image, own, image, this.element);
    this.image.setAttribute("aria-label", `The weights from the pixels to ${name}: blue positive, vermilion negative`);
    this.caption.textContent = `Its weights from the pixels: blue positive, vermilion negative, up to ±${number(largest(own))}.`;
  }

  bars(layer, own, before, bias, z, name) {
    const { app } = this;
    const products = Array.from(own, (w, i) => ({ i, w, a: before[i], value: w * before[i] }));
    products.sort((x, y) => Math.abs(y.value) - Math.abs(x.value));
    const shown = products.slice(0, MOST);
    const rest = products.slice(MOST);
    const rows = shown.map(({ i, w, a, value }) => ({ name: app.neuron(layer - 1, i), value, formula: `w a = ${bracketed(w)} · ${bracketed(a)} = ${number(value)}` }));
    if (rest.length) rows.push({ name: `${whole(rest.length)} others`, value: rest.reduce((sum, p) => sum + p.value, 0), soft: true, formula: `The sum of the other ${whole(rest.length)} products w a` });
    rows.push({ name: "bias b", value: bias, formula: `b = ${number(bias)}` }, { name: "z, their sum", value: z, marked: true, formula: `z = Σ w a + b = ${number(z)}` });
    this.figure.draw((width, formulas) => drawBars({ width, rows, formulas, heading: ["product w · a", "adds to z"], label: `The largest products that add up to z of ${name}` }));
    this.figure.table(["from", "w", "a", "w · a"], products.map((p) => [app.neuron(layer - 1, p.i), p.w, p.a, p.value]));
  }
}
