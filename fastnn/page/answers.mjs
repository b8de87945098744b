// answers.mjs: what source-file.mjs answers to each call, from the worker's numbers and the record
//
// Each function gets the source and the arguments of one call. Gradients and costs are the core's;
// here they are named, sorted, and turned into wishes: −∂C/∂(the quantity).

import { descend, surface } from "fastnn/descent.mjs";

const STRONGEST = 20, COLUMNS = 12, PARAMETERS = 12, TIMES = 32;
const TRAINING = 0, VALIDATION = 1;
const MOST_VALUES = 1000, MOST_PLACES = 401, MARGIN = 0.1; // of the range of an input, on each side

const wish = (values) => values.map((value) => 0 - value); // 0, not −0
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
const range = (n) => Array.from({ length: n }, (_, k) => k);

/** Numbers of the entries, the largest |value| first, ties in their order. */
function bySize(values) {
  return range(values.length).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]) || a - b);
}

/** Words and whether they were recorded, or the sentence why there are none. */
function spoken(said, words) {
  return said.silent ? { words: [], silent: said.silent } : { words, recorded: true };
}

function slopeOf(source, gradient, place) {
  return { ...source.parameter(place), value: gradient[place] };
}

function named(source, place) {
  const { name, words } = source.parameter(place);
  return { name, words };
}

async function forward(source, { x }) {
  const said = source.saidOf(null, x), { layers } = await source.ask("forward", { x });
  const outputs = layers.at(-1).a, predict = source.predict(outputs);
  const answer = source.meta.task === "classes" ? source.numbered(outputs) : predict;
  return { layers, predict, answer, ...spoken(said, said.forward?.[0]), ...(said.silent && { words: "" }) };
}

async function backprop(source, args) {
  const { x, target, said } = source.asked(args), found = await source.ask("backprop", { x, target });
  const { layers, gradient, activations, params, cost } = found;
  const should = source.coded(target), says = layers.at(-1).a, difference = Float64Array.from(should, (y, j) => y - says[j]);
  return {
    cost, says, should, difference, n_params: gradient.length,
    layers: layers.slice(1).map((layer, k) => wishes(source, { layer, l: k + 1, gradient, params, activations, difference, said })),
    strongest: bySize(gradient).slice(0, STRONGEST).map((place) => slopeOf(source, gradient, place)),
    ...spoken(said, said.backprop),
  };
}

/** One layer of backpropagation, as wishes. */
function wishes(source, { layer, l, gradient, params, activations, difference, said }) {
  const [before, n] = [source.sizes[l - 1], source.sizes[l]], at = source.numberOf(l, 0, 0);
  const weights = gradient.slice(at, at + before * n), delta = gradient.slice(at + before * n, at + (before + 1) * n);
  const parts = new Float32Array(n * before);
  for (let j = 0; j < n; j++) for (let i = 0; i < before; i++) parts[j * before + i] = 0 - delta[j] * params[at + i * n + j];
  const ranking = Int32Array.from(bySize(l === source.sizes.length - 1 ? difference : delta));
  const { words } = spoken(said, said.layers?.[l - 1]);
  return { ...layer, delta, bias: wish(delta), weights: wish(weights), activations: wish(activations[l - 1]), parts, ranking, words };
}

async function layer(source, { layer: l }) {
  const { params } = await source.ask("params"), at = source.numberOf(l, 0, 0), n = source.sizes[l], end = at + source.sizes[l - 1] * n;
  return { w: params.slice(at, end), b: params.slice(end, end + n) };
}

async function wiggle(source, { layer: l, i, j, low, high, n = 81, ...args }) {
  if (!(low < high) || !(n >= 2 && n <= MOST_VALUES)) throw new Error(`low must be below high, and n from 2 to ${MOST_VALUES}`);
  const { x, target } = source.asked(args), place = source.numberOf(l, i, j);
  const values = Float64Array.from(range(n), (k) => low + ((high - low) * k) / (n - 1));
  const { gradient, cost } = await source.ask("backprop", { x, target });
  const { costs, now } = await source.ask("costs", { x, target, place, values });
  return { values, costs, slope: gradient[place], now, cost, ...named(source, place) };
}

