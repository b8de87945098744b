// inputs.mjs: how the user gives the network an input: a pad, sliders or a place on a plane.

import { button, numberField, slider, toggle } from "fastnn/controls.mjs";
import { conform } from "fastnn/conform.mjs";
import { h, onceAFrame } from "fastnn/dom.mjs";
import { number, whole } from "fastnn/format.mjs";
import { paintInput, pictureOf, shareOf } from "fastnn/image.mjs";
import { Pad } from "fastnn/pad.mjs";
import { PlanePad } from "fastnn/plane.mjs";

const MOST_SLIDERS = 60;

/** Return {element, show(current)} for the network's inputs. */
export function inputFor(app) {
  const { inputs, network } = app.meta;
  if (inputs.image && (inputs.image[2] ?? 1) === 1) return new ImageInput(app);
  if (inputs.image) return { element: h("p", { class: "soft small", text: "Colour images are chosen from the examples." }), show() {} };
  return network.sizes[0] === 2 ? new PlaneInput(app) : new TableInput(app);
}

class ImageInput {
  constructor(app) {
    this.app = app;
    const { image, form } = app.meta.inputs;
    this.form = form ?? { shape: image.slice(0, 2), background: 0, box: null };
    this.bright = (this.form.background ?? 0) >= 128;
    const read = onceAFrame(() => this.read());
    this.pad = new Pad(image, { onink: read, bright: this.bright });
    this.seen = pictureOf("The image that the network sees");
    this.note = h("p", { class: "soft small" });
    const size = `${image[0]} × ${image[1]}`;
    const caption = h("p", { class: "small", text: `What the network sees: ${size} pixels` });
    this.element = h("div", { class: "stack" }, this.pad.element, h("div", { class: "row seen" }, this.seen, h("div", { class: "stack tight" }, caption, this.note, h("div", {}, this.pad.clearButton()))));
  }

  read() {
    const { low, high } = this.app.meta.inputs;
    const image = conform(this.pad.ink(), this.form);
    const ink = image ?? new Float64Array(this.form.shape[0] * this.form.shape[1]);
    const levels = Float64Array.from(ink, (share) => Math.round(255 * (this.bright ? 1 - share : share)));
    this.drawn = Float64Array.from(levels, (level) => low + ((high - low) * level) / 255);
    this.app.setInput(this.drawn, this.app.current?.index === null ? this.app.current.target : null);
  }

  show(current) {
    paintInput(this.seen, current.x, this.app.meta, this.seen);
    const own = current.index === null;
    if (!own) {
      const share = shareOf(this.app.meta.inputs);
      this.pad.show(Array.from(current.x, (value) => (this.bright ? 1 - share(value) : share(value))), this.form.shape);
    }
    this.note.textContent = this.words(own);
  }

  words(own) {
    if (!own) return "An example, as it is. Draw over it to try one of your own.";
    const { box, centred_by: way } = this.form;
    if (box === null) return "Your drawing, scaled to this size.";
    return `Your drawing: its ink is cut out, scaled to ${box} pixels and centred by its ${way === "mass" ? "centre of mass" : "box"}, as the training images are.`;
  }
}

/** Sliders by the names of the columns, from the least to the greatest value; columns of 0 and 1 as switches. */
class TableInput {
  constructor(app) {
    this.app = app;
    const { sizes } = app.meta.network;
    this.ask = onceAFrame(() => app.setInput(Float64Array.from(this.x), app.current?.target ?? null));
    this.controls = Array.from({ length: Math.min(sizes[0], MOST_SLIDERS) }, (_, i) => this.control(i));
    const rest = sizes[0] - this.controls.length;
    this.element = h("div", { class: "stack sliders", role: "group", "aria-label": "Inputs" }, this.controls.map((c) => c.element), rest > 0 && h("p", { class: "soft small", text: `${whole(rest)} more inputs keep the values of the example.` }));
  }

  control(i) {
    const { low, high, typical } = this.app.meta.inputs;
    const name = this.app.neuron(0, i);
    const set = (value) => {
      this.x[i] = value;
      this.ask();
    };
    if (low[i] === 0 && high[i] === 1 && (typical[i] === 0 || typical[i] === 1)) return toggle(name, { onchange: (on) => set(on ? 1 : 0) });
    const spread = high[i] - low[i] || 1;
    return slider(name, { low: low[i], high: high[i], step: "any", value: typical[i], oninput: set, format: (v) => number(Number(v.toPrecision(spread < 1 ? 3 : 4))) });
  }

  show(current) {
    this.x = Array.from(current.x);
    this.controls.forEach((control, i) => control.set(control.input.type === "checkbox" ? this.x[i] === 1 : this.x[i]));
  }
}

class PlaneInput {
  constructor(app) {
    this.sliders = new TableInput(app);
    this.plane = new PlanePad(app);
    this.element = h("div", { class: "stack" }, this.plane.element, this.sliders.element);
  }

  show(current) {
    this.sliders.show(current);
    this.plane.show(current);
  }
}

/** Return the buttons that choose an example: previous, next, next mistake, a number. */
export function exampleChooser(app) {
  if (!app.meta.data) return { element: h("p", { class: "soft small", text: "There are no examples: open a file of data to see some." }), show() {} };
  const { n, n_train } = app.meta.data;
  const from = () => app.current?.index ?? app.lastIndex ?? 0;
  const go = (index) => {
    app.lastIndex = (index + n) % n;
    return app.choose(app.lastIndex);
  };
  const mistakes = async () => {
    const found = await app.call("next_mistake", { after: from() });
    if (found && found.index === null) app.say("There is no mistake among these examples.");
    else if (found) await go(found.index);
  };
  const field = numberField("Example", { low: 0, high: n - 1, step: 1, value: 0, onchange: go });
  const name = app.meta.task === "classes" ? "Next mistake" : "Next costly one";
  const note = h("span", { class: "soft small" });
  const element = h("div", { class: "row chooser", role: "group", "aria-label": "Examples" }, button("‹", () => go(from() - 1), { label: "Previous example" }), field.element, button("›", () => go(from() + 1), { label: "Next example" }), button(name, mistakes), note);
  return {
    element,
    show(current) {
      if (current.index !== null) field.set(current.index);
      const set = n_train === undefined || n_train === n ? "" : current.index < n_train ? ", for training" : ", for the test";
      note.textContent = current.index === null ? "This input is your own." : `of 0 to ${whole(n - 1)}${set}`;
    },
  };
}
