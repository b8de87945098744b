// steps.mjs: the stops of backpropagation on one example: their sentences, tables, and which picture each has.

import { deltaFormula, deltaRule, factor, isDifference, slopeName } from "fastnn/deltas.mjs";
import { capital, whole } from "fastnn/format.mjs";
import * as pictures from "fastnn/stops.mjs";

/** What a neuron's wish is in a word. */
const way = (value) => (value > 0 ? "up" : value < 0 ? "down" : "nowhere");

const layerName = ({ app }, layer) => (layer === 0 ? "the inputs" : layer === app.L ? "the outputs" : `hidden layer ${layer}`);

/**
 * The stops. Each has: title(view), text(view) → sentences of the page, words(view) → sentences of fastnn.explain,
 * rule(view) → the formula of the stop, picture(view, width, formulas) → <svg>, table(view) → [columns, rows];
 * layers: whether the stop is about a layer that can be chosen, neurons: about one neuron.
 *
 * view: {app, answer (of backprop), forward, layer, neuron, here (answer.layers[layer − 1]), before (activations of
 * the layer before), weights(l), name}.
 */
export const STOPS = [
  {
    short: "Example",
    title: () => "One example, and what the network says",
    words: ({ app, answer, forward }) => [answer.words[0] || forward.words],
    text: () => [
      "The input goes through the network from left to right. The whiter a neuron, the larger its activation a. Blue lines are positive weights, vermilion lines negative ones; the wider, the larger.",
      "Backpropagation goes the other way. It asks how this one example would like each weight and bias to change.",
    ],
    rule: ({ app }) => `z = Σ w a + b,   a = f(z),   f: ${app.meta.network.functions.map((name) => name.replaceAll("_", " ")).join(", ")}`,
    picture: pictures.network,
    table: ({ app, forward }) => [["neuron", "activation a", "weighted sum z"], forward.layers.slice(1).reverse().flatMap(({ a, z }, k) => Array.from(a, (value, j) => [app.neuron(app.L - k, j), value, z[j]]))],
  },
  {
    short: "Cost",
    title: () => "The cost says how wrong that is",
    words: ({ answer }) => [answer.words[1]],
    text: ({ app }) => [
      "Each output says a. It should say its target y. The squares of the differences show how far each is off; the cost is small when all outputs are close to their targets.",
      ownCost(app),
      scaled(app),
    ],
    rule: ({ app }) => `C = ${app.meta.network.loss_formula}`,
    picture: pictures.cost,
    table: ({ app, answer }) => [["output", "says a", "should say y", "(a − y)²"], perNeuron(app, app.L, (j) => [answer.says[j], answer.should[j], answer.difference[j] ** 2])],
  },
  {
    short: "How far off",
    layers: true,
    neurons: true,
    title: (view) => (isOutput(view) ? "How far off is each output?" : `What is asked of ${layerName(view, view.layer)}?`),
    words: (view) => (isOutput(view) ? [view.here.words[0]] : []),
    text: (view) =>
      isOutput(view)
        ? ["The outputs are what we want to change. An output below its target should go up (blue), one above it down (vermilion). The further off, the more the change matters."]
        : [`A hidden neuron has no target. What it should do is what ${layerName(view, view.layer + 1)} ask${view.layer + 1 === view.app.L ? "" : "s"} of it: the sum of the wishes of all neurons that it leads to.`],
    rule: (view) => (isOutput(view) ? "y − a" : "−∂C/∂a = −Σ δ w,  over the neurons of the next layer"),
    picture: pictures.off,
    table: (view) => offTable(view),
  },
  {
    short: "Slope and δ",
    layers: true,
    neurons: true,
    title: ({ app, layer }) => (layer === app.L && isDifference(app) ? "The wish for z: −δ" : `Times the slope ${slopeName(app, layer)}: the wish for z`),
    words: (view) => (isOutput(view) ? [] : [view.here.words[0]]),
    text: (view) => slopeText(view),
    rule: ({ app, layer }) => `${deltaRule(app, layer)},   δ = ∂C/∂z`,
    picture: pictures.delta,
    table: ({ app, answer, layer, here }) => [
      ["neuron", layer === app.L ? "y − a" : "−∂C/∂a", slopeName(app, layer), "−δ"],
      perNeuron(app, layer, (j) => [layer === app.L ? answer.difference[j] : answer.layers[layer].activations[j], here.slope ? here.slope[j] : null, here.bias[j]]),
    ],
  },
  {
    short: "Bias",
    layers: true,
    neurons: true,
    title: ({ name }) => `First way to help ${name}: its bias`,
    words: () => [],
    text: ({ here, neuron, name }) => [
      `${capital(name)} wants its weighted sum z to go ${way(here.bias[neuron])}. z = Σ w a + b holds three things that can change: the bias, the weights, and the activations before it.`,
      "The bias is simply added. So it is asked for exactly what z is asked for: −δ.",
    ],
    rule: () => "−∂C/∂b = −δ",
    picture: pictures.asking("bias"),
    table: ({ app, layer, here }) => [["neuron", "−∂C/∂b = −δ"], perNeuron(app, layer, (j) => [here.bias[j]])],
  },
  {
    short: "Weights",
    layers: true,
    neurons: true,
    title: ({ name }) => `Second way to help ${name}: its weights`,
    words: ({ here }) => [here.words[1]],
    text: ({ here, neuron }) => [
      "A weight is multiplied by the activation it comes from. So a weight from a bright neuron has much effect, one from a dark neuron hardly any: the wishes are in proportion to a. The brightest neurons are ringed.",
      here.bias[neuron] > 0 ? "The lines from the neurons that fire now to the one that should fire become stronger: “neurons that fire together wire together”." : "This neuron should be lower: so the lines from the neurons that fire now should become weaker.",
    ],
    rule: () => "−∂C/∂w = −δ a",
    picture: pictures.asking("weights"),
    table: (view) => sourceTable(view, "−∂C/∂w = −δ a", (i, j, n) => view.here.weights[i * n + j]),
  },
  {
    short: "Activations",
    layers: true,
    neurons: true,
    title: ({ name }) => `Third way to help ${name}: the activations before it`,
    words: () => [],
    text: ({ layer, here, neuron }) => [
      `An activation is multiplied by its weight. So the wishes are in proportion to w: through a blue line (w > 0) the neuron before should go ${way(here.bias[neuron])} too, through a vermilion line (w < 0) the other way.`,
      layer === 1 ? "The inputs are given and cannot change. The wish still says what this neuron would rather see." : "Activations cannot be set. The wish is handed to the layer before.",
    ],
    rule: () => "−∂C/∂a = −δ w",
    picture: pictures.asking("activations"),
    table: (view) => sourceTable(view, "−∂C/∂a = −δ w", (i, j, n, m) => view.here.parts[j * m + i]),
  },
  {
    short: "All added",
    layers: true,
    title: (view) => `${capital(layerName(view, view.layer))} add${view.layer === view.app.L ? "" : "s"} up ${view.layer === view.app.L ? "their" : "its"} wishes`,
    words: ({ layer, here }) => (layer === 1 ? [here.words[2]] : []),
    text: (view) => [
      `Each ${isOutput(view) ? "output" : `neuron of ${layerName(view, view.layer)}`} has its own wishes for the activations before it, and they may contradict each other. Added up, they are what this example wants to happen there.`,
    ],
    rule: () => "−∂C/∂aᵢ = −Σⱼ δⱼ wᵢⱼ",
    picture: pictures.sum,
    table: ({ app, layer, here }) => [["neuron before", "sum", ...app.namesOf(layer)], perNeuron(app, layer - 1, (i) => [here.activations[i], ...app.namesOf(layer).map((_, j) => here.parts[j * here.activations.length + i])])],
  },
  {
    short: "One layer back",
    layers: true,
    title: ({ layer }) => (layer > 1 ? "And the same again, one layer back" : "Back at the inputs"),
    words: () => [],
    text: (view) =>
      view.layer > 1
        ? [`The sum is for ${layerName(view, view.layer - 1)} what y − a was for the outputs. Times the slope it is −δ there, which asks its biases, its weights and the layer before, and so on, back to the inputs.`, "Arrows at the neurons show the wishes that are known so far; the lines show the wishes for the weights."]
        : ["The recursion has reached the inputs. They are given: the sum of the wishes says what the network would rather see to lower the cost of this example.", "Now every weight and bias has its wish."],
    rule: () => "δ of a layer = (Σ δ w of the next) · f′(z)",
    picture: pictures.back,
    table: ({ app, answer, layer }) => [["neuron", "−δ"], answer.layers.slice(layer - 1).reverse().flatMap(({ bias }, k) => Array.from(bias, (value, j) => [app.neuron(app.L - k, j), value]))],
    back: true,
  },
  {
    short: "All parameters",
    title: ({ app }) => `All ${whole(app.meta.network.n_params)} wishes are −∇C`,
    words: ({ pairs }) => (pairs ? [pairs.words] : []),
    text: ({ app }) => [
      `The wishes for all weights and biases, in one list of ${whole(app.meta.network.n_params)} numbers, are the negative gradient of the cost of this example. The sign says whether to increase or to decrease a parameter, the size how much the cost depends on it.`,
      "The strongest stand first. Training takes the average over many examples: the tab Batch.",
    ],
    rule: () => "step of gradient descent = η · (−∂C/∂θ), for every parameter θ",
    picture: pictures.ranking,
    table: ({ answer }) => [["parameter", "which is", "∂C/∂θ"], answer.strongest.map(({ name, words, value }) => [name, words, value])],
    pairs: true,
  },
  {
    short: "Wiggle",
    title: () => "Wiggle one parameter, and see the cost move",
    words: ({ pairs }) => (pairs ? [pairs.words] : []),
    text: () => ["The curve is the cost of this example as one parameter changes and all others stay. The dashed line has the slope ∂C/∂θ that backpropagation promises: near the present value they agree. The second curve is the cost as another parameter changes."],
    rule: () => "C(θ + Δ) ≈ C(θ) + ∂C/∂θ · Δ",
    picture: pictures.wiggle,
    table: ({ wiggled }) => [["change", "cost C"], wiggled ? Array.from(wiggled.values, (value, k) => [value - wiggled.now, wiggled.costs[k]]) : []],
    pairs: true,
    wiggles: true,
  },
];

