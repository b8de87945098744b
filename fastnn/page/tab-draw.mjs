// tab-draw.mjs: the tab Draw: an input of the user's own or an example, and every neuron's answer.

import { choice, select } from "fastnn/controls.mjs";
import { h, onceAFrame } from "fastnn/dom.mjs";
import { Figure } from "fastnn/figure.mjs";
import { bracketed, brief, number, plural } from "fastnn/format.mjs";
import { address, largest, paintInput } from "fastnn/image.mjs";
import { exampleChooser, inputFor } from "fastnn/inputs.mjs";
import { drawNetwork, linesBetween, strongest } from "fastnn/network.mjs";
import { NeuronPanel } from "fastnn/neuron.mjs";

const MOST = [16, 12]; // neurons of a column, wide and narrow

export function create(app) {
  return new DrawTab(app);
}

class DrawTab {
  constructor(app) {
    Object.assign(this, { app, title: "Draw", lines: "weights", chosen: null, answer: null, weights: null, shown: false });
    this.input = inputFor(app);
    this.chooser = exampleChooser(app);
    this.words = h("h2", {});
    this.verdict = h("p", { class: "soft" });
    this.figure = new Figure({ name: () => "network", data: () => ({ example: app.current, ...this.answer }) });
    this.choice = choice("Lines show", [["weights", "weights w"], ["products", "products w · a"]], {
      value: this.lines,
      onchange: (value) => {
        this.lines = value;
        app.set({});
        this.draw();
      },
    });
    this.panel = new NeuronPanel(app);
    this.neuron = select("Neuron", [], { value: null, onchange: (key) => this.pick(...key.split("-").map(Number)) });
    const left = h("div", { class: "stack" }, this.input.element, this.chooser.element);
    const right = h("div", { class: "stack" }, h("div", {}, this.words, this.verdict), this.figure.element, h("div", { class: "row" }, this.choice.element, this.neuron.element), this.panel.element);
    this.element = h("div", { class: "two wide-right draw" }, left, right);
    this.redraw = onceAFrame(() => this.draw());
    app.onChange(() => this.shown && this.refresh());
  }

  async show() {
    this.shown = true;
    await this.refresh();
  }

  hide() {
    this.shown = false;
  }

  async frame() {
    this.weights = null;
    await this.refresh();
  }

  stateOf() {
    return { lines: this.lines === "weights" ? null : this.lines, neuron: this.chosen ? this.chosen.join("-") : null };
  }

  restore(state) {
    this.lines = state.lines === "products" ? "products" : "weights";
    this.choice.set(this.lines);
    const [layer, j] = (state.neuron ?? "").split("-").map(Number);
    const { sizes } = this.app.meta.network;
    this.chosen = layer >= 1 && layer < sizes.length && j >= 0 && j < sizes[layer] ? [layer, j] : null;
  }

  async refresh() {
    const { app } = this;
    this.input.show(app.current);
    this.chooser.show(app.current);
    if (this.busy) return void (this.again = true); // an answer is awaited: the newest input follows it
    this.busy = true;
    do {
      this.again = false;
      this.weights ??= await Promise.all(app.meta.network.sizes.slice(1).map((_, k) => app.call("layer", { layer: k + 1 })));
      const answer = await app.call("forward", { x: app.current.x });
      if (answer && this.weights?.every(Boolean)) this.answer = answer;
      else this.weights = null;
    } while (this.again);
    this.busy = false;
    if (this.answer && this.weights) this.draw();
  }

  weight(layer, i, j) {
    return this.weights[layer - 1].w[i * this.app.meta.network.sizes[layer] + j];
  }

  draw() {
    const { app, answer } = this;
    this.words.textContent = answer.words;
    this.verdict.textContent = this.target();
    this.figure.draw((width, formulas) => this.picture(width, formulas));
    const L = app.L;
    const names = ["neuron", "activation a", "weighted sum z"];
    this.figure.table(names, answer.layers.slice(1).reverse().flatMap(({ a, z }, k) => Array.from(a, (value, j) => [app.neuron(L - k, j), value, z[j]])));
    this.options();
    if (this.chosen) this.panel.show(...this.chosen, answer, this.weights);
    else this.panel.clear();
    this.say();
  }

  say() {
    if (this.said !== this.answer.words) this.app.say(this.answer.words);
    this.said = this.answer.words;
  }

  target() {
    const { index, target } = this.app.current;
    if (index === null) return "An input of your own.";
    const text = typeof target === "number" ? number(target) : ArrayBuffer.isView(target) ? Array.from(target, (v) => number(v)).join(", ") : target;
    return `The target is ${text}.`;
  }

