// tab-descend.mjs: gradient descent on a function of two numbers, from a place that is clicked

import { h, s, fill } from "fastnn/dom.mjs";
import { button, numberField, select, slider } from "fastnn/controls.mjs";
import { exports } from "fastnn/export.mjs";
import { number, plural } from "fastnn/format.mjs";
import { Solid } from "fastnn/solid.mjs";
import { Plane, arrow, track } from "fastnn/surface.mjs";
import { behind } from "fastnn/table.mjs";

const KINDS = ["path1", "path2", "path3", "path4", "path5", "path6"];
const FIRST = "himmelblau";
const GRID = 81;
const BEGIN = {
  bowl: { lr: 0.1, start: [-2.4, 2] },
  ravine: { lr: 0.9, start: [-9, 2.4] },
  saddle: { lr: 0.1, start: [-2.2, 0.05] },
  himmelblau: { lr: 0.01, start: [0.4, -0.4] },
  rosenbrock: { lr: 0.001, start: [-1.6, 2.7] },
};

export function create(app) {
  return new Descend(app);
}

class Descend {
  constructor(app) {
    const first = app.meta.functions.find(({ name }) => name === FIRST) ?? app.meta.functions[0];
    Object.assign(this, { app, title: "Descend", f: first, walkers: [], chosen: 0, step: 0, lr: BEGIN[first.name]?.lr ?? 0.1, momentum: 0, steps: 1000, playing: null });
    this.build();
  }

  build() {
    const { app } = this;
    const typed = app.meta.can.type_function;
    const choices = [...app.meta.functions.map(({ name, expression }) => [name, `${name}: ${expression}`]), ...(typed ? [["own", "a function of your own"]] : [])];
    this.which = select("Function f(x, y)", choices, { value: this.f.name, onchange: (name) => this.choose(name) });
    this.own = h("input", { type: "text", id: "own-f", value: "sin(x)*cos(y) + 0.1*(x**2 + y**2)", spellcheck: "false", autocomplete: "off" });
    const go = button("Draw it", () => this.type(this.own.value), { primary: true });
    this.own.addEventListener("keydown", (event) => event.key === "Enter" && this.type(this.own.value));
    this.reach = numberField("x and y up to ±", { low: 0.01, value: 4, onchange: () => this.type(this.own.value) });
    this.typing = h("div", { class: "row", hidden: true }, h("div", { class: "field grow" }, h("label", { for: "own-f", text: "f(x, y) =" }), this.own), this.reach.element, go);
    this.wrong = h("p", { class: "alert", role: "alert", hidden: true });
    this.plane = new Plane({ label: "", names: { x: "x", y: "y", z: "f" }, equal: true, pick: (x, y) => this.start(x, y), over: (plane) => this.paths(plane) });
    this.plane.moved = (x, y) => app.say(`x ${number(x)}, y ${number(y)}. Enter starts a descent here.`);
    this.solid = new Solid("The same function as a surface; arrow keys turn it");
    this.words = h("p", { class: "words" });
    this.formula = h("div", { class: "steps" });
    this.table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Walkers" });
    this.numbers = behind("Table: every step of this walker");
    this.element = h("div", { class: "stack" }, this.head(), this.wrong, h("div", { class: "two" }, this.left(), this.right()));
  }

  head() {
    const title = h("h2", { text: "Walk downhill: gradient descent on a function of two numbers" });
    const lead = h("p", { class: "soft", text: "At each place, −∇f points where f falls fastest. Each step goes that way, by the learning rate times the slope. Training does the same, with thousands of weights and biases in place of x and y. Click a place to start there; or move to the picture with Tab, choose a place with the arrow keys, and press Enter." });
    return h("div", { class: "stack" }, title, lead, h("div", { class: "row" }, this.which.element, this.typing));
  }

  left() {
    const picture = h("figure", { class: "stack tight" }, this.plane.element, exports(() => "descent", () => this.plane.element, () => this.data()));
    return h("div", { class: "stack" }, picture, this.playerCard());
  }

