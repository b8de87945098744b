// stops.mjs: the pictures of the stops of backpropagation.

import { drawAsking } from "fastnn/asking.mjs";
import { drawBars } from "fastnn/bars.mjs";
import { deltaFormula, isDifference, slopeName } from "fastnn/deltas.mjs";
import { bracketed, number, whole } from "fastnn/format.mjs";
import { address, largest, paintInput } from "fastnn/image.mjs";
import { drawNetwork, linesBetween, strongest } from "fastnn/network.mjs";
import { drawImages, drawParts } from "fastnn/parts.mjs";
import { drawRows } from "fastnn/rows.mjs";
import { drawWiggle } from "fastnn/wiggle.mjs";

const MOST = 16; // neurons of a column
const BRIGHT = 3; // neurons that are ringed

const imageOf = ({ app, forward, place }) => {
  const shape = app.meta.inputs.image;
  return { shape, ratio: shape[1] / shape[0], address: address((canvas) => paintInput(canvas, app.current.x, app.meta, place)) };
};

const column = ({ app, forward }, layer, neurons, more = {}) => ({
  layer,
  neurons,
  a: Array.from(forward.layers[layer].a),
  function: layer === 0 ? "identity" : app.meta.network.functions[layer - 1],
  names: layer === 0 || layer === app.L ? (j) => app.short(layer, j) : null,
  title: layer === 0 ? "inputs" : layer === app.L ? "outputs" : `hidden ${layer}`,
  note: neurons.length < app.meta.network.sizes[layer] ? `${neurons.length} of ${app.meta.network.sizes[layer]}` : null,
  ...more,
});

/** The layers that are drawn: the inputs only where they are no image. */
const layersOf = ({ app }) => app.meta.network.sizes.map((_, l) => l).filter((l) => l > 0 || !app.meta.inputs.image);

/** 1: the whole network. */
export function network(view, width, formulas) {
  const { app, forward, answer } = view;
  const { sizes } = app.meta.network;
  const image = app.meta.inputs.image;
  const target = answer.should.length > 1 ? answer.should.indexOf(Math.max(...answer.should)) : null;
  const columns = layersOf(view).map((l) => column(view, l, strongest(forward.layers[l].a, width < 560 ? 12 : MOST), { bold: l === app.L && target !== null ? new Set([target]) : null }));
  const weight = (l, i, j) => view.weights(l).w[i * sizes[l] + j];
  const lit = image ? { 1: strongest(forward.layers[0].a, 100) } : null;
  return drawNetwork({
    width,
    formulas,
    place: view.place,
    label: `The network reads the example. ${forward.words}`,
    image: image && imageOf(view),
    columns,
    lines: linesBetween(columns, weight, { sources: lit }),
    nameOf: (l, j) => app.neuron(l, j),
    formula: (l, j) => (l === 0 ? `${app.neuron(0, j)}: a = ${number(forward.layers[0].a[j])}` : `${app.neuron(l, j)}: z = Σ w a + b = ${number(forward.layers[l].z[j])};  a = f(z) = ${number(forward.layers[l].a[j])}`),
    lineFormula: ({ to, i, j }) => `${app.neuron(to - 1, i)} → ${app.neuron(to, j)}: w = ${number(weight(to, i, j))}`,
  });
}

/** The rows of a layer that are drawn: all, or the most urgent ones in their order, with the chosen one. */
function rowsOf({ app, here, layer, neuron }, ranking = here.ranking) {
  const most = Math.max(MOST, 0);
  const all = Array.from(ranking);
  const shown = all.length <= most ? all : [...new Set([neuron, ...all.slice(0, most - 1)])];
  return shown.sort((a, b) => a - b);
}

function rows(view, width, formulas, columns, more = {}) {
  const { app, layer, here } = view;
  const shown = more.rows ?? rowsOf(view);
  const { length } = here.a;
  const title = shown.length < length ? `${shown.length} of ${whole(length)}` : "";
  return drawRows({
    width,
    formulas,
    place: view.place,
    function: app.meta.network.functions[layer - 1],
    rows: shown,
    marked: view.neuron,
    nameTitle: title,
    nameOf: (j, narrow) => (narrow ? app.short(layer, j) : app.neuron(layer, j)),
    pick: view.pick,
    columns,
    ...more,
  });
}

const says = ({ here }) => ({ title: "says a", short: "a", kind: "lamp", values: here.a, formula: (j) => `a = ${number(here.a[j])}` });
const shouldSay = ({ answer, here }) => ({ title: "should say y", short: "y", kind: "lamp", values: answer.should, lamps: Array.from(here.a), formula: (j) => `y = ${number(answer.should[j])}` });

