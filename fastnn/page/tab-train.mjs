// tab-train.mjs: the training of the network: play, pause, single steps, its scores and its weights

import { h, fill } from "fastnn/dom.mjs";
import { LineChart } from "fastnn/chart.mjs";
import { button, numberField, select } from "fastnn/controls.mjs";
import { download, exports } from "fastnn/export.mjs";
import { number, percent, whole } from "fastnn/format.mjs";
import { SCORES } from "fastnn/history.mjs";
import { mapsView } from "fastnn/maps.mjs";
import { rateControl } from "fastnn/rate.mjs";
import { behind } from "fastnn/table.mjs";
import { weightsView } from "fastnn/weights.mjs";

const PAUSE = 250; // milliseconds between two pictures of the weights while a training runs
const SPEEDS = [["full", "as fast as it can"], ["100", "100 steps a second"], ["20", "20 steps a second"], ["5", "5 steps a second"], ["1", "1 step a second"]];

export function create(app) {
  return new Train(app);
}

class Train {
  constructor(app) {
    Object.assign(this, { app, title: "Train", drawn: 0, shown: false, epoch: null });
    const { optimizer, can } = app.meta;
    this.able = Boolean(can.train);
    this.lr = optimizer.lr;
    this.play = button("Play", () => this.toggle(), { primary: true });
    this.step = button("One step", () => this.advance({ steps: 1 }));
    this.once = button("One epoch", () => this.advance({ epochs: 1 }));
    this.back = button("Rewind", () => this.rewind());
    this.keep = button("Save the network", () => this.save());
    this.speed = select("Speed", SPEEDS, { value: "full", onchange: (speed) => this.set({ speed: speed === "full" ? speed : Number(speed) }) });
    this.size = numberField("Batch size", { low: 1, step: 1, value: optimizer.batch_size, onchange: (batch_size) => this.set({ batch_size }) });
    this.rate = optimizer.lr > 0 ? rateControl(optimizer.lr, (lr) => this.set({ lr })) : null;
    this.facts = h("dl", { class: "facts-list across" });
    this.message = h("p", { class: "alert", role: "status", hidden: true });
    this.build();
  }

  build() {
    const { app } = this;
    const why = this.able ? null : h("p", { class: "alert", text: app.meta.can.why?.train ?? "This page cannot train." });
    for (const each of [this.play, this.step, this.once]) each.disabled = !this.able;
    this.back.disabled = !app.meta.can.rewind;
    this.keep.disabled = !app.meta.can.save;
    const lines = [{ name: "training", kind: "series1" }, { name: "validation", kind: "series2" }];
    const named = (keys) => keys.map((key, k) => ({ key, ...lines[k] }));
    this.loss = new LineChart({ label: "Cost by epoch", x: "epochs", y: "", names: named(["loss", "val_loss"]) });
    this.accuracy = new LineChart({ label: "Accuracy by epoch", x: "epochs", y: "", names: named(["accuracy", "val_accuracy"]), low: 0, high: 1 });
    this.table = behind("Table: the scores of each epoch");
    this.view = app.meta.network.sizes[0] === 2 && app.meta.data ? mapsView(app) : weightsView(app);
    this.second = this.chart("Share of right answers", this.accuracy, "accuracy");
    this.second.hidden = app.meta.task !== "classes";
    const what = app.meta.network.sizes[0] === 2 && app.meta.data ? "What each neuron makes of the plane" : "What the first layer looks for";
    this.element = h("div", { class: "stack" }, this.head(), why, this.message,
      this.controls(), h("div", { class: "two" }, h("div", { class: "stack" }, this.chart("Cost", this.loss, "cost"), this.second, this.table.element), h("div", { class: "stack" }, h("h3", { text: what }), this.view.element)));
  }

  head() {
    const lead = "Each step asks a mini-batch of examples, averages what they want, and changes every weight and bias by the learning rate times that. An epoch is one pass over all training examples. You can change the learning rate and the batch size while it runs; the tab Draw answers with the network as it is at that moment.";
    return h("div", { class: "stack" }, h("h2", { text: "Train: the same small steps, many times over" }), h("p", { class: "soft", text: lead }));
  }

