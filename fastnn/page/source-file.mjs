// source-file.mjs: a source without a server: the core as WebAssembly in a worker, and a record
//
//   import { connect } from "fastnn/source-file.mjs";
//   const source = await connect(record);
//
// The worker computes every number of the network; what the core does not compute (sentences, the
// two walkers) was computed by fastnn.explain when the record was made, and is played back.
//
// THE RECORD is JSON, made by fastnn.explain.page:
//
//   { format: 1,
//     meta,                  // of source.meta, whole; kind "file"
//     core: ARRAY of uint8,  // core.wasm, and the text of worker.mjs: of a page that is one file.
//     worker: "text",        // Without them both are fetched from beside this module.
//     network: {             // functions, loss, sizes and dropout are those of meta.network
//       params: ARRAY of float32 (n_params),   // a float64 network is rounded; meta says so
//       loss_params: [n_out numbers] | null,   // huber's d, quantile's q
//       metric: 0 | 1 | 2,                     // none, argmax, threshold: fastnn/names.py
//       factor: 1,                             // inputs are x * factor or, with both of these,
//       shift: ARRAY of float64 (n_in) | null, // (x - shift) * scale
//       scale: ARRAY of float64 (n_in) | null,
//       out_shift, out_scale: ARRAY of float64 (n_out) | null,  // predict is a * out_scale + out_shift
//       starts: [{ seed, params: ARRAY }] },   // fresh networks for `rewind`; may be empty
//     neurons: PACKED [["…"], …],              // names, by layers 0 … L
//     optimizer: { kind: 0 | 1 | 2, momentum, beta1, beta2, eps, weight_decay, nesterov, decoupled,
//                  clip_norm, clip_value },    // FirstOrder.kind and .constants; what is missing is
//                                              // 0; lr and batch_size are those of meta.optimizer
//     examples: EXAMPLES | null,               // for the training, numbered first,
//     validation: EXAMPLES | null,             // and for the test, numbered after them
//     said: PACKED [ null | {                  // one entry an example, null: nothing was recorded
//       forward: ["…"], backprop: ["…"],       // `words` of the whole call
//       layers: [["…"], …],                    // words of the layers 1 … L
//       pair: null | { first, second, words } } ],
//     walkers: [ { args, result: PACKED } ],   // calls of `walkers` and what they gave
//     programs: [ [step, …] ],                 // of meta.functions, in the same order: below
//     descents: [ { args, result: PACKED } ] } // calls of `descend`; others are computed here
//
//   ARRAY     { dtype: "float32" | "float64" | "uint8" | "int32", shape: [..], data: "base64" }
//             little-endian, row-major, compressed by zlib.compress
//   PACKED    { json: "base64" } of zlib.compress(JSON in UTF-8)
//   EXAMPLES  { X: ARRAY (n, n_in) of uint8, float32 or float64, in the units of X,
//               labels: ARRAY of int32 (n) | null,           // numbers of classes; of one output 0, 1
//               values: ARRAY of float32 (n, n_out) | null,  // or targets as the network compares them
//               targets: ARRAY of float64 (n, k) | null }    // and in the units of y
//   step      of a stack machine: a number, "x", "y", or [name, count]: apply "neg", "add", "sub",
//             "mul", "div", "pow" or a function of fastnn.explain.expression to so many values
//
// What differs from source-local.mjs:
//   - a result that was played back has `recorded: true`;
//   - sentences are those of the network as it was recorded and of an example as it was: after a
//     step, or for a changed x, `words` are [] and `silent` is one sentence that says why;
//   - `descend` of a start that was not recorded has no words, but `end`: converged, saddle, diverged
//     or still moving;
//   - `walkers` plays back the recorded call with the nearest arguments, and returns them as `args`;
//   - `rewind` knows the seeds of network.starts; without one it goes back to network.params;
//   - `deck` shuffles by its own generator (sfc32 and Fisher-Yates, in worker.mjs), not by NumPy's.

import { CALLS } from "fastnn/answers.mjs";

const TYPES = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array };
const SILENT = {
  trained: "The sentences were recorded before this network was trained here; rewind to read them.",
  changed: "The sentences were recorded for the examples as they are; this one was changed or drawn.",
  open: "There is no recorded sentence for this.",
};