export const isOutput = ({ app, layer }) => layer === app.L;

function ownCost(app) {
  const { loss, loss_formula: formula } = app.meta.network;
  if (loss === "quadratic") return null;
  return loss === "mse" ? `The cost is their mean: C = ${formula}.` : `This network learns from another cost, C = ${formula}.`;
}

function scaled(app) {
  return app.meta.targets.scaled ? "Outputs and targets are shown in the network's own units, in which it learns: (y − shift) / scale." : null;
}

function perNeuron(app, layer, cells) {
  return Array.from({ length: app.meta.network.sizes[layer] }, (_, j) => [app.neuron(layer, j), ...cells(j)]);
}

function offTable({ app, answer, layer, here }) {
  if (layer === app.L) return [["output", "says a", "should say y", "y − a"], perNeuron(app, layer, (j) => [answer.says[j], answer.should[j], answer.difference[j]])];
  return [["neuron", "activation a", "−∂C/∂a"], perNeuron(app, layer, (j) => [here.a[j], answer.layers[layer].activations[j]])];
}

function sourceTable({ app, layer, neuron, before, weights }, title, wish) {
  const [m, n] = app.meta.network.sizes.slice(layer - 1, layer + 1);
  const w = weights(layer).w;
  return [["from", "a", "w", title], perNeuron(app, layer - 1, (i) => [before[i], w[i * n + neuron], wish(i, neuron, n, m)])];
}

