// descent.mjs: gradient descent on a formula of x and y, with the exact gradient: dual numbers
//
// A program is a list of steps in reverse Polish order, as fastnn.explain.expression makes it: a
// number, "x", "y", or [name, count]. The rules, the end of a path and the order of arithmetic are
// those of fastnn/explain/{expression,descent}.py.

// f and its partial derivatives. Where a = b, min and max go with a.
const RULES = {
  pos: [(a) => a, () => 1],
  neg: [(a) => -a, () => -1],
  add: [(a, b) => a + b, () => 1, () => 1],
  sub: [(a, b) => a - b, () => 1, () => -1],
  mul: [(a, b) => a * b, (a, b) => b, (a) => a],
  div: [(a, b) => a / b, (a, b) => 1 / b, (a, b) => -a / b / b],
  pow: [
    (a, b) => a ** b,
    (a, b) => (b === 0 ? 0 : b * a ** (b - 1)),
    (a, b) => (a === 0 && b > 0 ? 0 : a ** b * Math.log(a)),
  ],
  sin: [Math.sin, Math.cos],
  cos: [Math.cos, (a) => -Math.sin(a)],
  tan: [Math.tan, (a) => 1 + Math.tan(a) ** 2],
  exp: [Math.exp, Math.exp],
  log: [Math.log, (a) => 1 / a],
  sqrt: [Math.sqrt, (a) => 0.5 / Math.sqrt(a)],
  abs: [Math.abs, Math.sign],
  tanh: [Math.tanh, (a) => 1 - Math.tanh(a) ** 2],
  sinh: [Math.sinh, Math.cosh],
  cosh: [Math.cosh, Math.sinh],
  arctan: [Math.atan, (a) => 1 / (1 + a * a)],
  min: [Math.min, (a, b) => Number(a <= b), (a, b) => Number(b < a)],
  max: [Math.max, (a, b) => Number(a >= b), (a, b) => Number(b > a)],
};

/** f(a, b, …) with df = ∂f/∂a da + ∂f/∂b db; a slope that is 0 everywhere is null. */
function apply([f, ...partials], duals) {
  if (duals.length > partials.length) duals = [apply([f, ...partials], duals.slice(0, -1)), duals.at(-1)];
  const values = duals.map(([v]) => v);
  let total = null;
  partials.forEach((partial, k) => {
    if (duals[k][1] !== null) total = (total ?? 0) + partial(...values) * duals[k][1];
  });
  return [f(...values), total];
}

/** The value, and its slope by one of x and y. */
function run(program, inputs, by) {
  const stack = [];
  for (const step of program) {
    if (typeof step === "number") stack.push([step, null]);
    else if (typeof step === "string") stack.push([inputs[step], step === by ? 1 : null]);
    else stack.push(apply(RULES[step[0]], stack.splice(-step[1])));
  }
  const [value, slope] = stack.pop();
  return [value, slope ?? 0];
}

export const valueAt = (program, x, y) => run(program, { x, y }, "")[0];

export const gradientAt = (program, x, y) => [run(program, { x, y }, "x")[1], run(program, { x, y }, "y")[1]];

const FAR = 1e6, TOLERANCE = 1e-6, CURVATURE_STEP = 1e-3;
const MOVING = "still moving";

/** "saddle" where f falls to a side of a place without slope: by the least eigenvalue of the Hessian. */
function judged(program, p, value) {
  const [[a, b], [c, d]] = [0, 1].map((axis) => {
    const [ahead, behind] = [1, -1].map((sign) => p.map((q, k) => (k === axis ? q + sign * CURVATURE_STEP * Math.max(1, Math.abs(q)) : q)));
    const [g, h] = [gradientAt(program, ...ahead), gradientAt(program, ...behind)];
    return g.map((slope, k) => (slope - h[k]) / (ahead[axis] - behind[axis]));
  });
  const middle = (a + d) / 2, reach = Math.hypot((a - d) / 2, (b + c) / 2);
  const size = Math.max(Math.abs(middle - reach), Math.abs(middle + reach)), noise = 1e-7 * (1 + Math.abs(value));
  return middle - reach < -(1e-3 * size + noise) ? "saddle" : "converged";
}

/** One descent from a start: v = μ v + ∇f, p = p − lr v; how it ended in one word. */
export function descend(program, { start, lr = 0.1, momentum = 0, steps = 1000 }) {
  const path = [], values = [], gradients = [];
  const stepTo = (p) => {
    const value = valueAt(program, ...p), gradient = gradientAt(program, ...p);
    if (![...p, value, ...gradient].every(Number.isFinite)) return false;
    path.push(...p);
    values.push(value);
    gradients.push(...gradient);
    return true;
  };
  if (!stepTo([...start])) throw new Error("start must be where f and its gradient are finite");
  const here = () => [path.slice(-2), gradients.slice(-2)];
  const far = FAR * (1 + Math.hypot(...start));
  let v = [0, 0], end = MOVING;
  const arrived = () => momentum * Math.hypot(...v) < TOLERANCE && Math.hypot(...here()[1]) < TOLERANCE;
  for (let k = 0; k < steps && !arrived(); k++) {
    const [p, g] = here();
    v = v.map((old, axis) => momentum * old + g[axis]);
    const next = p.map((old, axis) => old - lr * v[axis]);
    if (!stepTo(next) || Math.hypot(next[0] - start[0], next[1] - start[1]) >= far) {
      end = "diverged";
      break;
    }
  }
  if (end === MOVING && arrived()) end = judged(program, path.slice(-2), values.at(-1));
  return { path: Float64Array.from(path), values: Float64Array.from(values), gradients: Float64Array.from(gradients), end };
}

/** f on a grid, NaN where it is not defined: z[i n + j] at (x[j], y[i]). */
export function surface(program, { n = 101, x = [-4, 4], y = [-4, 4] }) {
  const side = ([low, high]) => Float64Array.from({ length: n }, (_, k) => low + ((high - low) * k) / (n - 1));
  const [across, up] = [side(x), side(y)], z = new Float64Array(n * n);
  up.forEach((b, i) => across.forEach((a, j) => {
    const value = valueAt(program, a, b);
    z[i * n + j] = Number.isFinite(value) ? value : NaN;
  }));
  return { x: across, y: up, z };
}