  options() {
    const { sizes } = this.app.meta.network;
    const key = sizes.join("-");
    if (this.optionsOf === key) return this.neuron.set(this.chosen ? this.chosen.join("-") : "");
    this.optionsOf = key;
    const all = sizes.slice(1).map((n, k) => [k + 1, n]).reverse().flatMap(([layer, n]) => Array.from({ length: n }, (_, j) => [`${layer}-${j}`, this.app.neuron(layer, j)]));
    this.neuron.options([["", "choose one"], ...all], this.chosen ? this.chosen.join("-") : "");
  }

  pick(layer, j) {
    this.chosen = Number.isInteger(layer) && Number.isInteger(j) ? [layer, j] : null;
    this.app.set({});
    this.draw();
    if (this.chosen) this.app.say(this.panel.sentence);
  }

  columns(most) {
    const { app, answer } = this;
    const { sizes, functions } = app.meta.network;
    const image = app.meta.inputs.image;
    const layers = sizes.map((_, l) => l).filter((l) => l > 0 || !image);
    return layers.map((layer) => {
      const { a } = answer.layers[layer];
      const always = this.chosen?.[0] === layer ? [this.chosen[1]] : [];
      const neurons = strongest(a, most, always);
      const ends = layer === 0 || layer === app.L;
      return {
        layer,
        neurons,
        a: Array.from(a),
        function: layer === 0 ? "identity" : functions[layer - 1],
        names: ends ? (j) => (layer === 0 ? app.neuron(0, j) : app.meta.outputs.names[j]) : null,
        note: neurons.length < sizes[layer] ? `${most > MOST[1] ? "the largest " : ""}${neurons.length} of ${sizes[layer]}` : null,
        title: layer === 0 ? "inputs" : layer === app.L ? "outputs" : layers.length > 5 ? `${layer}` : `hidden ${layer}`,
        chosen: new Set(always),
        bold: layer === app.L ? new Set([a.indexOf(Math.max(...a))]) : null,
      };
    });
  }

  picture(width, formulas) {
    const { app, answer } = this;
    const columns = this.columns(MOST[width < 560 ? 1 : 0]);
    const { image } = app.meta.inputs;
    const products = this.lines === "products";
    const value = (l, i, j) => this.weight(l, i, j) * (products ? answer.layers[l - 1].a[i] : 1);
    const sources = image ? { 1: this.pixels() } : null;
    return drawNetwork({
      width,
      formulas,
      place: this.figure.place,
      label: `The network of ${plural(app.meta.network.sizes.length, "layer")}: ${answer.words}`,
      image: image && { address: address((canvas) => paintInput(canvas, app.current.x, app.meta, this.figure.place)), ratio: image[1] / image[0], shape: image },
      columns,
      lines: this.chosenLines(linesBetween(columns, value, { sources })),
      pick: (layer, j) => layer > 0 && this.pick(layer, j),
      nameOf: (layer, j) => app.neuron(layer, j),
      formula: (layer, j) => this.formula(layer, j),
      lineFormula: ({ to, i, j }) => this.lineFormula(to, i, j),
    });
  }

  /** The pixels whose lines are drawn: those whose weights are largest where there is ink, or everywhere. */
  pixels() {
    const { a } = this.answer.layers[0];
    const n = this.app.meta.network.sizes[1];
    const { w } = this.weights[0];
    const score = Array.from(a, (value, i) => largest(w.subarray(i * n, (i + 1) * n)) * (value === 0 ? 0 : 1));
    return strongest(score, 120);
  }

  chosenLines(lines) {
    if (!this.chosen) return lines;
    const [layer, j] = this.chosen;
    return lines.map((line) => ({ ...line, faded: !(line.to === layer && line.j === j) }));
  }

  formula(layer, j) {
    const { app, answer } = this;
    const name = app.neuron(layer, j);
    const { a, z } = answer.layers[layer];
    if (layer === 0) return `${name} = ${number(app.current.x[j])}; the network reads a = ${number(a[j])}.`;
    const f = app.functionOf(layer) || "identity";
    return `${name}: z = Σ w a + b = ${number(z[j])};  a = ${f === "softmax" ? "softmax(z)" : `${f}(z)`} = ${number(a[j])}`;
  }

  lineFormula(to, i, j) {
    const { app, answer } = this;
    const [w, a] = [this.weight(to, i, j), answer.layers[to - 1].a[i]];
    return `${app.neuron(to - 1, i)} → ${app.neuron(to, j)}: w a = ${brief(w, 4)} · ${bracketed(a)} = ${number(w * a)}`;
  }
}