  right() {
    this.rate = slider("Learning rate η", { low: -4, high: 0.3, step: 0.05, value: Math.log10(this.lr), format: (v) => number(10 ** v), oninput: (v) => this.set({ lr: rounded(10 ** v) }) });
    this.mu = slider("Momentum μ", { low: 0, high: 0.95, step: 0.05, value: 0, oninput: (v) => this.set({ momentum: v }) });
    const again = button("Same start again", () => this.again());
    const clear = button("Remove all", () => this.clear());
    const hint = h("p", { class: "soft small", text: "The settings hold for the next walker. “Same start again” sends a second one from the same place: compare two learning rates." });
    return h("div", { class: "stack" }, this.solid.element, h("p", { class: "soft small", text: "Drag the surface to turn it." }), h("div", { class: "card stack" }, this.rate.element, this.mu.element, h("div", { class: "row" }, again, clear), hint), this.words, this.table, this.numbers.element);
  }

  playerCard() {
    this.at = slider("Step", { low: 0, high: 1, step: 1, value: 0, format: (v) => String(v), oninput: (v) => this.goTo(v) });
    this.play = button("Play", () => this.toggle(), { primary: true });
    const back = button("Back", () => this.move(-1), { label: "One step back" });
    const next = button("Next", () => this.move(1), { label: "One step on" });
    this.player = h("div", { class: "stack" }, h("div", { class: "row" }, this.play, back, next), this.at.element);
    return h("div", { class: "card stack" }, this.player, this.formula);
  }

  async show() {
    this.shown = true;
    if (!this.surface) await this.load();
    else this.draw();
  }

  hide() {
    this.shown = false;
    this.stop();
  }

  stateOf() {
    const { f, lr, momentum, walkers } = this;
    const starts = walkers.map(({ start, lr: rate, momentum: mu }) => [...start, rate, mu].map((v) => Number(v.toPrecision(5))).join(",")).join(";");
    return { f: f.own ? f.expression : f.name, reach: f.own ? f.x[1] : null, lr, momentum, starts: starts || null };
  }

  restore(state) {
    const known = this.app.meta.functions.find(({ name }) => name === state.f);
    if (known) this.f = known;
    else if (state.f && this.app.meta.can.type_function) this.f = own(state.f, Number(state.reach) || 4);
    if (known || this.f.own) this.which.set(this.f.own ? "own" : this.f.name);
    if (this.f.own) this.own.value = this.f.expression;
    this.typing.hidden = !this.f.own;
    if (known) this.lr = BEGIN[known.name]?.lr ?? 0.1;
    if (Number(state.lr) > 0) this.lr = Number(state.lr);
    if (Number(state.momentum) >= 0) this.momentum = Number(state.momentum);
    this.rate.set(Math.log10(this.lr));
    this.mu.set(this.momentum);
    this.wanted = (state.starts ?? "").split(";").map((text) => text.split(",").map(Number)).filter((four) => four.length === 4 && four.every(Number.isFinite));
    if (state.f) this.surface = null;
  }

  choose(name) {
    this.typing.hidden = name !== "own";
    if (name === "own") return this.type(this.own.value);
    this.set({ lr: BEGIN[name]?.lr ?? 0.1 });
    this.rate.set(Math.log10(this.lr));
    return this.replace(this.app.meta.functions.find((f) => f.name === name));
  }

  type(text) {
    return this.replace(own(text, Number(this.reach.input.value) || 4));
  }

  replace(f) {
    this.clear();
    this.f = f;
    return this.load();
  }

  /** Ask for the surface; what is wrong with a typed function is said in explain's words. */
  async load() {
    const { f } = this;
    const args = { function: f.own ? f.expression : f.name, n: GRID, x: f.x, y: roomy(f) };
    try {
      this.surface = await this.app.source.call("surface", args);
    } catch (error) {
      this.wrong.textContent = error.message;
      this.wrong.hidden = false;
      return;
    }
    this.wrong.hidden = true;
    this.plane.set(this.surface, `Contours of f = ${f.expression}. Click a place to start a descent there; with the keyboard, arrow keys choose a place and Enter starts.`);
    this.solid.set(this.surface);
    this.set({});
    for (const [x, y, lr, momentum] of this.wanted ?? []) await this.start(x, y, lr, momentum);
    this.wanted = [];
    if (!this.walkers.length) await this.start(...this.first());
  }

  // Where there is something to see; of a typed function, near the upper left corner.
  first() {
    const known = !this.f.own && BEGIN[this.f.name];
    if (known) return known.start;
    const { x, y } = this.surface;
    const at = (list, share) => list[0] + share * (list[list.length - 1] - list[0]);
    return [rounded(at(x, 0.12)), rounded(at(y, 0.82))];
  }

