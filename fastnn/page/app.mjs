// app.mjs: the state that all tabs share: the example, its target, the tab; and how it changes.

import { History } from "fastnn/history.mjs";
import * as address from "fastnn/state.mjs";

const FEW = 64; // inputs that are written into the address

/**
 * The object that each tab gets.
 *
 * source, meta: where the numbers come from.
 * current: the example shown: {index or null, x, target, y}; null until it is loaded.
 * choose(index), setInput(x, target), setTarget(target): change it; listeners of onChange hear of it.
 * call(name, args): source.call, whose refusal is shown to the user; null then.
 * say(text): a sentence for the live region. set(partial): writes the state of a tab into the address.
 */
export class App {
  constructor(source, parts) {
    Object.assign(this, { source, meta: source.meta, current: null, frame: null, history: new History(), state: {}, listeners: [], ...parts });
    this.settings = { reducedMotion: matchMedia("(prefers-reduced-motion: reduce)").matches };
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  changed() {
    this.listeners.forEach((listener) => listener(this));
  }

  /** Merge into the state; the address follows. Null removes. */
  set(partial) {
    Object.assign(this.state, partial);
    this.writeAddress();
  }

  async call(name, args = {}) {
    try {
      const result = await this.source.call(name, args);
      this.report(null);
      return result;
    } catch (error) {
      this.report(error.message);
      return null;
    }
  }

  /** Show an example of the data. */
  async choose(index) {
    const example = await this.call("example", { index });
    if (example) this.show({ ...example, index, own: null });
  }

  /** Show an input of the user's own; `target` is null as long as nobody has said what it should be. */
  setInput(x, target = null) {
    this.show({ index: null, x, target, y: null });
  }

  setTarget(target) {
    this.show({ ...this.current, target, own: target });
  }

  show(current) {
    this.current = current;
    const { index, x, own } = current;
    const target = index === null ? current.target : own;
    this.set({ index, x: index === null && x.length <= FEW ? Array.from(x, (v) => Number(v.toPrecision(6))).join(",") : null, target: target ?? null });
    this.changed();
  }

  /** Show the example that an address names, else the first one of the test. */
  async restore(state) {
    const { meta } = this;
    const x = (state.x ?? "").split(",").filter((text) => text !== "").map(Number);
    const target = state.target === undefined ? null : this.targetOf(state.target);
    if (x.length === meta.network.sizes[0] && x.every(Number.isFinite)) return this.setInput(Float64Array.from(x), target);
    if (!meta.data) return this.setInput(Float64Array.from(meta.inputs.typical), target);
    const { n, n_train = 0 } = meta.data;
    await this.choose(address.index(state.index, n - 1) ?? (n_train < n ? n_train : 0));
    if (target !== null && this.current) this.setTarget(target);
  }

  /** Return a target as the source wants it: a class's name, or a number. */
  targetOf(text) {
    return this.meta.task === "classes" ? text : Number(text);
  }

  /** Return the arguments that name the example to the source. */
  get args() {
    const { index, x, target, own } = this.current;
    return index !== null && (own === null || own === undefined) ? { index } : { x, target };
  }

  /** Return the name of neuron j of layer l, 0 … L, as fastnn.explain writes it. */
  neuron(layer, j) {
    const { inputs, outputs, network } = this.meta;
    if (layer === 0 && inputs.names) return inputs.names[j];
    if (layer === 0 && inputs.image) return this.pixel(j);
    if (layer === 0) return `input ${j}`;
    if (layer === network.sizes.length - 1) return `output ${outputs.names[j]}`;
    return `hidden ${layer} neuron ${j}`;
  }

  pixel(j) {
    const [, columns, channels = 1] = this.meta.inputs.image;
    const place = Math.floor(j / channels);
    return `pixel (${Math.floor(place / columns)}, ${place % columns})`;
  }

  namesOf(layer) {
    return Array.from({ length: this.meta.network.sizes[layer] }, (_, j) => this.neuron(layer, j));
  }

  /** Return the shortest name of a neuron, for narrow places: its class, its column or its number. */
  short(layer, j) {
    const { inputs, outputs } = this.meta;
    if (layer === 0) return inputs.names ? inputs.names[j] : inputs.image ? this.pixel(j).replace("pixel ", "") : `${j}`;
    return layer === this.L ? outputs.names[j] : `${j}`;
  }

  get L() {
    return this.meta.network.sizes.length - 1;
  }

  /** Return what a function of layer l, 1 … L, is called in a formula: σ or f. */
  functionOf(layer) {
    const name = this.meta.network.functions[layer - 1];
    return { sigmoid: "σ", softmax: "softmax", identity: "", tanh: "tanh", exp: "exp" }[name] ?? name;
  }
}
