// tab-batch.mjs: the shuffled deck, cut into mini-batches; what each example of a batch wants; a step along the average

import { h, fill } from "fastnn/dom.mjs";
import { angle, costs } from "fastnn/arrows.mjs";
import { button, numberField, slider } from "fastnn/controls.mjs";
import { Deck } from "fastnn/deck.mjs";
import { exports } from "fastnn/export.mjs";
import { number, plural, whole } from "fastnn/format.mjs";
import { largest, paintInput } from "fastnn/image.mjs";
import { rateControl } from "fastnn/rate.mjs";
import { behind } from "fastnn/table.mjs";

const [COLUMNS, ROWS] = [10, 8]; // examples and batches of the grid
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

export function create(app) {
  return new Batch(app);
}

class Batch {
  constructor(app) {
    const { optimizer } = app.meta;
    Object.assign(this, { app, title: "Batch", seed: 0, size: optimizer.batch_size, lr: optimizer.lr ?? 0.1, chosen: 0, k: 8, deal: null, found: null, version: null, examples: new Map() });
    this.able = Boolean(app.meta.data && app.meta.can.train !== false);
    this.build();
  }

  build() {
    this.deck = new Deck((batch) => this.choose(batch));
    this.deck.ondrawn = () => this.caption();
    this.sizeField = numberField("Batch size", { low: 1, step: 1, value: this.size, onchange: (size) => this.cut(size) });
    this.place = numberField("Batch", { low: 1, step: 1, value: 1, onchange: (k) => this.choose(k - 1) });
    this.deckNote = h("p", { class: "soft small" });
    this.grid = h("div", { class: "batches" });
    this.k_ = slider("Parameters shown", { low: 3, high: 12, step: 1, value: this.k, format: String, oninput: (k) => this.few(k) });
    this.table = h("div", { class: "scroll wishes", tabindex: "0", role: "region", "aria-label": "What each example of the batch wants" });
    this.unit = h("p", { class: "soft small" });
    this.angle = angle();
    this.words = h("p", {});
    this.costs = costs();
    this.result = h("p", { role: "status" });
    this.told = behind("Table: costs before and after the step");
    this.rate = rateControl(this.lr, (lr) => this.reprice(lr));
    this.step = button("Take the step", () => this.take(), { primary: true });
    const why = this.able ? null : h("p", { class: "alert", text: this.app.meta.can.why?.train ?? "There are no examples to make batches of." });
    this.inside = h("div", { class: "stack wide-gap", hidden: !this.able }, this.cards(), this.wishes(), this.walk());
    this.element = h("div", { class: "stack" }, this.head(), why, this.inside);
  }

  head() {
    const lead = "−∇C is the average of what all examples want: exact, and slow to compute. So the examples are shuffled like a deck of cards and cut into mini-batches; each step follows the average of one mini-batch alone, and takes a fraction of the time.";
    return h("div", { class: "stack" }, h("h2", { text: "A mini-batch: a few examples speak for all" }), h("p", { class: "soft", text: lead }));
  }

  cards() {
    const shuffle = button("Shuffle", () => this.shuffle(), { primary: true });
    const back = button("Previous", () => this.choose(this.chosen - 1), { label: "Previous batch" });
    const next = button("Next batch", () => this.choose(this.chosen + 1));
    const controls = h("div", { class: "row" }, shuffle, this.sizeField.element, this.place.element, back, next);
    return h("section", { class: "stack" }, h("h3", { text: "1. Shuffle the deck and cut it" }), controls, this.deck.element, this.deckNote, this.grid);
  }

  wishes() {
    const table = h("div", { class: "stack tight" }, this.k_.element, this.table, this.unit);
    return h("section", { class: "stack" }, h("h3", { text: "2. What each example of the batch wants, and the average" }), table);
  }

  walk() {
    const text = "Each parameter changes by the learning rate times the average. The slope promises how far the cost falls, and the cost afterwards shows whether the promise holds. The longer the step, the less the slope tells about its end.";
    const direction = h("figure", { class: "stack tight" }, h("h3", { text: "3. Its direction beside that of all examples" }), this.angle.element, this.words, exports(() => "batch-angle", () => this.angle.element, () => this.found));
    const left = h("div", { class: "stack" }, h("h3", { text: "4. Take the step" }), h("p", { class: "soft", text }), this.rate.element, h("div", { class: "row" }, this.step), this.result);
    const right = h("figure", { class: "stack tight" }, this.costs.element, exports(() => "batch-step", () => this.costs.element, () => this.taken ?? {}), this.told.element);
    return h("section", { class: "two" }, direction, h("div", { class: "stack" }, left, right));
  }

