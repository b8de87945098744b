// arrows.mjs: pictures of a step: the angle of two gradients, and costs before, promised and after

import { s, fill } from "fastnn/dom.mjs";
import { scale, sized } from "fastnn/chart.mjs";
import { number, whole } from "fastnn/format.mjs";
import { arrow } from "fastnn/surface.mjs";

const LONG = 190; // pixels of an arrow

/** The directions of a batch and of all examples: {element, update(degrees, cosine, m, n)}. */
export function angle() {
  const element = s("svg", { class: "angle", role: "img", viewBox: "0 0 420 300" });
  const update = (degrees, cosine, m, n) => {
    element.setAttribute("aria-label", `Two arrows with an angle of ${number(degrees)} degrees: −∇C of this batch, and of all examples`);
    const known = Number.isFinite(degrees);
    fill(element, known ? arrows(degrees, cosine, m, n) : s("text", { x: 20, y: 40 }, "One of the two gradients is 0."));
  };
  return { element, update };
}

function arrows(degrees, cosine, m, n) {
  const [x, y] = [150, 232];
  const at = (angle_, size) => [x + size * Math.cos(rad(angle_)), y - size * Math.sin(rad(angle_))];
  const [tx, ty] = at(degrees, LONG);
  const [ax, ay] = at(degrees, 62);
  const arc = `M${x + 62} ${y}A62 62 0 0 0 ${ax.toFixed(1)} ${ay.toFixed(1)}`;
  const [lx, ly] = at(degrees / 2, 86);
  const angleText = `${number(Number(degrees.toFixed(1)))}°`;
  const up = y - LONG - 14;
  return [
    s("line", { class: "right-angle", x1: x, x2: x, y1: y, y2: up }),
    s("text", { class: "soft tiny middle", x, y: up - 5 }, "90°: no help at all"),
    s("path", { class: "arc", d: arc }),
    arrow(x, y, LONG, 0, "full-way", 20),
    arrow(x, y, tx - x, ty - y, "batch-way", 20),
    degrees > 24 ? s("text", { class: "bold", x: lx - 12, y: ly + 5 }, angleText) : null,
    s("text", { class: "bold", x: 14, y: 292 }, `${angleText} apart; cosine ${number(Number(cosine.toFixed(4)))}`),
    s("text", { x: x + LONG - 12, y: y + 24, "text-anchor": "middle" }, `all ${whole(n)} examples`),
    s("text", { class: "fill-mark", ...beside(tx, ty, degrees) }, `this batch of ${whole(m)}`),
  ];
}

const rad = (degrees) => (degrees * Math.PI) / 180;

// The name of the batch's arrow stands where it crosses neither arrow.
function beside(x, y, degrees) {
  if (degrees < 25) return { x, y: y - 14, "text-anchor": "middle" };
  if (degrees > 100) return { x: Math.max(x, 70), y: y - 12, "text-anchor": "middle" };
  return { x: x + 12, y: y + 4 };
}

/** Costs of the batch and of all examples on two lines: {element, update(costs, taken)}; taken is null before the step. */
export function costs() {
  const element = s("svg", { class: "costs", role: "img" });
  let last = null;
  const draw = sized(element, () => 200, (width) => last && fill(element, bars(...last, width)));
  const update = (before, taken) => {
    last = [before, taken];
    element.setAttribute("aria-label", `Costs: ${lines(before, taken).map(({ name, now, promised, after }) => `${name} ${number(now)}, promised ${number(promised)}${after === undefined ? "" : `, after the step ${number(after)}`}`).join("; ")}`);
    draw();
  };
  return { element, update };
}

function lines(before, taken) {
  return [
    { name: "this batch", now: before.cost_before, promised: before.cost_before + before.promised, after: taken?.cost_after },
    { name: "all examples", now: before.full_before, promised: before.full_before + before.full_promised, after: taken?.full_after },
  ];
}

// Each line has a scale of its own: the cost of one batch may be far from that of all examples.
function bars(before, taken, width) {
  return [legend(), lines(before, taken).map((line, k) => costLine(line, width, 44 + 84 * k))];
}

function legend() {
  const names = [["cost-now", "before"], ["cost-promised", "promised"], ["cost-after", "after"]];
  return names.map(([kind, name], k) => s("g", {}, s("circle", { class: kind, cx: 26 + 110 * k, cy: 14, r: 6 }), s("text", { x: 38 + 110 * k, y: 19 }, name)));
}

function costLine({ name, now, promised, after }, width, y) {
  const values = [now, promised, after ?? now];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.1 * (high - low) || 0.01 * Math.abs(high) || 1;
  const x = scale(low - margin, high + margin, 20, width - 20);
  const dot = (kind, value) => s("circle", { class: kind, cx: x.place(value), cy: y + 24, r: 6 }, s("title", {}, number(value)));
  const told = [`${number(now)}, promised ${number(promised)}`, after === undefined ? "" : `, after ${number(after)}`].join("");
  const way = { class: after === undefined ? "cost-way promised" : "cost-way", x1: x.place(now), x2: x.place(after ?? promised), y1: y + 24, y2: y + 24 };
  return s("g", {}, s("text", { x: 20, y: y + 4 }, name), s("text", { class: "tick", x: 20, y: y + 52 }, `cost ${told}`), s("line", { class: "cost-rail", x1: 20, x2: width - 20, y1: y + 24, y2: y + 24 }), s("line", way), dot("cost-now", now), dot("cost-promised", promised), after === undefined ? null : dot("cost-after", after));
}