  async start(x, y, lr = this.lr, momentum = this.momentum) {
    const start = [rounded(x), rounded(y)];
    const f = this.f.own ? this.f.expression : this.f.name;
    const found = await this.app.call("descend", { function: f, start, lr, momentum, steps: this.steps });
    if (!found) return;
    const kind = KINDS.find((each) => !this.walkers.some((walker) => walker.kind === each)) ?? KINDS[this.walkers.length % KINDS.length];
    this.walkers.push({ ...found, start, lr, momentum, kind, n: found.values.length - 1 });
    this.pick(this.walkers.length - 1);
    this.app.say(found.words);
    this.run();
  }

  again() {
    const walker = this.walkers[this.chosen];
    if (walker) this.start(...walker.start);
  }

  pick(k) {
    this.chosen = k;
    const walker = this.walkers[k];
    this.at.input.max = Math.max(1, ...this.walkers.map(({ n }) => n));
    this.at.set(walker.n);
    this.step = walker.n;
    this.app.set({});
    this.draw();
  }

  remove(k) {
    this.stop();
    this.walkers.splice(k, 1);
    if (this.walkers.length) this.pick(Math.min(this.chosen, this.walkers.length - 1));
    else this.clear();
  }

  clear() {
    this.stop();
    Object.assign(this, { walkers: [], chosen: 0, step: 0 });
    this.app.set({});
    this.draw();
  }

  set(settings) {
    Object.assign(this, settings);
    this.app.set({});
  }

  toggle() {
    if (this.playing) this.stop();
    else this.run(true);
  }

  /** Let all walkers walk, from the start or from here; under reduced motion alone when asked to. */
  run(asked = false) {
    this.stop();
    const last = Number(this.at.input.max);
    if (this.app.settings.reducedMotion && !asked) return;
    const from = this.step >= last || !asked ? 0 : this.step;
    const began = performance.now();
    // The first steps are long, the last ones short: time runs faster and faster.
    const length = 2500;
    const tick = (now) => {
      const share = Math.min(1, Math.max(0, (now - began) / length));
      this.goTo(Math.round(from + (last - from) * share ** 2.5));
      if (share < 1) this.playing = requestAnimationFrame(tick);
      else this.stop();
    };
    this.playing = requestAnimationFrame(tick);
    this.play.textContent = "Pause";
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = null;
    this.play.textContent = "Play";
  }

  move(by) {
    this.stop();
    this.goTo(Math.min(Math.max(this.step + by, 0), Number(this.at.input.max)));
  }

  goTo(k) {
    this.step = k;
    this.at.set(k);
    this.draw();
  }

  draw() {
    if (!this.surface || !this.shown) return;
    this.plane.draw();
    this.solid.paths(this.walkers.map((walker) => ({ points: walker.path, values: walker.values, upTo: this.upTo(walker), kind: walker.kind })));
    this.tell();
    this.list();
  }

  upTo(walker) {
    return Math.min(this.step, walker.n) + 1;
  }

  paths(plane) {
    const marks = this.walkers.map((walker, k) => this.mark(plane, walker, k));
    return [this.walkers.map((walker) => track(plane, walker.path, walker.kind, this.upTo(walker))), this.arrows(plane), marks];
  }

  mark(plane, walker, k) {
    const now = this.upTo(walker) - 1;
    const [sx, sy, x, y] = [plane.px(walker.path[0]), plane.py(walker.path[1]), plane.px(walker.path[2 * now]), plane.py(walker.path[2 * now + 1])];
    const name = this.walkers.length > 1 ? s("text", { class: "number", x: sx, y: sy + 4, "text-anchor": "middle" }, String(k + 1)) : null;
    return [s("circle", { class: "start", cx: sx, cy: sy, r: name ? 9 : 6 }), name, s("circle", { class: `walker ${walker.kind}`, cx: x, cy: y, r: 6 })];
  }

  // Arrows of −∇f of the chosen walker: at some of its steps, and the largest where it stands.
  arrows(plane) {
    const walker = this.walkers[this.chosen];
    if (!walker) return [];
    const found = [];
    let before = null;
    for (let k = 0; k < this.upTo(walker); k++) {
      const place = [plane.px(walker.path[2 * k]), plane.py(walker.path[2 * k + 1])];
      const here = k === this.upTo(walker) - 1;
      if (!here && before && Math.hypot(place[0] - before[0], place[1] - before[1]) < 62) continue;
      before = place;
      found.push(this.downhill(plane, walker, k, place, here));
    }
    return found;
  }