export async function connect(record) {
  if (record.format !== 1) throw new Error(`this page reads records of format 1, not ${record.format}`);
  const source = new FileSource(record.meta);
  await source.open(record);
  return source;
}

async function bytesOf(base64) {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function array(packed) {
  return packed ? new TYPES[packed.dtype]((await bytesOf(packed.data)).buffer) : null;
}

async function json(packed) {
  return JSON.parse(new TextDecoder().decode(await bytesOf(packed.json)));
}

async function examples(packed) {
  if (!packed) return null;
  const [X, labels, values, targets] = await Promise.all(["X", "labels", "values", "targets"].map((name) => array(packed[name])));
  return { X, labels, values, targets, n: packed.X.shape[0] };
}

class FileSource {
  constructor(meta) {
    Object.assign(this, { meta, onframe: null, waiting: new Map(), next: 0, version: 0, trained: false, record: null });
    this.sizes = meta.network.sizes;
    this.nIn = this.sizes[0];
    this.nOut = this.sizes.at(-1);
  }

  async open(record) {
    this.record = record;
    const { network } = record;
    const names = ["params", "shift", "scale", "out_shift", "out_scale"];
    const unpacked = await Promise.all(names.map((name) => array(network[name])));
    this.network = { ...network, ...Object.fromEntries(names.map((name, k) => [name, unpacked[k]])) };
    this.sets = await Promise.all([examples(record.examples), examples(record.validation)]);
    [this.said, this.neurons] = await Promise.all([json(record.said), json(record.neurons)]);
    this.startWorker(record);
    const { functions, loss, dropout } = this.meta.network;
    const core = record.core ? await bytesOf(record.core.data) : new URL("core.wasm", import.meta.url).href;
    const setup = { ...this.network, sizes: this.sizes, functions, loss, dropout, optimizer: record.optimizer };
    await this.ask("start", { core, setup: { ...setup, examples: this.sets[0], validation: this.sets[1] }, training: this.meta.optimizer });
  }

  startWorker({ worker }) {
    const address = worker ? URL.createObjectURL(new Blob([worker], { type: "text/javascript" })) : new URL("worker.mjs", import.meta.url);
    this.worker = new Worker(address); // a classic one: from file: no module of a Blob starts
    this.worker.onmessage = ({ data }) => (data.frame ? this.draw(data.frame) : this.answer(data));
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the worker failed: ${event.message ?? "it did not start"}`));
    };
  }

  ask(name, args) {
    const id = this.next++;
    this.worker.postMessage({ id, name, args });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  answer({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id) ?? {};
    this.waiting.delete(id);
    if (error) reject?.(new Error(error));
    else resolve?.(result);
  }

  unpack(packed) {
    return array(packed);
  }

  json(packed) {
    return json(packed);
  }

  /** Set the parameters; `anew`: and begin the training anew. */
  async put(params, anew = false) {
    this.trained = true;
    await this.ask("put", { params, anew });
  }

  async learn(name, args) {
    if (args.play !== false) this.trained = true;
    return this.ask(name, args);
  }

  async draw(frame) {
    try {
      await this.onframe?.(frame);
    } finally {
      this.worker.postMessage({ name: "drawn" });
    }
  }

  close() {
    this.worker.terminate();
  }

  async call(name, args = {}) {
    if (!Object.hasOwn(CALLS, name)) throw new Error(this.meta.can.why?.[name] ?? `this page has no call ${name}`);
    return CALLS[name](this, args);
  }

  /** The set and the row of an example: those of the training first. */
  place(index) {
    const n = this.sets[0]?.n ?? 0, total = n + (this.sets[1]?.n ?? 0);
    if (!Number.isInteger(index) || index < 0 || index >= total) throw new Error(`there are the examples 0 to ${total - 1}, not ${index}`);
    return index < n ? [0, index] : [1, index - n];
  }

  example(index) {
    const [which, row] = this.place(index), set = this.sets[which];
    const part = (values, n) => values.slice(row * n, (row + 1) * n);
    const label = set.labels ? set.labels[row] : null, k = set.targets ? set.targets.length / set.n : 0;
    const numbers = k ? part(set.targets, k) : null;
    const y = set.labels ? this.coded({ label }) : part(set.values, this.nOut);
    const x = set.X instanceof Float64Array ? part(set.X, this.nIn) : Float32Array.from(part(set.X, this.nIn));
    return { index, x, target: label === null ? (k === 1 ? numbers[0] : numbers) : this.className(label), y, label_index: label, test: which === 1 };
  }

  className(label) {
    return (this.meta.classes ?? this.meta.outputs.names)[label] ?? String(label);
  }

  /** Targets of the outputs as the network compares them. */
  coded({ label, values }) {
    if (values) return values;
    return this.nOut === 1 ? Float32Array.of(label) : Float32Array.from({ length: this.nOut }, (_, j) => Number(j === label));
  }

  /** What is asked about: an example by its index, or x and a target as it is named. */
  asked({ index, x, target }) {
    const known = index == null ? null : this.example(index);
    const row = known?.x ?? x;
    if (!row || row.length !== this.nIn) throw new Error(`x must be ${this.nIn} numbers`);
    if (target == null && !known) throw new Error("give x and target, or the index of an example");
    const aim = target == null || known?.target === target ? this.aimOf(known) : this.aim(target);
    return { x: row, target: aim, said: this.saidOf(index, row, aim) };
  }

  aimOf({ label_index: label, y }) {
    return label === null ? { values: y } : { label };
  }

  aim(target) {
    if (this.meta.task === "classes") {
      const names = this.meta.classes ?? this.meta.outputs.names, found = names.indexOf(target);
      const label = found >= 0 ? found : Number(target);
      if (!Number.isInteger(label) || label < 0 || label >= Math.max(2, this.nOut)) throw new Error(`there is no class ${target}`);
      return { label };
    }
    const numbers = typeof target === "number" ? [target] : [...target], { out_shift: shift, out_scale: scale } = this.network;
    return { values: Float32Array.from(numbers, (y, j) => (scale ? (y - shift[j]) / scale[j] : y)) };
  }

  /** The sentences on an example, or { silent }: why there are none. */
  saidOf(index, x, aim) {
    if (this.trained) return { silent: SILENT.trained };
    const place = index ?? this.find(x);
    if (place == null) return { silent: SILENT.changed };
    const known = this.example(place), same = (a, b) => a.length === b.length && a.every((v, k) => v === b[k]);
    if (!same(known.x, x) || (aim && !same(this.coded(aim), known.y))) return { silent: SILENT.changed };
    return this.said[place] ?? { silent: SILENT.open };
  }

  /** The number of the example whose inputs these are, or null. */
  find(x) {
    const row = (set) => {
      for (let i = 0; i < (set?.n ?? 0); i++) {
        let k = 0;
        while (k < this.nIn && set.X[i * this.nIn + k] === x[k]) k++;
        if (k === this.nIn) return i;
      }
      return -1;
    };
    const first = row(this.sets[0]);
    if (first >= 0) return first;
    const second = row(this.sets[1]);
    return second < 0 ? null : second + this.sets[0].n;
  }

  predict(a) {
    const { out_shift: shift, out_scale: scale } = this.network;
    return scale ? a.map((value, j) => value * scale[j % this.nOut] + shift[j % this.nOut]) : a;
  }

  /** The number of the class that outputs stand for. */
  numbered(a) {
    return this.nOut === 1 ? Number(a[0] >= 0.5) : a.indexOf(Math.max(...a));
  }

  /** Name and place of a parameter by its number. */
  parameter(place) {
    let [l, left] = [1, place];
    while (left >= (this.sizes[l - 1] + 1) * this.sizes[l]) left -= (this.sizes[l - 1] + 1) * this.sizes[l++];
    const n = this.sizes[l], i = Math.floor(left / n), j = left % n, neuron = this.neurons[l][j];
    if (i === this.sizes[l - 1]) return { name: `biases[${l - 1}][${j}]`, words: `bias of ${neuron}`, layer: l, i: null, j };
    return { name: `weights[${l - 1}][${i}, ${j}]`, words: `${this.neurons[l - 1][i]} → ${neuron}`, layer: l, i, j };
  }

  numberOf(layer, i, j) {
    let at = 0;
    for (let k = 1; k < layer; k++) at += (this.sizes[k - 1] + 1) * this.sizes[k];
    return at + (i ?? this.sizes[layer - 1]) * this.sizes[layer] + j;
  }
}
