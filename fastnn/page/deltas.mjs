// deltas.mjs: the formula of −δ of a neuron, with its numbers; every number is the source's.

import { bracketed, number } from "fastnn/format.mjs";

const AT_ONCE = { cross_entropy: "softmax", binary_cross_entropy: "sigmoid" }; // δ = a − y

/** Return the name of the slope of layer l's function in formulas. */
export function slopeName(app, layer) {
  return app.meta.network.functions[layer - 1] === "sigmoid" ? "σ′(z)" : "f′(z)";
}

/** Return whether −δ of the outputs is y − a, with no slope beside it. */
export function isDifference(app) {
  const { loss, functions } = app.meta.network;
  return AT_ONCE[loss] === functions.at(-1);
}

/** Return the factor before (y − a) f′(z) in −δ of an output, as a text; null if −δ has another form. */
export function factor(app) {
  const { loss, functions, sizes } = app.meta.network;
  if (functions.at(-1) === "softmax") return null;
  const n = sizes.at(-1);
  return { quadratic: "2", mse: n === 1 ? "2" : `2/${n}` }[loss] ?? null;
}

/** Return the general formula of −δ of layer l. */
export function deltaRule(app, layer) {
  const slope = slopeName(app, layer);
  if (layer < app.L) return `−δ = −∂C/∂a · ${slope}`;
  if (isDifference(app)) return "−δ = y − a";
  if (app.meta.network.functions.at(-1) === "softmax") return "−δ = −Σ ∂C/∂a · ∂a/∂z, over all outputs";
  return factor(app) ? `−δ = ${factor(app)} (y − a) · ${slope}` : `−δ = −∂C/∂a · ${slope}`;
}

/** Return −δ of neuron j of layer l with its numbers. `answer` is that of backprop. */
export function deltaFormula(app, answer, layer, j) {
  const here = answer.layers[layer - 1];
  const rule = deltaRule(app, layer);
  const result = number(here.bias[j]);
  const slope = here.slope ? number(here.slope[j]) : null;
  if (layer < app.L) return `${rule} = ${bracketed(answer.layers[layer].activations[j])} · ${slope} = ${result}`;
  if (isDifference(app)) return `${rule} = ${number(answer.should[j])} − ${bracketed(answer.says[j])} = ${result}`;
  if (factor(app)) return `${rule} = ${factor(app)} · ${bracketed(answer.difference[j])} · ${slope} = ${result}`;
  return `${rule} = ${result}`;
}
