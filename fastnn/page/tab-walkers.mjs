// tab-walkers.mjs: the careful walker (all examples a step) and the drunk one (mini-batches), from one start

import { h, s, fill } from "fastnn/dom.mjs";
import { LineChart } from "fastnn/chart.mjs";
import { button, choice, numberField, select, slider } from "fastnn/controls.mjs";
import { exports } from "fastnn/export.mjs";
import { number, plural, whole } from "fastnn/format.mjs";
import { Plane, track } from "fastnn/surface.mjs";
import { behind } from "fastnn/table.mjs";

const QUICK = 4e6; // examples of both walkers, up to which they walk without being asked
const STEPS = 400;
const KINDS = ["path2", "path1"];
const PLANES = { noise: "the plane of the noise", principal: "the principal plane", given: "the plane of two weights" };
const AXES = {
  principal: ["along principal direction 1", "along principal direction 2"],
  noise: ["along the careful walker's way", "along the main direction of the noise"],
};
const LENGTH = 9000; // milliseconds of a race

export function create(app) {
  return new Walkers(app);
}

class Walkers {
  constructor(app) {
    Object.assign(this, { app, title: "Two walkers", found: null, wanted: "noise", axis: "examples", share: 1, playing: null, known: new Map() });
    this.settings = { batch_size: 10, lr: null, seed: 0, fresh: true };
    this.recorded = app.meta.can.walkers === "recorded";
    this.build();
  }

  build() {
    const { app } = this;
    this.plane = new Plane({ label: "", names: { x: "", y: "", z: "cost" }, over: (plane) => this.paths(plane) });
    const names = KINDS.map((kind, k) => ({ key: String(k), name: ["careful", "drunk"][k], kind: ["series2", "series1"][k] }));
    this.chart = new LineChart({ label: "", x: "", y: "", names, logX: true });
    this.which = select("Plane", this.planes(Object.keys(PLANES)), { value: this.wanted, onchange: (name) => this.see(name) });
    const last = app.L - 1;
    this.pair = [0, 1].map((k) => h("input", { type: "text", id: `weight-${k}`, value: `weights[${last}][${Math.min(k, app.meta.network.sizes[last] - 1)}, 0]`, spellcheck: "false", autocomplete: "off" }));
    this.pair.forEach((input) => input.addEventListener("change", () => this.see("given")));
    this.two = h("div", { class: "row", hidden: true }, this.pair.map((input, k) => h("div", { class: "field" }, h("label", { for: `weight-${k}`, text: ["Weight across", "Weight up"][k] }), input)));
    this.size = numberField("Batch size of the drunk walker", { low: 1, step: 1, value: 10, onchange: (batch_size) => this.change({ batch_size }) });
    this.rate = numberField("Learning rate (empty: chosen by fastnn)", { low: 1e-9, value: "", onchange: (lr) => this.change({ lr }) });
    this.rate.input.addEventListener("change", () => this.rate.input.value === "" && this.change({ lr: null }));
    this.seed = numberField("Seed", { low: 0, step: 1, value: 0, onchange: (seed) => this.change({ seed }) });
    this.first = select("Start", [["fresh", "at new random weights"], ["now", "at the weights of now"]], { value: "fresh", onchange: (name) => this.change({ fresh: name === "fresh" }) });
    this.go = button("Let them walk", () => this.load(true), { primary: true });
    this.busy = h("p", { class: "soft", role: "status" });
    this.lead = h("p", { class: "card hint", hidden: true });
    this.on = choice("Race by", [["examples", "examples seen"], ["seconds", "seconds"], ["steps", "steps"]], { value: this.axis, onchange: (axis) => this.race(axis) });
    this.play = button("Play", () => this.toggle(), { primary: true });
    this.at = slider("Clock", { low: 0, high: 1, step: 0.002, value: 1, format: (v) => this.clockText(v), oninput: (v) => this.goTo(v) });
    this.status = h("dl", { class: "facts-list" });
    this.words = h("div", { class: "stack soft small" });
    this.table = behind("Table: cost along both ways");
    this.element = h("div", { class: "stack" }, this.head(), this.controls(), this.busy, this.body());
    this.inside.hidden = true;
  }

  head() {
    const lead = "Both start at the same weights and roll down the same cost. The careful walker asks all examples before each step, so each step points straight downhill and takes long. The drunk walker asks a mini-batch: each step points only roughly downhill, but is quick. That is stochastic gradient descent.";
    return h("div", { class: "stack" }, h("h2", { text: "Two walkers: one careful, one drunk and quick" }), h("p", { class: "soft", text: lead }));
  }

  controls() {
    const { can } = this.app.meta;
    if (!can.walkers) return h("p", { class: "alert", text: can.why?.walkers ?? "There are no examples to walk on." });
    if (this.recorded) return h("p", { class: "soft", text: "These ways are recorded: fastnn computed them when this page was made." });
    return h("div", { class: "row" }, this.size.element, this.rate.element, this.seed.element, this.first.element, this.go);
  }

