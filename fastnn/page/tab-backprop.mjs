// tab-backprop.mjs: the tab Backprop: one example, stop by stop from its cost back to all parameters.

import { button, numberField, select, slider } from "fastnn/controls.mjs";
import { capital, signed } from "fastnn/format.mjs";
import { fill, h, latest } from "fastnn/dom.mjs";
import { Figure } from "fastnn/figure.mjs";
import { exampleChooser } from "fastnn/inputs.mjs";
import * as address from "fastnn/state.mjs";
import { spoken, STOPS } from "fastnn/steps.mjs";
import { movedWords } from "fastnn/wiggle.mjs";

const VALUES = 81; // places of a parameter that is wiggled

export function create(app) {
  return new BackpropTab(app);
}

class BackpropTab {
  constructor(app) {
    Object.assign(this, { app, title: "Backprop", step: 1, layer: app.L, neuron: null, which: null, at: (VALUES - 1) / 2, data: null, shown: false });
    this.refresh = latest(() => this.load());
    this.chooser = exampleChooser(app);
    this.target = this.targetControl();
    this.figure = new Figure({ name: () => `backprop-${this.step}`, data: () => ({ step: this.step, layer: this.layer, neuron: this.neuron, example: app.current, ...this.data, wiggled: this.wiggled }) });
    this.build();
    app.onChange(() => this.shown && this.refresh());
  }

  build() {
    this.number = h("p", { class: "soft small" });
    this.heading = h("h2", { tabindex: "-1" });
    this.rule = h("p", { class: "rule" });
    this.text = h("div", { class: "stack tight" });
    this.words = h("div", { class: "stack tight" });
    this.layerSelect = select("Layer", [], { value: null, onchange: (l) => this.go(this.step, { layer: Number(l), neuron: null }) });
    this.neuronSelect = select("Neuron", [], { value: null, onchange: (j) => this.go(this.step, { neuron: Number(j) }) });
    this.choosers = h("div", { class: "row" }, this.layerSelect.element, this.neuronSelect.element);
    this.backLayer = button("", () => this.go(3, { layer: this.layer - 1, neuron: null }), { primary: true });
    this.again = button("Start again at the outputs", () => this.go(3, { layer: this.app.L, neuron: null }));
    this.parameter = select("Parameter", [], { value: null, onchange: (k) => this.choose(Number(k)) });
    this.slide = slider("Change", { low: 0, high: VALUES - 1, step: 1, value: this.at, oninput: (k) => this.move(k), format: (k) => (this.wiggled ? signed(this.wiggled.values[k] - this.wiggled.now) : "0") });
    this.moved = h("p", { class: "equation" });
    this.wiggleBox = h("div", { class: "stack" }, this.parameter.element, this.slide.element, this.moved);
    this.prev = button("‹ Back", () => this.go(this.step - 1));
    this.next = button("Next ›", () => this.go(this.step + 1), { primary: true });
    this.list = h("ol", { class: "stops" }, STOPS.map(({ short }, k) => h("li", {}, button(short, () => this.go(k + 1)))));
    this.nav = h("nav", { class: "rest", "aria-label": "Stops of backpropagation" }, this.list);
    const head = h("div", { class: "stack stop-head" }, this.heading, this.rule);
    const side = h("div", { class: "stack stop-text" }, this.words, this.text, this.choosers, h("div", { class: "row" }, this.backLayer, this.again), this.wiggleBox);
    this.steps = h("div", { class: "row step-buttons" }, this.prev, this.number, this.next);
    this.figure.element.classList.add("stop-figure");
    this.body = h("div", { class: "stop-body" }, head, this.figure.element, side);
    this.ask = h("p", { class: "card", hidden: true, text: "This input is your own. Say what the network should say, and backpropagation can begin." });
    this.element = h("div", { class: "stack backprop", onkeydown: (event) => this.key(event) }, h("div", { class: "row rest" }, this.chooser.element, this.target.element), this.nav, this.steps, this.ask, this.body);
  }

  /** What the example should be: a class, a number, or nothing to change where there are several values. */
  targetControl() {
    const { meta } = this.app;
    const set = (value) => this.app.setTarget(value);
    if (meta.task === "classes") {
      const names = meta.classes ?? meta.outputs.names;
      return select("should say", names.map((name) => [name, name]), { value: null, onchange: set });
    }
    if (meta.outputs.names.length > 1) return { element: h("span"), set() {} };
    return numberField("should say", { value: 0, onchange: set });
  }

  async show() {
    this.shown = true;
    await this.refresh();
  }

  hide() {
    this.shown = false;
  }

  async frame() {
    await this.refresh();
  }

  stateOf() {
    const { L } = this.app;
    const chosen = STOPS[this.step - 1].layers;
    return { step: this.step, layer: chosen && this.layer !== L ? this.layer : null, unit: chosen && this.neuron !== null ? this.neuron : null };
  }

  restore(state) {
    const { sizes } = this.app.meta.network;
    this.step = Math.min(Math.max(address.index(state.step, STOPS.length) ?? 1, 1), STOPS.length);
    this.layer = Math.max(address.index(state.layer, this.app.L) ?? this.app.L, 1);
    this.neuron = address.index(state.unit, sizes[this.layer] - 1);
  }