function slopeText({ app, answer, layer, neuron, here }) {
  const slope = slopeName(app, layer);
  const [name, loss] = [app.meta.network.functions[layer - 1], app.meta.network.loss.replaceAll("_", " ")];
  if (layer === app.L && isDifference(app)) return [`We can only change z, the weighted sum. With ${name} outputs and the ${loss} cost, the slope of the cost and the slope of ${name} multiply to something simple: −δ, the wish for z, is exactly y − a. So an output that is far off asks for much, even where it is saturated.`];
  if (layer === app.L && name === "softmax") return [`We can only change z, the weighted sums. Softmax ties all outputs together: raising one z lowers all other outputs. So −δ of each output holds the differences of all of them.`];
  const flat = `We can only change z, the weighted sum. a = f(z) follows it with the slope ${slope}.`;
  const why = name === "identity" ? "Here f is the identity, so the slope is 1." : ["relu", "leaky_relu"].includes(name) ? `With ${name.replace("_", " ")} it is 1 above 0; below, the neuron is off and hardly passes anything on.` : "Where the curve is flat, the neuron is saturated: a hardly moves with z, and the neuron asks for little, however far off it is.";
  const general = layer === app.L && !factor(app) ? ` ∂C/∂a is the slope of the ${loss} cost.` : layer === app.L ? ` The factor ${factor(app)} comes from the square.` : "";
  return [flat, why + general];
}

/** Return the sentence that is said when a stop is reached. */
export function spoken(stop, view) {
  return [stop.title(view), ...stop.words(view), stop.neurons ? `${capital(view.name)}: ${deltaFormula(view.app, view.answer, view.layer, view.neuron)}.` : ""].filter(Boolean).join(". ").replaceAll("..", ".");
}