/** 2: outputs beside their targets, and the squares. */
export function cost(view, width, formulas) {
  const { app, answer } = view;
  const outputs = { ...view, layer: app.L, here: answer.layers[app.L - 1] };
  const squares = Array.from(answer.difference, (d) => d * d);
  const { loss } = app.meta.network;
  const square = { title: "(a − y)²", kind: "grey", values: squares, formula: (j) => `(a − y)² = (${number(answer.says[j])} − ${bracketed(answer.should[j])})² = ${number(squares[j])}` };
  const name = { quadratic: "sum, C =", mse: answer.says.length === 1 ? "C =" : "mean, C =" }[loss] ?? `C (${loss.replaceAll("_", " ")}) =`;
  return rows(outputs, width, formulas, [says(outputs), shouldSay(outputs), square], { label: `What the outputs say, what they should say, and the squares of the differences. The cost is ${number(answer.cost)}.`, total: { name, text: number(answer.cost) } });
}

/** 3: how far off the outputs are; what the next layer asks of a hidden one. */
export function off(view, width, formulas) {
  const { app, answer, layer } = view;
  if (layer === app.L) {
    const difference = { title: "y − a", kind: "bar", values: answer.difference, formula: (j) => `y − a = ${number(answer.should[j])} − ${bracketed(answer.says[j])} = ${number(answer.difference[j])}` };
    return rows(view, width, formulas, [says(view), shouldSay(view), difference], { label: "How far off each output is: y − a" });
  }
  const asked = { title: "−∂C/∂a = −Σ δ w", short: "−∂C/∂a", kind: "bar", values: answer.layers[layer].activations, formula: (j) => sumFormula(view, layer + 1, j) };
  return rows(view, width, formulas, [says(view), asked], { label: `What the next layer asks of each neuron of hidden layer ${layer}` });
}

/** The sum −Σ δ w over layer l that asks neuron i before it, with its largest terms. */
function sumFormula({ answer }, l, i) {
  const { parts, activations, a } = answer.layers[l - 1];
  const terms = Array.from(a, (_, j) => parts[j * activations.length + i]);
  const shown = terms.map((value, j) => [value, j]).sort((x, y) => Math.abs(y[0]) - Math.abs(x[0])).slice(0, 4);
  const more = terms.length > 4 ? ` + ${terms.length - 4} smaller` : "";
  return `−∂C/∂a = −Σ δ w = ${shown.map(([value]) => bracketed(value)).join(" + ")}${more} = ${number(activations[i])}`;
}

/** 4: times the slope: −δ. */
export function delta(view, width, formulas) {
  const { app, answer, layer, here } = view;
  const first = layer === app.L ? { title: "y − a", kind: "bar", values: answer.difference, formula: (j) => `y − a = ${number(answer.difference[j])}` } : { title: "−∂C/∂a", kind: "bar", values: answer.layers[layer].activations, formula: (j) => `−∂C/∂a = ${number(answer.layers[layer].activations[j])}` };
  const slope = here.slope && !(layer === app.L && isDifference(app)) && { title: slopeName(app, layer), kind: "grey", values: here.slope, formula: (j) => `${slopeName(app, layer)} = ${number(here.slope[j])} at z = ${number(here.z[j])}` };
  const wish = { title: "−δ", kind: "bar", values: here.bias, formula: (j) => deltaFormula(app, answer, layer, j) };
  return rows(view, width, formulas, [first, slope, wish].filter(Boolean), { label: `The wish of each neuron for its weighted sum: −δ` });
}

/** 5, 6, 7: one neuron asks its bias, its weights, the activations before it. */
export const asking = (part) => (view, width, formulas) => (view.layer === 1 && view.app.meta.inputs.image && part !== "bias" ? askingImages(view, width, formulas, part) : askingNeurons(view, width, formulas, part));