  async show() {
    this.shown = true;
    if (!this.able) return;
    if (!this.deal) await this.shuffle(this.seed, false);
    else if (this.version !== this.app.frame?.params_version) await this.load();
    this.redraw();
  }

  hide() {
    this.shown = false;
  }

  // A step here, or a training elsewhere, has changed what the examples want.
  async frame(frame) {
    if (!this.able || !this.deal || this.taking || frame.running) return;
    if (this.version !== frame.params_version) await this.load();
  }

  stateOf() {
    return { seed: this.seed, batch: this.chosen + 1, size: this.size, lr: this.lr };
  }

  restore(state) {
    const count = (text, low) => (/^\d+$/.test(text ?? "") && Number(text) >= low ? Number(text) : null);
    this.seed = count(state.seed, 0) ?? this.seed;
    this.size = count(state.size, 1) ?? this.size;
    this.wanted = (count(state.batch, 1) ?? 1) - 1;
    if (Number(state.lr) > 0) this.lr = Number(state.lr);
    this.sizeField.set(this.size);
    this.rate.set(this.lr);
    this.deal = null;
  }

  async shuffle(seed = this.seed + 1, animated = !this.app.settings.reducedMotion) {
    const deal = await this.app.call("deck", { seed, batch_size: this.size });
    if (!deal) return;
    Object.assign(this, { deal, seed });
    this.deck.deal(deal.order, this.size, animated);
    this.place.input.max = deal.batches;
    this.app.say(`${plural(deal.n, "example")}, shuffled and cut into ${plural(deal.batches, "batch").replace("batchs", "batches")} of ${this.size}.`);
    const first = Math.min(this.wanted ?? 0, deal.batches - 1);
    this.wanted = 0;
    await this.choose(first);
  }

  cut(size) {
    this.size = size;
    return this.shuffle(this.seed);
  }

  async choose(batch) {
    if (!this.deal || batch < 0 || batch >= this.deal.batches) return;
    this.chosen = batch;
    this.place.set(batch + 1);
    this.deck.choose(batch);
    this.clearStep();
    this.app.set({});
    await Promise.all([this.load(), this.lay()]);
  }

  rows(batch = this.chosen) {
    return this.deal.order.slice(batch * this.size, (batch + 1) * this.size);
  }

  async load() {
    const rows = this.rows();
    this.version = this.app.frame?.params_version ?? null;
    const found = await this.app.call("batch", { rows, columns: COLUMNS, lr: this.lr });
    if (!found) return;
    this.found = found;
    this.redraw();
  }