  body() {
    const data = () => this.found;
    const left = h("figure", { class: "stack tight" }, this.which.element, this.two, this.plane.element, exports(() => "walkers", () => this.plane.element, data));
    const right = h("figure", { class: "stack tight" }, h("h3", { text: "Cost of each walker" }), this.chart.element, exports(() => "walkers-cost", () => this.chart.element, data));
    const player = h("div", { class: "card stack" }, h("div", { class: "row" }, this.play, this.on.element), this.at.element, this.status);
    this.inside = h("div", { class: "stack" }, this.lead, h("div", { class: "two" }, left, h("div", { class: "stack" }, player, right)), this.words, this.table.element);
    return this.inside;
  }

  async show() {
    this.shown = true;
    const { can, data } = this.app.meta;
    if (this.found) return this.draw();
    if (!can.walkers) return null;
    const n = data.n_train ?? data.n;
    if (this.recorded || 2 * STEPS * n <= QUICK) this.load(); // takes seconds: the page is ready before
    else this.busy.textContent = `Both walks need about ${whole(2 * STEPS * n)} examples: press the button when you are ready to wait.`;
    return null;
  }

  hide() {
    this.shown = false;
    this.stop();
  }

  stateOf() {
    const { batch_size, lr, seed, fresh } = this.settings;
    return { plane: this.wanted, weights: this.wanted === "given" ? this.pair.map((input) => input.value).join(";") : null, batch: batch_size, rate: lr, seed, fresh: fresh ? null : 0, by: this.axis };
  }

  restore(state) {
    if (state.plane in PLANES) this.wanted = state.plane;
    if (["examples", "seconds", "steps"].includes(state.by)) this.axis = state.by;
    const whole_number = (text, low) => (/^\d+$/.test(text ?? "") && Number(text) >= low ? Number(text) : null);
    this.settings.batch_size = whole_number(state.batch, 1) ?? this.settings.batch_size;
    this.settings.seed = whole_number(state.seed, 0) ?? this.settings.seed;
    if (Number(state.rate) > 0) this.settings.lr = Number(state.rate);
    (state.weights ?? "").split(";").forEach((name, k) => name && k < 2 && (this.pair[k].value = name));
    if (state.fresh === "0") this.settings.fresh = false;
    this.which.set(this.wanted);
    this.two.hidden = this.wanted !== "given";
    this.on.set(this.axis);
    this.size.set(this.settings.batch_size);
    this.seed.set(this.settings.seed);
    this.rate.set(this.settings.lr ?? "");
    this.first.set(this.settings.fresh ? "fresh" : "now");
  }

  change(settings) {
    Object.assign(this.settings, settings);
    this.app.set({});
    this.busy.textContent = "The settings have changed: let them walk again.";
  }

  // A plane of two weights can be computed, but is in no record.
  planes(names) {
    const all = this.recorded || names.includes("given") ? names : [...names, "given"];
    return all.map((name) => [name, PLANES[name]]);
  }

  see(name) {
    this.wanted = name;
    this.which.set(name);
    this.two.hidden = name !== "given";
    this.app.set({});
    return this.load();
  }

  /** Ask for both ways on the wanted plane; those that are known already are not asked for again. */
  async load(anew = false) {
    const args = { plane: this.wanted, ...this.settings, ...(this.wanted === "given" ? { weights: this.pair.map((input) => input.value) } : {}) };
    const key = JSON.stringify(args);
    if (anew) this.known.clear();
    this.go.disabled = true;
    this.busy.textContent = this.known.has(key) ? "" : "Both are walking; every step is kept …";
    const found = this.known.get(key) ?? (await this.app.call("walkers", args));
    this.go.disabled = false;
    this.busy.textContent = "";
    if (!found) return;
    this.known.set(key, found);
    this.take(found);
  }

  take(found) {
    this.found = found;
    this.inside.hidden = false;
    this.which.options(this.planes(found.planes), found.plane ?? this.wanted);
    const { x, y, cost } = found.surface;
    [this.plane.names.x, this.plane.names.y] = AXES[found.plane ?? this.wanted] ?? this.pair.map((input) => `${input.value}, less its mean`);
    this.plane.set({ x, y, z: cost }, `Contours of the cost on ${PLANES[found.plane ?? this.wanted]}, with the ways of both walkers. ${found.words.join(" ")}`);
    fill(this.words, found.words.filter(Boolean).map((text) => h("p", { text })));
    this.leadOn();
    this.race(this.axis);
    if (!this.app.settings.reducedMotion) this.run();
  }