function askingNeurons(view, width, formulas, part) {
  const { app, answer, layer, neuron, here, before } = view;
  const [m, n] = app.meta.network.sizes.slice(layer - 1, layer + 1);
  const w = (i) => view.weights(layer).w[i * n + neuron];
  const of = { weights: (i) => here.weights[i * n + neuron], activations: (i) => here.parts[neuron * m + i] };
  const wish = of[part] ?? of.weights;
  const measure = { activations: w, weights: (i) => before[i] }[part] ?? ((i) => w(i) * before[i]);
  const sources = strongest(Float64Array.from({ length: m }, (_, i) => measure(i)), MOST - 2);
  const bright = new Set([...sources].sort((a, b) => Math.abs(before[b]) - Math.abs(before[a])).slice(0, Math.min(BRIGHT, Math.ceil(sources.length / 4))));
  const [d, name] = [-here.bias[neuron], app.neuron(layer, neuron)];
  const formula = (i) => {
    const from = app.neuron(layer - 1, i);
    if (part === "weights") return `${from}: −∂C/∂w = −δ a = ${bracketed(-d)} · ${bracketed(before[i])} = ${number(wish(i))}`;
    if (part === "activations") return `${from}: −∂C/∂a = −δ w = ${bracketed(-d)} · ${bracketed(w(i))} = ${number(wish(i))}`;
    return `${from}: w a = ${bracketed(w(i))} · ${bracketed(before[i])} = ${number(w(i) * before[i])}`;
  };
  const target = layer === app.L && Number.isFinite(answer.should[neuron]) ? number(answer.should[neuron]) : null;
  const bias = view.weights(layer).b[neuron];
  return drawAsking({
    width,
    formulas,
    place: view.place,
    label: `${name} and the neurons before it${sources.length < m ? `, the ${sources.length} strongest of ${whole(m)}` : ""}`,
    note: sources.length < m ? `${width < 520 ? "" : "the "}${sources.length}${width < 520 ? "" : part === "weights" ? " brightest" : " strongest"} of ${whole(m)}` : null,
    sources,
    a: before,
    functions: [layer === 1 ? "identity" : app.meta.network.functions[layer - 2], app.meta.network.functions[layer - 1]],
    own: { value: here.a[neuron], all: Array.from(here.a), name, target, wish: here.bias[neuron] },
    bias: { value: bias, wish: here.bias[neuron] },
    part,
    w,
    wish,
    bright,
    nameOf: (i, narrow) => (narrow ? app.short(layer - 1, i) : app.neuron(layer - 1, i)),
    formula,
    biasFormula: `bias b = ${number(bias)}: −∂C/∂b = −δ = ${number(here.bias[neuron])}`,
    ownFormula: `${name}: ${deltaFormula(app, answer, layer, neuron)}`,
  });
}

/** The first layer of an image: image × number = image. */
function askingImages(view, width, formulas, part) {
  const { app, neuron, here } = view;
  const [m, n] = app.meta.network.sizes;
  const wish = here.bias[neuron];
  const own = Float64Array.from({ length: m }, (_, i) => view.weights(1).w[i * n + neuron]);
  const asked = Float64Array.from({ length: m }, (_, i) => (part === "weights" ? here.weights[i * n + neuron] : here.parts[neuron * m + i]));
  const image = imageOf(view);
  const first = part === "weights" ? { kind: "input", address: image.address, caption: "the pixels a" } : { kind: "signed", values: own, caption: "its weights w" };
  const result = part === "weights" ? "−∂C/∂w" : "−∂C/∂a";
  return drawImages({
    width,
    formulas,
    place: view.place,
    shape: image.shape,
    label: `${app.neuron(1, neuron)}: ${part === "weights" ? "pixels" : "weights"} times −δ`,
    panels: [
      { ...first, formula: part === "weights" ? "The activations a of the inputs" : `The weights w from the pixels, up to ±${number(largest(own))}` },
      { kind: "number", text: number(wish), caption: "−δ", formula: deltaFormula(app, view.answer, 1, neuron) },
      { kind: "signed", values: asked, caption: `the wishes ${result}`, formula: `${result} = −δ ${part === "weights" ? "a" : "w"}, up to ±${number(largest(asked))}` },
    ],
    signs: ["×", "="],
  });
}

/** 8: the wishes of all neurons of the layer, and their sum. */
export function sum(view, width, formulas) {
  const { app, layer, here } = view;
  const [m, n] = app.meta.network.sizes.slice(layer - 1, layer + 1);
  const part = (j, i) => here.parts[j * m + i];
  const image = layer === 1 && app.meta.inputs.image;
  const norms = Float64Array.from({ length: n }, (_, j) => largest(here.parts.subarray(j * m, (j + 1) * m)));
  const askers = strongest(norms, image ? (width < 520 ? 5 : 7) : width < 520 ? 4 : 10, [view.neuron]);
  const label = `The wishes of ${askers.length === n ? `all ${n}` : `the ${askers.length} strongest of ${n}`} neurons, and the sum of all`;
  if (image) return sumImages(view, width, formulas, askers, label);
  const sources = strongest(here.activations, MOST);
  const rest = (i) => here.activations[i] - askers.reduce((total, j) => total + part(j, i), 0);
  return drawParts({ width, formulas, label, askers, sources, part, sum: (i) => here.activations[i], others: askers.length < n ? rest : null, nameOf: (i, narrow) => (narrow ? app.short(layer - 1, i) : app.neuron(layer - 1, i)), askerName: (j) => app.short(layer, j), marked: view.neuron });
}