  controls() {
    const buttons = h("div", { class: "row" }, this.play, this.step, this.once, this.back, this.keep);
    const knobs = h("div", { class: "two" }, h("div", { class: "row" }, this.speed.element, this.size.element), this.rate?.element ?? null);
    return h("div", { class: "card stack" }, buttons, knobs, this.facts);
  }

  chart(title, chart, name) {
    return h("figure", { class: "stack tight" }, h("h3", { text: title }), chart.element, exports(() => name, () => chart.element, () => this.data()));
  }

  async show() {
    this.shown = true;
    if (this.app.frame) await this.frame(this.app.frame);
    await this.picture();
  }

  hide() {
    this.shown = false;
  }

  stateOf() {
    return {};
  }

  restore() {}

  async frame(frame) {
    this.tell(frame);
    const { history } = this.app;
    const lines = Object.fromEntries(SCORES.map((name) => [name, history.points(name)]));
    this.loss.set(lines, this.sentence("Cost", frame.loss, frame.val_loss, number));
    this.accuracy.set(lines, this.sentence("Share of right answers", frame.accuracy, frame.val_accuracy, percent));
    this.list(history);
    if (!frame.running || performance.now() - this.drawn > PAUSE) await this.picture();
  }

  sentence(name, training, validation, format) {
    const known = [["training", training], ["validation", validation]].filter(([, value]) => value !== null && value !== undefined);
    return `${name} by epoch. Now ${known.map(([where, value]) => `${format(value)} in ${where}`).join(", ")}.`;
  }

  async picture() {
    if (!this.shown) return;
    if (this.view.element.closest("[hidden]")) return;
    if (this.app.meta.network.sizes[0] === 2 && this.app.meta.data) await this.view.update();
    else this.view.update(await this.app.source.call("layer", { layer: 1 }));
    this.drawn = performance.now();
  }

  tell(frame) {
    const running = frame.running;
    this.play.textContent = running ? "Pause" : "Play";
    this.running = running;
    const facts = [["epochs", whole(frame.epoch)], ["steps", whole(frame.step)], ["examples", whole(frame.examples)], ["seconds", number(Number(frame.seconds.toFixed(2)))], ["examples a second", frame.rate ? whole(Number(frame.rate.toPrecision(3))) : "–"], ["cost", number(frame.loss)]];
    if (frame.accuracy !== null && frame.accuracy !== undefined) facts.push(["right", percent(frame.accuracy)]);
    if (frame.val_accuracy !== null && frame.val_accuracy !== undefined) facts.push(["right in validation", percent(frame.val_accuracy)]);
    fill(this.facts, facts.map(([name, text]) => h("div", {}, h("dt", { text: name }), h("dd", { text }))));
    this.message.hidden = !frame.message;
    this.message.textContent = frame.message ?? "";
    if (this.epoch !== null && frame.epoch !== this.epoch && !running) this.app.say(`Epoch ${whole(frame.epoch)}. ${this.loss.element.getAttribute("aria-label")}`);
    this.epoch = frame.epoch;
  }

  list(history) {
    const columns = ["epoch", "cost", "right", "cost in validation", "right in validation"];
    const rows = (history.epochs.loss ?? []).map((_, k) => [String(k + 1), ...SCORES.map((name) => history.epochs[name]?.[k] ?? null)]);
    this.table.update(columns, rows);
  }

  toggle() {
    return this.app.call("train", { play: !this.running });
  }

  set(settings) {
    return this.able && this.app.call("train", settings);
  }

  advance(by) {
    return this.app.call("advance", by);
  }

  async rewind() {
    if (await this.app.call("rewind")) this.app.say("The network is as it was at the start; the same training gives the same history.");
  }

  async save() {
    const file = await this.app.call("save");
    if (file) download(file.name, file.bytes, "application/octet-stream");
  }

  data() {
    return { history: this.app.history.epochs, now: Object.fromEntries(SCORES.map((name) => [name, this.app.frame?.[name] ?? null])) };
  }
}