async function pairs(source, args) {
  const { x, target, said } = source.asked(args);
  if (said.pair) return { ...said.pair, recorded: true };
  const { gradient } = await source.ask("backprop", { x, target }), sizes = gradient.map(Math.abs);
  const [first] = bySize(gradient);
  const off = (k) => (k === first || !sizes[k] ? Infinity : Math.abs(Math.log(sizes[first] / sizes[k] / TIMES)));
  const second = range(sizes.length).reduce((best, k) => (off(k) < off(best) ? k : best), first === 0 ? 1 : 0);
  const both = [first, second].map((place) => slopeOf(source, gradient, place));
  return { first: both[0], second: both[1], ratio: sizes[first] / sizes[second], words: "", silent: said.silent };
}

async function nextMistake(source, { after }) {
  const which = source.sets[VALIDATION] ? VALIDATION : TRAINING, set = source.sets[which], first = which ? source.sets[TRAINING].n : 0;
  if (!set.labels) {
    const { costs } = await source.ask("costs_of", { set: which, rows: range(set.n) });
    const order = bySize(costs), place = order.indexOf(after - first);
    return { index: first + order[(place + 1) % order.length], count: order.length };
  }
  const { outputs } = await source.ask("outputs", { set: which }), n = source.nOut;
  const wrong = range(set.n).filter((row) => source.numbered(outputs.subarray(row * n, (row + 1) * n)) !== set.labels[row]);
  if (!wrong.length) return { index: null, count: 0 };
  return { index: first + (wrong.find((row) => first + row > after) ?? wrong[0]), count: wrong.length };
}

async function deck(source, { seed = 0, batch_size: size = 10 }) {
  const { order } = await source.ask("deck", { seed }), { n } = source.sets[TRAINING];
  return { order, batches: Math.ceil(n / size), n };
}

/** ∇C of a batch beside that of all examples, and what a step at the rate lr promises. */
async function bothGradients(source, rows, lr) {
  if (!rows?.length) throw new Error("rows must be the numbers of one example or more");
  const [{ gradient }, { gradient: full }] = await Promise.all([source.ask("gradient", { rows: [...rows] }), source.ask("gradient", {})]);
  const lengths = Math.sqrt(dot(gradient, gradient) * dot(full, full));
  const cosine = lengths ? Math.max(-1, Math.min(1, dot(gradient, full) / lengths)) : NaN;
  return { gradient, full, cosine, degrees: (Math.acos(cosine) * 180) / Math.PI, promised: -lr * dot(gradient, gradient), full_promised: -lr * dot(full, gradient) };
}

async function meanCosts(source, rows) {
  const [{ costs }, { loss }] = await Promise.all([source.ask("costs_of", { set: TRAINING, rows: [...rows] }), source.ask("scores", { set: TRAINING })]);
  return [costs.reduce((sum, cost) => sum + cost, 0) / costs.length, loss];
}

async function batch(source, { rows, lr = source.meta.optimizer.lr, columns = COLUMNS }) {
  const { gradient, full, ...angles } = await bothGradients(source, rows, lr);
  const places = bySize(gradient).slice(0, PARAMETERS), shown = Math.min(columns, rows.length), k = places.length;
  const [{ gradients }, [cost, fullCost]] = await Promise.all([source.ask("each", { rows: [...rows], places }), meanCosts(source, rows)]);
  const nudges = gradients.map((row) => Array.from(row, (value) => 0 - value));
  const average = Float64Array.from(places, (_, p) => nudges.reduce((sum, row) => sum + row[p], 0) / rows.length);
  const spread = average.map((mean, p) => Math.sqrt(nudges.reduce((sum, row) => sum + (row[p] - mean) ** 2, 0) / rows.length));
  const wanted = Float64Array.from(places, (place) => 0 - full[place]);
  const ofShown = Float64Array.from(nudges.slice(0, shown).flat()), largest = [...ofShown, ...average, ...wanted].reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const seen = Array.from(rows.slice(0, shown), (row) => source.example(row));
  const images = source.meta.inputs.image ? Float32Array.from(seen.flatMap(({ x }) => [...x])) : null;
  return {
    rows, images, average, spread, cost, ...angles, full: wanted, wishes: ofShown, full_cost: fullCost,
    labels: seen.map(({ index, label_index: label }) => (label === null ? `row ${index}` : source.className(label))),
    parameters: places.map((place) => source.parameter(place)),
    unit: largest > 0 ? Math.floor(Math.log10(largest)) : 0, words: [],
  };
}