  // Where the drunk walker goes as straight as the careful one, the staggering is in another plane.
  leadOn() {
    const [careful, drunk] = this.found.paths.map(({ points }) => straightness(points));
    const staggers = drunk > 3 * careful;
    const lead = !staggers && this.wanted !== "noise" && this.found.planes.includes("noise");
    this.lead.hidden = !lead;
    if (lead) fill(this.lead, h("span", { text: `On this plane both go nearly the same way: the drunk walker's way is ${number(drunk)} times as long as its straight line, the careful one's ${number(careful)} times. The staggering is across it. ` }), button("Show the plane where he staggers", () => this.see("noise")));
  }

  race(axis) {
    this.axis = axis;
    const { paths } = this.found;
    const values = paths.map((path) => path[axis] ?? Int32Array.from({ length: path.points.length / 2 }, (_, k) => k));
    this.ways = paths.map((path, k) => ({ ...path, clock: values[k], n: path.points.length / 2 - 1, costed: path.costed ?? Array.from(path.cost.keys()) }));
    this.last = Math.max(...values.map((list) => list[list.length - 1]));
    this.least = Math.min(...values.map((list) => list[1] ?? 1));
    this.chart.x = { examples: "examples seen", seconds: "seconds of training", steps: "steps" }[axis];
    this.app.set({});
    this.goTo(this.share);
    const points = this.ways.map(({ clock, cost, costed }) => ({ x: Array.from(costed, (k) => clock[k]), y: cost }));
    this.chart.set({ 0: points[0], 1: points[1] }, `Cost of both walkers by ${this.chart.x}`);
    this.table.update(["walker", "step", "examples", "seconds", "cost"], this.ways.flatMap((way) => Array.from(way.costed, (k, i) => [way.name, k, way.examples[k], way.seconds[k], way.cost[i]])));
  }

  // Steps are counted evenly; examples and seconds, of which the careful walker needs so many more, by powers.
  clock(share) {
    if (this.axis === "steps") return share * this.last;
    return share === 0 ? 0 : this.least * (this.last / this.least) ** share * (1 + 1e-12);
  }

  clockText(share) {
    if (!this.found) return "";
    const value = this.clock(share);
    return this.axis === "seconds" ? `${number(value)} s` : plural(Math.floor(value), this.axis.slice(0, -1));
  }

  toggle() {
    if (this.playing) this.stop();
    else this.run(this.share < 1 ? this.share : 0);
  }

  run(from = 0) {
    this.stop();
    const began = performance.now() - from * LENGTH;
    const tick = (now) => {
      this.goTo(Math.min(1, Math.max(0, (now - began) / LENGTH)));
      if (this.share < 1) this.playing = requestAnimationFrame(tick);
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

  goTo(share) {
    this.share = share;
    this.at.set(share);
    const now = this.clock(share);
    for (const way of this.ways) way.at = lastUpTo(way.clock, now);
    this.draw();
  }

  draw() {
    if (!this.found || !this.shown) return;
    this.plane.draw();
    this.chart.mark(Object.fromEntries(this.ways.map((way, k) => [k, lastUpTo(way.costed, way.at)])));
    fill(this.status, this.ways.map((way, k) => h("div", {}, h("dt", {}, h("span", { class: `swatch ${KINDS[k]}`, "aria-hidden": "true" }), ["careful", "drunk"][k]), h("dd", { text: this.where(way) }))));
  }

  where(way) {
    const cost = way.cost[lastUpTo(way.costed, way.at)];
    const end = way.at === way.n ? " (arrived)" : "";
    return `${plural(way.at, "step")}, ${plural(way.examples[way.at], "example")}, ${number(way.seconds[way.at])} s, cost ${number(cost)}${end}`;
  }

  paths(plane) {
    const [sx, sy] = [plane.px(this.ways[0].points[0]), plane.py(this.ways[0].points[1])];
    const ends = this.ways.map((way, k) => s("circle", { class: `walker ${KINDS[k]}`, cx: plane.px(way.points[2 * way.at]), cy: plane.py(way.points[2 * way.at + 1]), r: 7 }));
    return [this.ways.map((way, k) => s("g", { class: k ? "thin" : "thick" }, track(plane, way.points, KINDS[k], way.at + 1))), s("circle", { class: "start", cx: sx, cy: sy, r: 6 }), ends];
  }
}

/** Return the position of the last value of a rising list that is not above a limit. */
function lastUpTo(list, limit) {
  let [low, high] = [0, list.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle] <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

// The length of a drawn way over the distance from its start to its end.
function straightness(points) {
  let length = 0;
  for (let k = 2; k < points.length; k += 2) length += Math.hypot(points[k] - points[k - 2], points[k + 1] - points[k - 1]);
  const n = points.length;
  return length / (Math.hypot(points[n - 2] - points[0], points[n - 1] - points[1]) || 1);
}