  downhill(plane, walker, k, [x, y], here) {
    const unit = [plane.px(1) - plane.px(0), plane.py(1) - plane.py(0)];
    const [dx, dy] = [-walker.gradients[2 * k] * unit[0], -walker.gradients[2 * k + 1] * unit[1]];
    const size = Math.hypot(dx, dy);
    const length = here ? 48 : 32;
    return size > 1e-4 * Math.abs(unit[0]) ? arrow(x, y, (dx / size) * length, (dy / size) * length, here ? "now" : "small-one") : null;
  }

  // The step with its numbers: p ← p − η ∇f, or with momentum v ← μ v + ∇f, p ← p − η v.
  tell() {
    const walker = this.walkers[this.chosen];
    this.player.hidden = !walker;
    this.words.textContent = walker ? walker.words : "";
    if (!walker) return fill(this.formula, h("p", { text: "Click a place in the picture: a descent starts there." }));
    const k = this.upTo(walker) - 1;
    const { path, values, gradients, lr, momentum } = walker;
    const [p, g] = [pair(path, k), pair(gradients, k)];
    const lines = [["place p", p], ["height f(p)", number(values[k])], ["downhill −∇f(p)", pair(gradients, k, -1)]];
    if (k < walker.n) lines.push([momentum ? "next: p − η (μ v + ∇f)" : "next: p − η ∇f", momentum ? pair(path, k + 1) : `${p} − ${number(lr)} · ${g} = ${pair(path, k + 1)}`]);
    const title = `Walker ${this.chosen + 1}, step ${k.toLocaleString("en-US")} of ${walker.n.toLocaleString("en-US")}`;
    return fill(this.formula, h("h3", { text: title }), h("dl", { class: "facts-list" }, lines.map(([name, text]) => h("div", {}, h("dt", { text: name }), h("dd", { text })))));
  }

  list() {
    if (this.listed === this.key()) return;
    this.listed = this.key();
    const head = ["walker", "start", "η", "μ", "steps", "end", "f", ""].map((text) => (text ? h("th", { scope: "col", text }) : h("td")));
    const rows = this.walkers.map((walker, k) => {
      const name = h("button", { type: "button", class: "plain", "aria-pressed": String(k === this.chosen), onclick: () => this.pick(k) }, h("span", { class: `swatch ${walker.kind}`, "aria-hidden": "true" }), `Walker ${k + 1}`);
      const cells = [pair(walker.path, 0), number(walker.lr), number(walker.momentum), walker.n.toLocaleString("en-US"), pair(walker.path, walker.n), number(walker.values[walker.n])];
      return h("tr", {}, h("th", { scope: "row" }, name), cells.map((text) => h("td", { class: "number", text })), h("td", {}, button("×", () => this.remove(k), { label: `Remove walker ${k + 1}` })));
    });
    fill(this.table, rows.length ? h("table", {}, h("caption", { text: plural(rows.length, "walker") }), h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)) : null);
    this.numbers.element.hidden = !rows.length;
    const walker = this.walkers[this.chosen];
    if (walker) this.numbers.update(["step", "x", "y", "f", "−∂f/∂x", "−∂f/∂y"], Array.from(walker.values, (value, k) => [String(k), walker.path[2 * k], walker.path[2 * k + 1], value, -walker.gradients[2 * k], -walker.gradients[2 * k + 1]]));
  }

  key() {
    return `${this.chosen} ${this.walkers.map((walker) => [walker.kind, walker.start, walker.lr, walker.momentum, walker.n].join()).join("|")}`;
  }

  data() {
    return { function: this.f.expression, walkers: this.walkers.map(({ kind, n, ...rest }) => rest) };
  }
}

const own = (expression, reach) => ({ own: true, name: "own", expression, x: [-reach, reach], y: [-reach, reach] });
// A flat part of the plane is shown at least half as high as it is wide.
function roomy({ x, y }) {
  const [middle, half] = [(y[0] + y[1]) / 2, Math.max(y[1] - y[0], (x[1] - x[0]) / 2) / 2];
  return [middle - half, middle + half];
}

const rounded = (value) => Number(value.toPrecision(4));
const pair = (list, k, factor = 1) => `(${number(factor * list[2 * k])}, ${number(factor * list[2 * k + 1])})`;