  key(event) {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest("input, select, .scroll")) return; // theirs
    event.preventDefault();
    this.go(this.step + move);
  }

  /** Go to a stop, perhaps in another layer or for another neuron. */
  async go(step, { layer = this.layer, neuron = this.neuron } = {}) {
    this.step = Math.min(Math.max(step, 1), STOPS.length);
    this.layer = layer;
    this.neuron = neuron;
    this.app.set({});
    if (!this.data) return;
    await this.prepare();
    this.draw();
    this.app.say(spoken(this.stop, this.view()));
  }

  get stop() {
    return STOPS[this.step - 1];
  }

  async load() {
    const { app } = this;
    this.chooser.show(app.current);
    const { target } = app.current;
    this.target.set(typeof target === "number" ? Number(target.toPrecision(6)) : target ?? "");
    const known = target !== null && target !== undefined;
    this.ask.hidden = known;
    this.body.hidden = this.steps.hidden = !known;
    if (!known) return;
    const layers = app.meta.network.sizes.slice(1).map((_, k) => app.call("layer", { layer: k + 1 }));
    const [answer, forward, ...weights] = await Promise.all([app.call("backprop", app.args), app.call("forward", { x: app.current.x }), ...layers]);
    if (!answer || !forward || !weights.every(Boolean)) return;
    this.data = { answer, forward, weights };
    Object.assign(this, { pairs: null, wiggled: null, beside: null });
    await this.prepare();
    this.draw();
  }

  /** Ask the source for what only some stops need. */
  async prepare() {
    const { app, stop } = this;
    if (stop.pairs && !this.pairs) this.pairs = await app.call("pairs", app.args);
    if (!stop.wiggles || this.wiggled || !this.pairs) return;
    const all = [this.pairs.first, this.pairs.second, ...this.data.answer.strongest.filter(({ name }) => name !== this.pairs.first.name && name !== this.pairs.second.name)];
    this.parameters = all;
    this.parameter.options(all.map(({ name, words }, k) => [String(k), `${name}: ${words}`]), "0");
    await this.wiggle(0);
  }

  async choose(k) {
    await this.wiggle(k);
    this.draw();
    this.app.say(movedWords(this.view()));
  }

  async wiggle(k) {
    const other = k === 1 ? 0 : 1;
    const now = ({ layer, i, j }) => (i === null ? this.data.weights[layer - 1].b[j] : this.data.weights[layer - 1].w[i * this.app.meta.network.sizes[layer] + j]);
    const reach = Math.max(1, Math.abs(now(this.parameters[k])), Math.abs(now(this.parameters[other])));
    const asked = ({ layer, i, j }) => {
      const value = now({ layer, i, j });
      return this.app.call("wiggle", { ...this.app.args, layer, i, j, low: value - reach, high: value + reach, n: VALUES });
    };
    [this.wiggled, this.beside] = await Promise.all([asked(this.parameters[k]), asked(this.parameters[other])]);
    const names = [this.parameters[k].name, this.parameters[other].name];
    [this.wiggled, this.beside].forEach((curve, n) => curve && (curve.name = names[n]));
    this.at = (VALUES - 1) / 2;
    this.slide.set(this.at);
  }

  move(k) {
    this.at = k;
    this.draw();
  }

  /** The neuron that the stop is about: the chosen one, the output that should fire, or the most urgent one. */
  defaultNeuron() {
    const { answer } = this.data;
    const first = answer.layers[this.layer - 1].ranking[0];
    if (this.layer < this.app.L || this.app.meta.task !== "classes") return first;
    const best = answer.should.indexOf(Math.max(...answer.should));
    return answer.should[best] > 0 ? best : first;
  }

  view() {
    const { app, layer, data } = this;
    const neuron = this.neuron ?? this.defaultNeuron();
    return {
      ...data,
      app,
      layer,
      neuron,
      here: data.answer.layers[layer - 1],
      before: layer === 1 ? data.forward.layers[0].a : data.answer.layers[layer - 2].a,
      weights: (l) => data.weights[l - 1],
      name: app.neuron(layer, neuron),
      place: this.figure.place,
      pick: (j) => this.go(this.step, { neuron: j }),
      pairs: this.pairs,
      wiggled: this.wiggled,
      beside: this.beside,
      at: this.at,
    };
  }

  draw() {
    const view = this.view();
    const { stop } = this;
    this.number.textContent = `Stop ${this.step} of ${STOPS.length}`;
    this.heading.textContent = stop.title(view);
    this.rule.textContent = stop.rule(view);
    fill(this.words, stop.words(view).filter(Boolean).map((text) => h("p", { class: "says", text })));
    fill(this.text, stop.text(view).filter(Boolean).map((text) => h("p", { text })));
    this.controls(stop, view);
    this.figure.draw((width, formulas) => stop.picture(this.view(), width, formulas));
    this.figure.table(...stop.table(view));
  }

  controls(stop, { neuron }) {
    const { app, layer } = this;
    this.prev.disabled = this.step === 1;
    this.next.disabled = this.step === STOPS.length;
    [...this.list.children].forEach((item, k) => item.firstChild.setAttribute("aria-current", k === this.step - 1 ? "step" : "false"));
    const item = this.list.children[this.step - 1];
    if (this.list.scrollWidth > this.list.clientWidth) this.list.scrollLeft = item.offsetLeft - this.list.offsetLeft - 40;
    this.choosers.hidden = !stop.layers;
    this.layerSelect.element.hidden = app.L === 1;
    this.layerSelect.options(Array.from({ length: app.L }, (_, k) => [String(app.L - k), k === 0 ? "outputs" : `hidden ${app.L - k}`]), String(layer));
    this.neuronSelect.element.hidden = !stop.neurons;
    this.neuronSelect.options(app.namesOf(layer).map((name, j) => [String(j), capital(name)]), String(neuron));
    this.backLayer.hidden = !(stop.back && layer > 1);
    this.backLayer.textContent = layer > 1 ? `Do the same for hidden layer ${layer - 1}` : "";
    this.again.hidden = !(stop.back && layer < app.L);
    this.wiggleBox.hidden = !stop.wiggles;
    if (stop.wiggles && this.wiggled) this.moved.textContent = movedWords(this.view());
    this.rule.hidden = this.rule.textContent === "";
  }
}
