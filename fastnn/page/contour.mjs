// contour.mjs: levels of values on a grid, and the closed curves around all that is above a level

/** Return least and largest of the finite values, or null if there are none. */
export function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : null;
}

/** Return `count` levels, evenly spaced, or in equal ratios if most of the values are small. */
export function levels(values, count = 14) {
  const range = extent(values);
  if (!range || range[1] - range[0] <= 1e-12 * Math.max(1, Math.abs(range[0]))) return [];
  const [low, high] = range;
  const height = high - low;
  const steps = Array.from({ length: count }, (_, k) => k / count);
  if (!mostlySmall(values, range)) return steps.map((share) => low + share * height);
  return steps.map((share, k) => (k ? low + height * 10 ** (-4 * (1 - share)) : low));
}

function mostlySmall(values, [low, high]) {
  const finite = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
  return finite[finite.length >> 1] - low < 0.1 * (high - low);
}

/** Return the share of the levels below a value, 0 to 1 with fractions: the place in the scale of colours. */
export function shareOf(value, steps, high) {
  if (!steps.length) return 0;
  let k = 0;
  while (k + 1 < steps.length && steps[k + 1] <= value) k++;
  const next = k + 1 < steps.length ? steps[k + 1] : high;
  const part = next > steps[k] ? (value - steps[k]) / (next - steps[k]) : 0;
  return (k + Math.min(Math.max(part, 0), 1)) / steps.length;
}

// Of a cell, whose corners are a b (above) and d c (below), the sides that a curve joins, such that
// what is above the level lies to its right. The bits of the index: a 8, b 4, c 2, d 1.
const SIDES = ["", "LB", "BR", "LR", "RT", "", "BT", "LT", "TL", "TB", "", "TR", "RL", "RB", "BL", ""];
const SADDLES = { 5: ["LBRT", "LTRB"], 10: ["TLBR", "TRBL"] }; // centre below the level, and above it

/**
 * Return the closed curves around all places where values are at least `level`, as lists of [column, row].
 * Beyond the grid, and where a value is not finite, is below every level, so that every curve closes.
 */
export function rings(values, columns, rows, level) {
  const at = (i, j) => {
    if (i < 0 || j < 0 || i >= rows || j >= columns) return -Infinity;
    const value = values[i * columns + j];
    return Number.isFinite(value) ? value : -Infinity;
  };
  const next = new Map();
  for (let i = -1; i < rows; i++) for (let j = -1; j < columns; j++) joinSides(at, i, j, level, columns, next);
  return linked(next, (side) => crossing(side, at, level, columns));
}

// A side of a cell has the number of the corner it starts from, twice, and 1 more if it leads down.
const corner = (i, j, columns) => 2 * ((i + 1) * (columns + 2) + j + 1);

function joinSides(at, i, j, level, columns, next) {
  const corners = [at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)];
  const index = corners.reduce((bits, value) => 2 * bits + (value >= level), 0);
  if (index === 0 || index === 15) return;
  const middle = corners.reduce((sum, value) => sum + value, 0) / 4;
  const pairs = SADDLES[index]?.[Number(middle >= level)] ?? SIDES[index];
  const sides = { T: corner(i, j, columns), L: corner(i, j, columns) + 1, B: corner(i + 1, j, columns), R: corner(i, j + 1, columns) + 1 };
  for (let k = 0; k < pairs.length; k += 2) next.set(sides[pairs[k]], sides[pairs[k + 1]]);
}

function linked(next, place) {
  const found = [];
  while (next.size) {
    const [start] = next.keys();
    const ring = [];
    for (let side = start; next.has(side); ) {
      const following = next.get(side);
      next.delete(side);
      ring.push(place(side));
      side = following;
    }
    found.push(ring);
  }
  return found;
}

function crossing(side, at, level, columns) {
  const down = side % 2;
  const place = (side - down) / 2;
  const [i, j] = [Math.floor(place / (columns + 2)) - 1, (place % (columns + 2)) - 1];
  const [here, there] = [at(i, j), at(i + down, j + 1 - down)];
  let share = (level - here) / (there - here);
  if (here === -Infinity) share = 1; // at the border, not beyond it
  if (there === -Infinity) share = 0;
  return [j + (down ? 0 : share), i + (down ? share : 0)];
}

/** Return the values on a grid `times` as fine, by cubic curves through them: for smooth contours of few values. */
export function finer(values, columns, rows, times) {
  if (!Array.from(values).every(Number.isFinite)) return { values, columns, rows };
  const across = along(values, columns, rows, times, columns, 1);
  const wide = (columns - 1) * times + 1;
  const up = along(across, rows, wide, times, 1, wide);
  return { values: up, columns: wide, rows: (rows - 1) * times + 1 };
}

// Refine `n` values `step` apart on each of `lines` lines that are `stride` apart (Catmull and Rom's curves).
function along(values, n, lines, times, stride, step) {
  const long = (n - 1) * times + 1;
  const out = new Float64Array(long * lines);
  for (let line = 0; line < lines; line++) {
    const at = (k) => values[line * stride + Math.min(Math.max(k, 0), n - 1) * step];
    for (let k = 0; k < long; k++) {
      const [whole, t] = [Math.floor(k / times), (k % times) / times];
      const value = cubic(at(whole - 1), at(whole), at(whole + 1), at(whole + 2), t);
      out[step === 1 ? line * long + k : k * lines + line] = value;
    }
  }
  return out;
}

function cubic(before, a, b, after, t) {
  const [c, d] = [(b - before) / 2, (after - a) / 2];
  return a + t * (c + t * (3 * (b - a) - 2 * c - d + t * (2 * (a - b) + c + d)));
}