function sumImages(view, width, formulas, askers, label) {
  const { app, here } = view;
  const [m, n] = app.meta.network.sizes;
  const most = largest(here.activations);
  const panels = askers.map((j) => ({ kind: "signed", values: here.parts.subarray(j * m, (j + 1) * m), most, caption: `neuron ${j}`, marked: j === view.neuron, formula: `What ${app.neuron(1, j)} asks of the pixels: −δ w, with −δ = ${number(here.bias[j])}` }));
  panels.push({ kind: "signed", values: here.activations, most, caption: "sum of all", marked: true, formula: `−∂C/∂a = −Σ δ w, over all ${n} neurons; up to ±${number(most)}` });
  const signs = panels.map((_, k) => (k < askers.length - 1 ? "+" : k === askers.length - 1 ? (askers.length < n ? "…=" : "=") : ""));
  return drawImages({ width, formulas, place: view.place, shape: app.meta.inputs.image, label, panels, signs, most: 150 });
}

/** 9: the wishes that are known by now, from the outputs back to the layer before. */
export function back(view, width, formulas) {
  const { app, answer, layer } = view;
  const image = app.meta.inputs.image;
  if (layer === 1 && image) return backAtPixels(view, width, formulas);
  const wishOf = (l, j) => (l >= layer ? answer.layers[l - 1].bias[j] : answer.layers[l].activations[j]);
  const known = (l) => l >= layer - 1;
  const columns = layersOf(view).map((l) => {
    const size = app.meta.network.sizes[l];
    const wishes = known(l) ? Array.from({ length: size }, (_, j) => wishOf(l, j)) : null;
    const neurons = strongest(wishes ?? view.forward.layers[l].a, width < 560 ? 12 : MOST);
    return column(view, l, neurons, { arrows: wishes, mostArrow: wishes && largest(wishes), faded: known(l) ? null : new Set(neurons), note: l === layer - 1 ? "−∂C/∂a" : l >= layer ? "−δ" : null, chosen: new Set(l === layer - 1 ? neurons : []) });
  });
  const slope = (l, i, j) => (l >= layer ? answer.layers[l - 1].weights[i * app.meta.network.sizes[l] + j] : 0);
  return drawNetwork({
    width,
    formulas,
    place: view.place,
    label: `The wishes that have gone back to ${layer === 1 ? "the inputs" : `hidden layer ${layer - 1}`}`,
    image: image && imageOf(view),
    columns,
    lines: linesBetween(columns, slope).filter(({ value }) => value !== 0),
    nameOf: (l, j) => app.neuron(l, j),
    formula: (l, j) => (l >= layer ? `${app.neuron(l, j)}: ${deltaFormula(app, answer, l, j)}` : known(l) ? `${app.neuron(l, j)}: ${sumFormula(view, l + 1, j)}` : `${app.neuron(l, j)}: not reached yet`),
    lineFormula: ({ to, i, j, value }) => `${app.neuron(to - 1, i)} → ${app.neuron(to, j)}: −∂C/∂w = −δ a = ${bracketed(answer.layers[to - 1].bias[j])} · ${bracketed(view.forward.layers[to - 1].a[i])} = ${number(value)}`,
  });
}

function backAtPixels(view, width, formulas) {
  const { here, app } = view;
  const image = imageOf(view);
  const most = number(largest(here.activations));
  return drawImages({
    width,
    formulas,
    place: view.place,
    shape: image.shape,
    label: "The example, and what the network would rather see",
    most: 300,
    panels: [
      { kind: "input", address: image.address, caption: "the example", formula: "The input" },
      { kind: "signed", values: here.activations, caption: "wishes −∂C/∂a: blue brighter, vermilion darker", formula: `−∂C/∂a = −Σ δ w, over the ${app.meta.network.sizes[1]} neurons of hidden layer 1; up to ±${most}` },
    ],
    signs: ["→"],
  });
}

/** 10: the strongest of all. */
export function ranking({ app, answer, pairs, pickParameter }, width, formulas) {
  const list = answer.strongest.slice(0, 14).map((entry) => ({ ...entry }));
  const second = pairs?.second;
  const bar = ({ name, words, value }, soft) => ({ name: width < 520 ? name : words, value: -value, soft, marked: pairs && (name === pairs.first.name || name === pairs.second.name), formula: `${name} (${words}): −∂C/∂θ = ${number(-value)}` });
  const bars = list.map((entry) => bar(entry, false));
  if (second && !list.some(({ name }) => name === second.name)) bars.push({ ...bar(second, true) });
  return drawBars({ width, rows: bars, formulas, heading: ["parameter θ", "−∂C/∂θ"], label: `The strongest wishes of ${whole(app.meta.network.n_params)}` });
}

/** 11: the cost as one parameter moves. */
export function wiggle(view, width, formulas) {
  return drawWiggle(view, width, formulas);
}
