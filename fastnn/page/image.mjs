// image.mjs: pixels and weights as images, on a canvas or as the address of a PNG.

import { h } from "fastnn/dom.mjs";
import { inkScale, signedScale } from "fastnn/colours.mjs";

/** Paint values into a canvas of rows × columns pixels; `colour` maps a value to [r, g, b]. */
export function paint(canvas, values, [rows, columns], colour) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    image.data.set(colour(values[i]), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Return the function from a pixel of X to a share of white. `meta.inputs` has the least and greatest level. */
export function shareOf(inputs) {
  const low = Array.isArray(inputs.low) || ArrayBuffer.isView(inputs.low) ? inputs.low[0] : inputs.low;
  const high = Array.isArray(inputs.high) || ArrayBuffer.isView(inputs.high) ? inputs.high[0] : inputs.high;
  return (value) => (value - low) / (high - low || 1);
}

/** Paint an example of the network's inputs, grey or of three channels (rows × columns × channels). */
export function paintInput(canvas, x, meta, place) {
  const [rows, columns, channels = 1] = meta.inputs.image;
  const share = shareOf(meta.inputs);
  const ink = inkScale(place);
  if (channels === 1) return paint(canvas, x, [rows, columns], (value) => ink(share(value)));
  const byte = (value) => 255 * Math.min(Math.max(share(value), 0), 1);
  const pixels = Array.from({ length: rows * columns }, (_, i) => i);
  return paint(canvas, pixels, [rows, columns], (i) => [0, 1, 2].map((k) => byte(x[channels * i + Math.min(k, channels - 1)])));
}

/** Paint signed values, as weights or wishes, blue and vermilion; channels are added. */
export function paintSigned(canvas, values, [rows, columns, channels = 1], place, most = largest(values)) {
  const one = channels === 1 ? values : Array.from({ length: rows * columns }, (_, i) => sumOf(values, channels * i, channels));
  return paint(canvas, one, [rows, columns], signedScale(place, channels === 1 ? most : largest(one)));
}

function sumOf(values, from, n) {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += values[from + k];
  return sum;
}

/** Return the largest size of any value. */
export function largest(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value) || 0);
  return most;
}

/** Return the data address of a PNG painted by `painter(canvas)`, for an <image> of an SVG. */
export function address(painter) {
  const canvas = h("canvas");
  painter(canvas);
  return canvas.toDataURL("image/png");
}

/** Return a canvas with a sentence for those who cannot see it. */
export function pictureOf(label) {
  return h("canvas", { class: "pixels", role: "img", "aria-label": label });
}
