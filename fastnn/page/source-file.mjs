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
//       starts: [{ seed, params: ARRAY }] },   // fresh networks for `rewind`; may be empty
//     optimizer: { kind: 0 | 1 | 2, momentum, beta1, beta2, eps, weight_decay, nesterov, decoupled,
//                  clip_norm, clip_value },    // FirstOrder.kind and .constants; what is missing is
//                                              // 0; lr and batch_size are those of meta.optimizer
//     examples: EXAMPLES | null,
//     validation: EXAMPLES | null,
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
//   - `descend` of a start that was not recorded has `words` of one word: converged, diverged or
//     moving;
//   - `walkers` plays back the recorded call with the nearest arguments, and returns them as `args`;
//   - `rewind` knows the seeds of network.starts; without one it goes back to network.params;
//   - `deck` shuffles by its own generator (sfc32 and Fisher-Yates, in worker.mjs), not by NumPy's.
