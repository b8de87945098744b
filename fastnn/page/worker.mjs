// worker.mjs: the core as WebAssembly in a worker, where it computes and trains for source-file.mjs
//
// Messages in: { id, name, args }, the first "start" with core (bytes or an address) and the network;
// out: { id, result } or { id, error }; { frame }, of which the next follows when the page has
// answered { name: "drawn" }. Training goes in slices, between which messages are answered.
//
// It imports nothing: a worker knows no import map, and in a page that is one file it is a Blob.

// The position of a name is its code in csrc/fnn.h.
const ACTIVATIONS = ["identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "softmax", "exp"];
const LOSSES = ["quadratic", "mse", "cross_entropy", "binary_cross_entropy", "mae", "huber", "quantile", "poisson", "gaussian_nll"];
const CONSTANTS = ["momentum", "beta1", "beta2", "eps", "weight_decay", "clip_norm", "clip_value", "nesterov", "decoupled"];
const STATUSES = ["", "there is not enough memory", "the network is too large", "an argument is out of range", "the network is busy", "that instruction set is missing", "it was stopped"];
const TRAINING = 0, VALIDATION = 1, ASKED = 2; // sets of examples
const WALK_BELOW = 0.35; // share of values that are not 0, below which rows are listed: fastnn/_fastnn.pyx
const SLICE = 25; // milliseconds of training between two looks at the messages
const CODES = { Uint8Array: 2, Float64Array: 1, Float32Array: 0 }; // fnn_dtype

/** The core's memory, and addresses in it. Views are made anew each time: growth detaches old ones. */
class Memory {
  static async load(core) {
    const imports = { wasi_snapshot_preview1: { sched_yield: () => 0 } };
    const bytes = typeof core === "string" ? await (await fetch(core)).arrayBuffer() : core;
    const { instance } = await WebAssembly.instantiate(bytes, imports);
    instance.exports._initialize();
    return new Memory(instance.exports);
  }

  constructor(core) {
    this.core = core;
  }

  view(Type, at, n) {
    return new Type(this.core.memory.buffer, at, n);
  }

  room(bytes) {
    const at = this.core.page_acquire(Math.max(bytes, 8));
    if (!at) throw new Error("there is not enough memory for this network and its examples");
    return at;
  }

  put(values) {
    const at = this.room(values.byteLength);
    this.view(values.constructor, at, values.length).set(values);
    return at;
  }
}

/** One network with its examples and its optimiser. */
class Network {
  constructor(memory, setup) {
    Object.assign(this, { memory, core: memory.core, setup, sizes: setup.sizes, L: setup.sizes.length - 1 });
    this.nOut = this.sizes[this.L];
    const codes = Int32Array.from(setup.functions, (name) => ACTIVATIONS.indexOf(name));
    const parameters = Float64Array.from({ length: this.nOut }, (_, j) => setup.loss_params?.[j] ?? 0);
    const given = [Int32Array.from(this.sizes), codes, Float64Array.from(setup.dropout)].map((a) => memory.put(a));
    this.me = this.core.page_new(this.L, ...given, LOSSES.indexOf(setup.loss), memory.put(parameters), setup.seed ?? 0);
    if (!this.me) throw new Error("the core refused this network");
    this.nParams = this.core.page_n_params(this.me);
    const [shift, scale] = [setup.shift, setup.scale].map((a) => (a ? memory.put(a) : 0));
    this.core.page_inputs(this.me, setup.factor, shift, scale);
    this.scratch();
    this.sets = [setup.examples, setup.validation].map((set, k) => this.examples(k, set));
    this.params = setup.params;
    this.beginAnew();
  }

  /** Memory for one example, what is computed of it, and a gradient. */
  scratch() {
    const room = (n) => this.memory.room(n);
    this.x = room(8 * this.sizes[0]);
    this.label = room(8);
    this.values = room(4 * this.nOut);
    this.ones = this.memory.put(new Float32Array(Math.max(...this.sizes)).fill(1));
    this.a = this.sizes.map((n) => room(4 * n));
    this.da = this.sizes.map((n) => room(4 * n));
    [this.z, this.slope] = [0, 0].map(() => room(4 * Math.max(...this.sizes)));
    [this.gradientAt, this.layerScratch] = [0, 0].map(() => room(4 * this.nParams));
    this.cost = room(8);
    this.aList = this.memory.put(Uint32Array.from(this.a));
    this.daList = this.memory.put(Uint32Array.from(this.da));
  }

  /** Hand examples to the core; rows with many zeros as the package does, by their non-zeros. */
  examples(which, set) {
    if (!set) return null;
    const { X, labels, values } = set, n = X.length / this.sizes[0];
    const at = this.memory.put(X), code = CODES[X.constructor.name];
    const labelsAt = labels ? this.memory.put(BigInt64Array.from(labels, BigInt)) : 0;
    this.core.page_rows(this.me, which, code, n, at, labelsAt, labels ? 0 : this.memory.put(values), this.setup.metric);
    if (this.sizes[0] <= 65536 && this.core.page_density(this.me, which) < WALK_BELOW) {
      const capacity = X.reduce((count, x) => count + (x !== 0), 0) + this.sizes[0];
      const starts = this.memory.put(new BigInt64Array(n + 1));
      const places = [this.memory.room(2 * capacity), this.memory.room(X.BYTES_PER_ELEMENT * capacity)];
      this.check(this.core.page_list(this.me, which, capacity, starts, ...places));
      this.core.page_release(at);
    }
    return { n, X, labels, values };
  }

  check(status) {
    if (status) throw new Error(`the core refused: ${STATUSES[status]}`);
  }

  get params() {
    return this.memory.view(Float32Array, this.core.page_params(this.me), this.nParams);
  }

  set params(values) {
    this.params.set(values);
  }

  /** Moments and the count of steps as before the first step. */
  beginAnew() {
    const constants = this.memory.put(Float64Array.from(CONSTANTS, (name) => Number(this.setup.optimizer[name] ?? 0)));
    this.check(this.core.page_optimiser(this.me, this.setup.optimizer.kind, constants));
    this.core.page_release(constants);
  }

  /** Weights and biases of layer l = 1 … L begin here in the parameters. */
  at(l) {
    let at = 0;
    for (let k = 1; k < l; k++) at += (this.sizes[k - 1] + 1) * this.sizes[k];
    return at;
  }

  /** Give the core one example: inputs in the units of X, and a label or values, if there is a target. */
  ask(x, { label, values } = {}) {
    this.memory.view(Float64Array, this.x, this.sizes[0]).set(x);
    if (label !== undefined) this.memory.view(BigInt64Array, this.label, 1)[0] = BigInt(label);
    if (values) this.memory.view(Float32Array, this.values, this.nOut).set(values);
    const addresses = label === undefined ? [0, this.values] : [this.label, 0];
    this.core.page_rows(this.me, ASKED, CODES.Float64Array, 1, this.x, ...addresses, this.setup.metric);
  }

  /** a, z and f'(z) of every layer, for the example that was asked about. */
  forward() {
    this.check(this.core.page_forward(this.me, ASKED, 0, 1, this.aList));
    const copy = (at, l) => this.memory.view(Float32Array, at, this.sizes[l]).slice();
    const layers = [{ a: copy(this.a[0], 0) }];
    for (let l = 1; l <= this.L; l++) {
      this.check(this.core.page_layer(this.me, l, this.a[l - 1], this.ones, this.z, this.slope, this.layerScratch));
      const slope = this.setup.functions[l - 1] === "softmax" ? null : copy(this.slope, l);
      layers.push({ a: copy(this.a[l], l), z: copy(this.z, l), slope });
    }
    return layers;
  }

  /** C, ∇C and dC/da[l] of one row of a set. */
  backward(set, row) {
    this.check(this.core.page_backward(this.me, set, row, row + 1, 0, this.gradientAt, this.daList));
    const gradient = this.memory.view(Float32Array, this.gradientAt, this.nParams).slice();
    const activations = this.da.slice(0, -1).map((at, l) => this.memory.view(Float32Array, at, this.sizes[l]).slice());
    return { gradient, activations, cost: this.costOf(set, row) };
  }

  costOf(set, row) {
    this.check(this.core.page_cost(this.me, set, row, row + 1, this.cost));
    return this.memory.view(Float64Array, this.cost, 1)[0];
  }

  /** The mean of ∇C over rows of the training set; of all without `rows`. */
  gradient(rows) {
    const n = rows?.length ?? this.sets[TRAINING].n, add = (begin, end) =>
      this.check(this.core.page_backward(this.me, TRAINING, begin, end, this.gradientAt, 0, 0));
    this.memory.view(Float32Array, this.gradientAt, this.nParams).fill(0);
    if (rows) for (const row of rows) add(row, row + 1);
    else add(0, n);
    return Float64Array.from(this.memory.view(Float32Array, this.gradientAt, this.nParams), (g) => g / n);
  }

  /** Mean cost, and share of right answers, of a set. */
  scores(set) {
    const { core, me } = this, kept = this.sums();
    core.page_clear_sums(me);
    this.check(core.page_cost(me, set, 0, this.sets[set].n, 0));
    const found = this.sums();
    this.memory.view(Float64Array, core.page_sums(me), 3).set(kept);
    return this.means(found);
  }

  sums() {
    return this.memory.view(Float64Array, this.core.page_sums(this.me), 3).slice(); // loss, correct, weight
  }

  means([loss, correct, weight]) {
    return { loss: weight ? loss / weight : null, accuracy: weight && this.setup.metric ? correct / weight : null };
  }

  /** Outputs of n rows, or the activations of layer l. */
  activations(set, n, l = this.L) {
    const out = this.memory.room(4 * n * this.sizes[l]), list = this.memory.put(new Uint32Array(this.L + 1));
    this.memory.view(Uint32Array, list, this.L + 1)[l] = out;
    this.check(this.core.page_forward(this.me, set, 0, n, list));
    const found = this.memory.view(Float32Array, out, n * this.sizes[l]).slice();
    for (const at of [out, list]) this.core.page_release(at);
    return found;
  }

  /** Activations of layer l at many points, (n, n_in) in the units of X. */
  map(X, l) {
    const n = X.length / this.sizes[0], at = this.memory.put(Float64Array.from(X));
    this.core.page_rows(this.me, ASKED, CODES.Float64Array, n, at, 0, this.values, 0);
    const found = this.activations(ASKED, n, l);
    this.core.page_release(at);
    return found;
  }

  train(order, batchSize, rate) {
    const rates = this.memory.put(new Float64Array(Math.ceil(order.length / batchSize)).fill(rate));
    const rows = this.memory.put(BigInt64Array.from(order, BigInt));
    const status = this.core.page_train(this.me, rows, order.length, batchSize, rates);
    for (const at of [rates, rows]) this.core.page_release(at);
    this.check(status);
    if (!this.core.page_finite(this.me)) throw new Error("the cost is no finite number: a smaller learning rate may help");
  }
}

/** A shuffle of 0 … n − 1: sfc32, seeded by (seed, 0, 0, 1) and 12 rounds; Fisher-Yates from the end. */
function shuffled(n, seed) {
  let [a, b, c, d] = [seed | 0, 0, 0, 1];
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** The training: where it is in its epoch, its history, its frames. */
class Trainer {
  constructor(network, { lr, batch_size }) {
    Object.assign(this, { network, lr, batch_size, speed: "full", running: false, version: 0, record: 0, drawn: true, dirty: true });
    this.clear();
  }

  clear() {
    Object.assign(this, { step: 0, examples: 0, seconds: 0, rate: 0, order: null, place: 0, sent: 0, message: "" });
    this.history = { loss: [], accuracy: [], val_loss: [], val_accuracy: [] };
    this.network.core.page_clear_sums(this.network.me);
    this.record += 1;
  }

  get epoch() {
    return this.history.loss.length;
  }

  changed() {
    this.version += 1;
    this.dirty = true;
    this.send();
  }

  /** Train on the next rows of the epoch; at its end log it. */
  go(rows) {
    const n = this.network.sets[TRAINING].n, began = performance.now();
    this.order ??= shuffled(n, this.epoch);
    const size = this.batch_size, end = Math.min(n, this.place + Math.max(1, Math.floor(rows / size)) * size);
    try {
      this.network.train(this.order.subarray(this.place, end), size, this.lr);
    } catch (error) {
      this.running = false;
      this.message = error.message;
      return;
    }
    this.step += Math.ceil((end - this.place) / size);
    this.examples += end - this.place;
    this.place = end;
    this.seconds += (performance.now() - began) / 1000;
    if (end === n) this.endEpoch();
  }

  endEpoch() {
    const { network } = this, now = network.means(network.sums());
    const validation = network.sets[VALIDATION] ? network.scores(VALIDATION) : { loss: null, accuracy: null };
    const row = { ...now, val_loss: validation.loss, val_accuracy: validation.accuracy };
    for (const name of Object.keys(this.history)) this.history[name].push(row[name]);
    network.core.page_clear_sums(network.me);
    [this.order, this.place] = [null, 0];
  }

  async play() {
    if (this.running) return;
    this.running = true;
    this.message = "";
    let rows = this.batch_size;
    while (this.running) {
      const began = performance.now(), before = this.examples;
      this.go(this.speed === "full" ? rows : this.batch_size);
      const took = performance.now() - began;
      this.rate = ((this.examples - before) / took) * 1000;
      rows = took < SLICE / 2 ? rows * 2 : took > SLICE ? Math.max(this.batch_size, rows / 2) : rows;
      this.changed();
      await pause(this.speed === "full" ? 0 : 1000 / this.speed);
    }
    this.changed();
  }

  advance({ steps, epochs, order }) {
    if (order) [this.order, this.place] = [Int32Array.from(order), 0];
    const target = this.epoch + (epochs ?? (order ? 1 : 0));
    for (let left = steps ?? Infinity; left > 0 && (steps ? true : this.epoch < target) && !this.message; left--)
      this.go(steps ? this.batch_size : Infinity);
    this.changed();
  }

  /** Post a frame, unless the page is still drawing the last one. */
  send() {
    if (!this.drawn || !this.dirty) return;
    [this.drawn, this.dirty] = [false, false];
    const history = { from: this.sent };
    for (const [name, values] of Object.entries(this.history)) history[name] = Float64Array.from(values.slice(this.sent), (v) => v ?? NaN);
    this.sent = this.epoch;
    const last = (name) => this.history[name].at(-1) ?? null, now = this.network.means(this.network.sums());
    postMessage({ frame: { running: this.running, epoch: this.epoch, epochs: this.epoch, step: this.step, examples: this.examples,
      seconds: this.seconds, rate: this.rate, loss: last("loss") ?? now.loss, accuracy: last("accuracy") ?? now.accuracy,
      val_loss: last("val_loss"), val_accuracy: last("val_accuracy"), history, message: this.message, record: this.record,
      settings: { lr: this.lr, batch_size: this.batch_size, speed: this.speed }, params_version: this.version } });
  }
}

/** Let messages in: a timer of 0 would wait 4 ms after some rounds. */
function pause(milliseconds) {
  if (milliseconds > 0) return new Promise((resolve) => setTimeout(resolve, milliseconds));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(port1.close());
    port2.postMessage(0);
  });
}

