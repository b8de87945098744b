// asking.mjs: one neuron that asks: the neurons before it, its weights, its bias, and which of them it wants changed.

import { css, sign } from "fastnn/colours.mjs";
import { s } from "fastnn/dom.mjs";
import { circled, signed } from "fastnn/format.mjs";
import { arrow, lamp } from "fastnn/network.mjs";

const ROW = 32;

/**
 * Draw one neuron and those before it.
 *
 * spec: {width, label, place, formulas, sources: [i], a (of the layer before), functions: [before, own],
 *   own: {value, name, target (text | null)}, bias: {value, wish} ,
 *   part: "bias" | "weights" | "activations", w(i), wish(i): of the weight or the activation,
 *   bright (Set of sources), nameOf(i, narrow), formula(i), biasFormula, ownFormula }
 */
export function drawAsking(spec) {
  const { width, sources } = spec;
  const narrow = width < 520;
  const names = narrow ? 44 : Math.min(Math.max(...sources.map((i) => spec.nameOf(i).length)) * 7.6 + 10, width * 0.3);
  const numbers = narrow ? 62 : 84;
  const x0 = names + numbers + 30;
  const x1 = width - (narrow ? 48 : Math.max(spec.own.name.length * 8.2 + 50, 130));
  const height = 30 + ROW * (sources.length + 1) + 26;
  const middle = 30 + (ROW * sources.length) / 2;
  const plan = { x0, x1, middle, narrow, names, numbers, biasY: height - 30 };
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": spec.label });
  if (spec.note) svg.append(s("text", { x: 0, y: 14, class: "tiny soft", text: spec.note }));
  const heading = { bias: "", weights: "−∂C/∂w", activations: "−∂C/∂a" }[spec.part];
  svg.append(s("text", { x: x0, y: 14, class: "middle tiny soft", text: "a" }), s("text", { x: x0 - 28, y: 14, class: "end tiny soft", text: heading }));
  svg.append(...edges(spec, plan), ...biasPart(spec, plan));
  const colour = lamp(spec.place, spec.functions[0], Array.from(spec.a));
  sources.forEach((i, k) => svg.append(source(spec, plan, i, 30 + ROW * (k + 0.5), colour)));
  svg.append(ownNeuron(spec, plan));
  return svg;
}

function edges(spec, plan) {
  const { sources, part } = spec;
  const quantity = (i) => (part === "weights" ? spec.wish(i) : spec.w(i));
  const most = Math.max(...sources.map((i) => Math.abs(quantity(i)))) || 1;
  return sources.map((i, k) => {
    const size = Math.abs(quantity(i)) / most;
    const opacity = part === "bias" ? 0.12 : 0.15 + 0.85 * size;
    return s("line", { x1: plan.x0, y1: 30 + ROW * (k + 0.5), x2: plan.x1, y2: plan.middle, class: `stroke-${sign(quantity(i))}`, "stroke-width": (0.6 + 5 * size).toFixed(2), "stroke-opacity": opacity.toFixed(2) });
  });
}

function source(spec, plan, i, y, colour) {
  const { x0, narrow } = plan;
  const rgb = colour(spec.a[i]);
  const light = rgb[0] * 0.3 + rgb[1] * 0.59 + rgb[2] * 0.11 > 120;
  const bright = spec.part === "weights" && spec.bright.has(i);
  const group = s("g", { class: `neuron ${bright ? "chosen" : ""} ${spec.part === "bias" ? "faded" : ""}`, tabindex: "0", role: "img", "data-key": `source-${i}` });
  group.append(s("circle", { cx: x0, cy: y, r: 14, fill: css(rgb) }), s("text", { x: x0, y: y + 4, class: `middle in-neuron ${light ? "on-light" : "on-dark"}`, text: circled(spec.a[i]) }));
  group.append(s("text", { x: 0, y: y + 5, class: bright ? "bold" : null, text: spec.nameOf(i, narrow) }));
  if (spec.part !== "bias") group.append(...wish(spec, plan, i, y));
  const formula = spec.formula(i);
  group.setAttribute("aria-label", formula);
  return spec.formulas.on(group, formula);
}

function wish(spec, plan, i, y) {
  const value = spec.wish(i);
  const most = Math.max(...spec.sources.map((k) => Math.abs(spec.wish(k))));
  const text = s("text", { x: plan.x0 - (spec.part === "activations" ? 36 : 24), y: y + 5, class: `end fill-${sign(value)}`, text: signed(Number(value.toPrecision(plan.narrow ? 2 : 4))) });
  return spec.part === "activations" ? [text, ...arrow(plan.x0 - 25, y, value, most, ROW)] : [text];
}

function biasPart(spec, plan) {
  const { x0, x1, middle, biasY } = plan;
  const on = spec.part === "bias";
  const { value, wish: asks } = spec.bias;
  const line = s("line", { x1: x0, y1: biasY, x2: x1, y2: middle, class: on ? `stroke-${sign(asks)}` : "stroke-none", "stroke-width": on ? 5 : 1 });
  const group = s("g", { class: `neuron ${on ? "chosen" : "faded"}`, tabindex: "0", role: "img", "data-key": "bias", "aria-label": spec.biasFormula });
  group.append(s("circle", { cx: x0, cy: biasY, r: 14, fill: "none" }), s("text", { x: x0, y: biasY + 5, class: "middle", text: "b" }));
  group.append(s("text", { x: 0, y: biasY + 5, text: plan.narrow ? `b = ${signed(Number(value.toPrecision(2))).replace("+", "")}` : `bias b = ${signed(Number(value.toPrecision(4))).replace("+", "")}` }));
  if (on) group.append(...arrow(x0 - 26, biasY, asks, Math.abs(asks), ROW), s("text", { x: x0 + 22, y: biasY + 5, class: `fill-${sign(asks)} bold`, text: `−∂C/∂b = ${signed(asks)}` }));
  return [line, spec.formulas.on(group, spec.biasFormula)];
}

function ownNeuron(spec, plan) {
  const { x1, middle, narrow } = plan;
  const { value, name, target, wish: asks } = spec.own;
  const rgb = lamp(spec.place, spec.functions[1], spec.own.all)(value);
  const light = rgb[0] * 0.3 + rgb[1] * 0.59 + rgb[2] * 0.11 > 120;
  const group = s("g", { class: "neuron own", tabindex: "0", role: "img", "data-key": "own", "aria-label": spec.ownFormula });
  group.append(s("circle", { cx: x1, cy: middle, r: 24, fill: css(rgb) }), s("text", { x: x1, y: middle + 5, class: `middle in-neuron ${light ? "on-light" : "on-dark"}`, text: circled(value) }));
  const lines = [name, ...(target === null ? [] : [`should say ${target}`])];
  lines.forEach((text, k) => {
    const [x, y] = narrow ? [spec.width, middle + 44 + 18 * k] : [x1 + 46, middle + 5 + 18 * (k - (lines.length - 1) / 2)];
    group.append(s("text", { x, y, class: `${k === 0 ? "bold" : "soft"} ${narrow ? "end tiny" : ""}`, text }));
  });
  group.append(...arrow(x1 + 34, middle, asks, Math.abs(asks), 44));
  return spec.formulas.on(group, spec.ownFormula);
}
