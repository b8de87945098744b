// conform.mjs: brings a drawing to the form of the training images, by the steps of fastnn/pictures.py.

const FAINT = 0.1; // of the largest ink
const SURE = 0.25; // fainter ink does not count for the box
const DUST = 0.001; // this share of the ink at each side may be dust

/** Ink is {values, rows, columns}, from 0 to 1; 0 is the background. */
const makeInk = (rows, columns) => ({ values: new Float64Array(rows * columns), rows, columns });

function sums({ values, rows, columns }, least = 0) {
  const [down, across] = [new Float64Array(rows), new Float64Array(columns)];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const value = values[r * columns + c];
      if (value <= least) continue;
      down[r] += value;
      across[c] += value;
    }
  return [down, across];
}

function ends(line) {
  const total = line.reduce((a, b) => a + b, 0);
  let [sum, first, last] = [0, -1, line.length];
  for (let k = 0; k < line.length; k++) {
    sum += line[k];
    if (first < 0 && sum / total > DUST) first = k;
    if (sum / total >= 1 - DUST) {
      last = k + 1;
      break;
    }
  }
  return [first, last];
}

function cut(ink) {
  const [down, across] = sums(ink, SURE);
  const [[top, bottom], [left, right]] = [ends(down), ends(across)];
  const part = makeInk(bottom - top, right - left);
  for (let r = 0; r < part.rows; r++) for (let c = 0; c < part.columns; c++) part.values[r * part.columns + c] = ink.values[(top + r) * ink.columns + left + c];
  return part;
}

// Catmull-Rom's cubic; Pillow's default, with its support widened where the picture shrinks.
function cubic(x) {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

function coefficients(from, to) {
  const scale = from / to;
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, k) => {
    const centre = (k + 0.5) * scale;
    const first = Math.max(Math.floor(centre - 2 * wide + 0.5), 0);
    const last = Math.min(Math.floor(centre + 2 * wide + 0.5), from);
    const weights = Array.from({ length: last - first }, (_, m) => cubic((first + m - centre + 0.5) / wide));
    const total = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/** Return ink scaled to rows × columns, as Pillow's resize does. */
export function resized(ink, rows, columns) {
  const wide = makeInk(ink.rows, columns);
  coefficients(ink.columns, columns).forEach(({ first, weights }, c) => {
    for (let r = 0; r < ink.rows; r++) weights.forEach((weight, m) => (wide.values[r * columns + c] += weight * ink.values[r * ink.columns + first + m]));
  });
  const small = makeInk(rows, columns);
  coefficients(ink.rows, rows).forEach(({ first, weights }, r) => {
    for (let c = 0; c < columns; c++) weights.forEach((weight, m) => (small.values[r * columns + c] += weight * wide.values[(first + m) * columns + c]));
  });
  return small;
}

function quantile(values, share) {
  const sorted = values.sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** Thin strokes have become faint: a tenth of the ink is to have its full colour. */
function strengthened(ink) {
  const most = ink.values.reduce((a, b) => Math.max(a, b), 0);
  const full = quantile(Array.from(ink.values).filter((value) => value > FAINT * most), 0.9);
  return { ...ink, values: ink.values.map((value) => Math.min(Math.max(value, 0) / full, 1)) };
}

function centreOf(ink, way) {
  if (way !== "mass") return [(ink.rows - 1) / 2, (ink.columns - 1) / 2];
  return sums(ink).map((line) => line.reduce((sum, value, k) => sum + value * k, 0) / line.reduce((a, b) => a + b, 0));
}

// Python's round: a half goes to the even neighbour.
const round = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/**
 * Return the drawing as one image of the network, shares of ink from 0 to 1, row by row; null if there is no ink.
 *
 * form: {shape, box, centre, centred_by} as measured by fastnn.pictures.ImageForm. Where the training images share
 * no size of their ink (box null), the whole drawing is scaled.
 */
export function conform(ink, form) {
  if (!ink.values.some((value) => value > SURE)) return null;
  const [rows, columns] = form.shape;
  if (form.box === null) return resized(ink, rows, columns).values.map((value) => Math.min(Math.max(value, 0), 1));
  const part = cut(ink);
  const scale = form.box / Math.max(part.rows, part.columns);
  const small = strengthened(resized(part, Math.max(round(scale * part.rows), 1), Math.max(round(scale * part.columns), 1)));
  const centre = centreOf(small, form.centred_by);
  const [down, right] = [0, 1].map((k) => round(form.centre[k] - centre[k]));
  const image = new Float64Array(rows * columns);
  for (let r = 0; r < small.rows; r++)
    for (let c = 0; c < small.columns; c++) {
      const [y, x] = [r + down, c + right];
      if (y >= 0 && y < rows && x >= 0 && x < columns) image[y * columns + x] = small.values[r * small.columns + c];
    }
  return image;
}