let network, trainer;

const CALLS = {
  async start({ core, setup, training }) {
    network = new Network(await Memory.load(core), setup);
    trainer = new Trainer(network, training);
    return { n_params: network.nParams };
  },
  drawn: () => ((trainer.drawn = true), trainer.send()),
  forward: ({ x }) => (network.ask(x), { layers: network.forward() }),
  backprop({ x, target }) {
    network.ask(x, target);
    return { layers: network.forward(), ...network.backward(ASKED, 0), params: network.params.slice() };
  },
  costs({ x, target, place, values }) {
    network.ask(x, target);
    const { params } = network, now = params[place], costs = Float64Array.from(values, (value) => ((network.params[place] = value), network.costOf(ASKED, 0)));
    network.params[place] = now;
    return { costs, now };
  },
  params: () => ({ params: network.params.slice(), at: network.sizes.slice(1).map((_, k) => network.at(k + 1)) }),
  outputs: ({ set }) => ({ outputs: network.activations(set, network.sets[set].n) }),
  costs_of: ({ set, rows }) => ({ costs: Float64Array.from(rows, (row) => network.costOf(set, row)) }),
  scores: ({ set }) => network.scores(set),
  gradient: ({ rows }) => ({ gradient: network.gradient(rows) }),
  each: ({ rows, places }) => ({ gradients: rows.map((row) => { const { gradient } = network.backward(TRAINING, row); return Float32Array.from(places, (place) => gradient[place]); }) }),
  map: ({ X, layer }) => ({ values: network.map(X, layer) }),
  deck: ({ seed = 0 }) => ({ order: shuffled(network.sets[TRAINING].n, seed) }),
  train({ play, lr, batch_size, speed }) {
    Object.assign(trainer, Object.fromEntries(Object.entries({ lr, batch_size, speed }).filter(([, value]) => value != null)));
    if (play === false) trainer.running = false;
    else if (play) void trainer.play();
    if (!trainer.running) trainer.changed();
  },
  advance(args) {
    if (trainer.running) throw new Error("the network is being trained: pause it first");
    trainer.message = "";
    trainer.advance(args);
  },
  put({ params, anew }) {
    network.params = params;
    if (anew) {
      trainer.running = false;
      network.beginAnew();
      trainer.clear();
    }
    trainer.changed();
  },
};

self.onmessage = async ({ data: { id, name, args } }) => {
  try {
    const result = await CALLS[name](args ?? {});
    if (id !== undefined) postMessage({ id, result: result ?? {} });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
