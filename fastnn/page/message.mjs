// message.mjs: values and arrays as one block of bytes, as fastnn/explain/answers/message.py has them
//
// The length of a JSON header, the header, then the arrays it refers to, each at a multiple of 8.

const ARRAYS = { "<f4": Float32Array, "<f8": Float64Array, "<i4": Int32Array, "|u1": Uint8Array };

export function pack(value) {
  const arrays = [];
  const plain = JSON.stringify({ value: lift(value, arrays), arrays: arrays.map(describe) });
  const text = new TextEncoder().encode(plain);
  const begin = roundUp(4 + text.length);
  const size = arrays.reduce((sum, array) => sum + roundUp(array.byteLength), begin);
  const message = new Uint8Array(size);
  new DataView(message.buffer).setUint32(0, begin - 4, true);
  message.set(text, 4);
  message.fill(32, 4 + text.length, begin);
  let at = begin;
  for (const array of arrays) {
    message.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += roundUp(array.byteLength);
  }
  return message;
}

export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const arrays = header.arrays.map(([kind, shape]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const array = new ARRAYS[kind](buffer, at, count);
    at += roundUp(array.byteLength);
    return array;
  });
  return fill(header.value, arrays);
}

function describe(array) {
  const kind = Object.keys(ARRAYS).find((name) => array instanceof ARRAYS[name]);
  if (!kind) throw new Error(`${array.constructor.name} cannot be sent`);
  return [kind, [array.length]];
}

function lift(value, arrays) {
  if (ArrayBuffer.isView(value)) return { $: arrays.push(value) - 1 };
  if (Array.isArray(value)) return value.map((item) => lift(item, arrays));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, lift(item, arrays)]));
}

function fill(value, arrays) {
  if (Array.isArray(value)) return value.map((item) => fill(item, arrays));
  if (value === null || typeof value !== "object") return value;
  if ("$" in value) return arrays[value.$];
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, arrays)]));
}

function roundUp(size) {
  return Math.ceil(size / 8) * 8;
}