  reprice(lr) {
    this.lr = lr;
    this.clearStep();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.deal && this.load(), 150);
    this.app.set({});
  }

  few(k) {
    this.k = k;
    this.redraw();
  }

  redraw() {
    if (!this.found || !this.shown) return;
    this.fillTable();
    this.angle.update(this.found.degrees, this.found.cosine, this.rows().length, this.deal.n);
    this.words.textContent = this.found.words[0];
    if (!this.taken) this.costs.update(this.before(), null);
  }

  caption() {
    const { deal, deck, size } = this;
    if (!deal) return;
    const more = deck.shown < deal.n ? ` The first ${whole(deck.shown)} are shown.` : "";
    const used = deck.used.size ? ` Batches that have been used are dim: ${whole(deck.used.size)} so far.` : "";
    const last = deal.n % size ? `, the last of ${deal.n % size}` : "";
    this.deckNote.textContent = `Each tile is one of ${whole(deal.n)} examples, coloured by its place in the data before the shuffle; ${whole(deal.batches)} batches of ${size}${last} make one epoch. The chosen batch is yellow: click another.${more}${used}`;
  }

  // Some batches around the chosen one, a row each.
  async lay() {
    const first = Math.min(Math.max(0, this.chosen - 1), Math.max(0, this.deal.batches - ROWS));
    const shown = Array.from({ length: Math.min(ROWS, this.deal.batches) }, (_, k) => first + k);
    const lines = await Promise.all(shown.map((batch) => this.line(batch)));
    if (shown.includes(this.chosen)) fill(this.grid, lines);
  }

  async line(batch) {
    const rows = this.rows(batch);
    const cards = await Promise.all(Array.from(rows.slice(0, COLUMNS), (row) => this.card(row)));
    const more = rows.length > COLUMNS ? h("span", { class: "soft small", text: `+ ${rows.length - COLUMNS}` }) : null;
    const chosen = batch === this.chosen;
    return h("button", { type: "button", class: "batch", "aria-pressed": String(chosen), "aria-label": `Batch ${batch + 1}`, onclick: () => this.choose(batch) }, h("span", { class: "soft small", text: whole(batch + 1) }), cards, more);
  }

  async card(row) {
    if (!this.examples.has(row)) this.examples.set(row, await this.app.source.call("example", { index: row }));
    const example = this.examples.get(row);
    if (!this.app.meta.inputs.image) return h("span", { class: "card-text", text: short(example.target) });
    return paintInput(h("canvas", { class: "pixels" }), example.x, this.app.meta, this.grid);
  }

  fillTable() {
    const { labels, parameters, wishes, average, full, unit, rows } = this.found;
    const k = Math.min(this.k, parameters.length);
    const m = labels.length;
    const one = 10 ** unit;
    const most = largest(wishes) || 1;
    const cell = (value, kind = "") => h("td", { class: `wish ${kind}`, style: { background: tint(value / most) }, text: inUnit(value / one, kind ? decimals(average, one) : 2) });
    const body = parameters.slice(0, k).map((parameter, p) => h("tr", {}, h("th", { scope: "row", text: parameter.name }), Array.from({ length: m }, (_, e) => cell(wishes[e * parameters.length + p])), cell(average[p], "average"), cell(full[p], "full")));
    const heads = labels.map((label, e) => h("th", { scope: "col" }, this.thumb(e), h("span", { text: label })));
    const more = rows.length > m ? ` … ${rows.length}` : "";
    const ends = [h("th", { scope: "col", text: `average of the ${rows.length}` }), h("th", { scope: "col", text: `average of all ${whole(this.deal.n)}` })];
    fill(this.table, h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), heads, ends)), h("tbody", {}, body)));
    this.unit.textContent = `All numbers ${unit ? `in units of 10${superscript(unit)}` : "in units of 1"}: −∂C/∂θ, what lowers the cost of an example (a column), and the averages. The ${k} parameters with the largest averages of ${whole(this.app.meta.network.n_params)}${more ? `; the first ${m} of ${rows.length} examples, the average of all of them` : ""}.`;
  }

  thumb(e) {
    const { images } = this.found;
    if (!images || !this.app.meta.inputs.image) return null;
    const n = this.app.meta.network.sizes[0];
    return paintInput(h("canvas", { class: "pixels" }), images.subarray(e * n, (e + 1) * n), this.app.meta, this.table);
  }

  before() {
    const { cost, full_cost, promised, full_promised } = this.found;
    return { cost_before: cost, full_before: full_cost, promised, full_promised };
  }

  async take() {
    this.taking = true;
    const taken = await this.app.call("step", { rows: this.rows(), lr: this.lr });
    this.taking = false;
    if (!taken) return;
    this.taken = taken;
    this.deck.use(this.chosen);
    this.costs.update(taken, taken);
    const { cost_before, promised, cost_after, full_before, full_promised, full_after } = taken;
    this.told.update(["cost of", "before", "promised", "after"], [["this batch", cost_before, cost_before + promised, cost_after], [`all ${whole(this.deal.n)} examples`, full_before, full_before + full_promised, full_after]]);
    this.result.textContent = `${moved("The cost of this batch", cost_before, cost_after)}; the slope promised ${number(cost_before + promised)}. ${moved(`The cost of all ${whole(this.deal.n)} examples`, full_before, full_after)}; the slope promised ${number(full_before + full_promised)}.`;
    await this.load();
  }

  clearStep() {
    this.taken = null;
    this.result.textContent = "";
    this.told.update(["cost of", "before", "promised", "after"], []);
  }
}

function moved(what, before, after) {
  const way = after < before ? "fell" : after > before ? "rose" : "stayed";
  return way === "stayed" ? `${what} stayed at ${number(after)}` : `${what} ${way} from ${number(before)} to ${number(after)}`;
}

const short = (target) => (typeof target === "number" ? number(target) : String(target));
const superscript = (n) => String(n).replace("-", "⁻").replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);
const tint = (share) => `color-mix(in srgb, var(${share > 0 ? "--up" : "--down"}) ${Math.round(42 * Math.min(1, Math.abs(share)))}%, transparent)`;

// If the wishes nearly cancel, their average is much smaller: it then has more decimals.
function decimals(average, one) {
  const size = largest(average) / one;
  return 2 + Math.min(Math.max(size > 0 ? -Math.floor(Math.log10(size)) : 0, 0), 4);
}

function inUnit(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : `${value > 0 ? "+" : "−"}${text}`;
}