/** A step of plain gradient descent along a batch; the optimiser's state stays as it is. */
async function step(source, { rows, lr }) {
  if (!(lr > 0)) throw new Error(`lr must be a number above 0, got ${lr}`);
  const { gradient, promised, full_promised } = await bothGradients(source, rows, lr), { params } = await source.ask("params");
  const before = await meanCosts(source, rows), moved = params.map((value, k) => value - lr * gradient[k]);
  await source.put(moved);
  const after = await meanCosts(source, rows);
  if (![...after, ...moved].every(Number.isFinite)) {
    await source.put(params);
    throw new Error(`after a step at the rate ${lr} the cost is not finite; the network is unchanged`);
  }
  return { cost_before: before[0], cost_after: after[0], promised, full_before: before[1], full_after: after[1], full_promised };
}

async function rewind(source, { seed } = {}) {
  const starts = source.network.starts ?? [], start = seed == null ? source.network : starts.find((one) => one.seed === seed);
  if (!start) throw new Error(`this page has recorded the starts of the seeds ${starts.map((one) => one.seed).join(", ") || "(none)"}, not of ${seed}`);
  await source.put(seed == null ? start.params : await source.unpack(start.params), true);
  source.trained = seed != null;
  return {};
}

async function plane(source, { layer: l, neuron, n = 101 }) {
  if (source.nIn !== 2) throw new Error("a map of the plane needs a network of two inputs");
  if (!(n >= 2 && n <= MOST_PLACES)) throw new Error(`n must be from 2 to ${MOST_PLACES}`);
  const { low, high, names } = source.meta.inputs, end = (bound, k) => bound[k] ?? bound, margin = (k) => MARGIN * (end(high, k) - end(low, k));
  const [x, y] = [0, 1].map((k) => Float64Array.from(range(n), (i) => end(low, k) - margin(k) + ((end(high, k) - end(low, k) + 2 * margin(k)) * i) / (n - 1)));
  const X = Float64Array.from({ length: 2 * n * n }, (_, k) => (k % 2 ? y[Math.floor(k / 2 / n)] : x[(k >> 1) % n]));
  const found = await source.ask("map", { X, layer: l }), m = source.sizes[l];
  const all = l === source.sizes.length - 1 ? source.predict(Float64Array.from(found.values)) : found.values;
  const sets = source.sets.filter(Boolean), column = (k) => Float64Array.from(sets.flatMap((set) => range(set.n).map((row) => set.X[2 * row + k])));
  const label = Float64Array.from(sets.flatMap((set) => range(set.n).map((row) => (set.labels ? set.labels[row] : set.targets[(row * set.targets.length) / set.n]))));
  return { x, y, values: Float64Array.from(range(n * n), (k) => all[k * m + neuron]), inputs: names ?? ["x", "y"], points: { x: column(0), y: column(1), label } };
}

async function walkers(source, { plane: wanted = "noise", batch_size: size = 10 }) {
  const far = ({ args }) => (args.plane === wanted ? 0 : 1e9) + Math.abs((args.batch_size ?? 0) - size);
  const [nearest] = [...source.record.walkers].sort((a, b) => far(a) - far(b));
  if (!nearest) throw new Error(source.meta.can.why?.walkers ?? "no walk was recorded for this page");
  return { ...(await source.json(nearest.result)), args: nearest.args, recorded: true };
}

/** The program of one of the recorded formulas, by its name or its text. */
function programOf(source, wanted) {
  const place = source.meta.functions.findIndex(({ name, expression }) => name === wanted || expression === wanted);
  if (place < 0) throw new Error(source.meta.can.why?.type_function ?? "a formula of your own needs fastnn lab");
  return source.record.programs[place];
}

const textOf = (source, wanted) => source.meta.functions.find(({ name }) => name === wanted)?.expression ?? wanted;

async function descent(source, { function: wanted, ...args }) {
  const program = programOf(source, wanted), same = ({ args: known }) =>
    known.function === wanted && ["lr", "momentum", "steps"].every((name) => known[name] === args[name]) && known.start.every((p, k) => p === args.start[k]);
  const known = (source.record.descents ?? []).find(same);
  return known ? { ...(await source.json(known.result)), recorded: true } : { ...descend(program, args), words: "" };
}

export const CALLS = {
  example: (source, { index }) => source.example(index),
  next_mistake: nextMistake,
  forward, backprop, layer, wiggle, pairs, deck, batch, step, rewind, plane, walkers,
  descend: descent,
  surface: (source, { function: wanted, ...args }) => ({ ...surface(programOf(source, wanted), args), name: textOf(source, wanted) }),
  train: (source, args) => source.learn("train", args),
  advance: (source, args) => source.learn("advance", args),
};
