// model-file.mjs: fastnn's model files, as fastnn/model_file/container.py has them: safetensors
//
// The length of a JSON header (8 bytes), the header, then the tensors, little-endian.

const NUMBERS = { F32: Float32Array, F64: Float64Array };

/** Return {header, begin}: the entries of the tensors, and where their bytes begin. */
function headerOf(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))), begin: 8 + length };
}

/** Return a model file with other parameters: all weights and biases, layer by layer. */
export function withParameters(template, params) {
  if (!params.every(Number.isFinite)) throw new Error("the parameters hold NaN or infinity; such a network is not saved");
  const bytes = template.slice(), { header, begin } = headerOf(bytes);
  let at = 0;
  for (let l = 0; header[`weights.${l}`]; l++)
    for (const { dtype, shape, data_offsets: [first] } of [header[`weights.${l}`], header[`biases.${l}`]]) {
      const n = shape.reduce((product, size) => product * size, 1);
      const values = NUMBERS[dtype].from(params.subarray(at, at + n));
      bytes.set(new Uint8Array(values.buffer), begin + first);
      at += n;
    }
  return bytes;
}
