// bars.mjs: signed quantities as horizontal bars from a common zero, each with its name and number.

import { sign } from "fastnn/colours.mjs";
import { s } from "fastnn/dom.mjs";
import { number } from "fastnn/format.mjs";

const ROW = 26;

/**
 * Draw bars. rows: [{name, value, text, formula, marked, soft}]; `text` defaults to the number.
 * spec: {width, rows, label, formulas, heading: [left, right] | null, unsigned: grey bars, pick(k) | null}
 */
export function drawBars(spec) {
  const { width, rows, heading = null } = spec;
  const names = Math.min(Math.max(...rows.map((row) => row.name.length), heading ? heading[0].length : 0) * 7.6 + 14, width * 0.46);
  const numbers = Math.max(...rows.map((row) => (row.text ?? number(row.value)).length), 8) * 7.8 + 8;
  const [low, high] = [Math.min(0, ...rows.map((row) => row.value)), Math.max(0, ...rows.map((row) => row.value))];
  const room = Math.max(width - names - numbers, 30);
  const x = (value) => names + (room * (value - low)) / (high - low || 1);
  const top = heading ? 24 : 4;
  const svg = s("svg", { viewBox: `0 0 ${width} ${top + ROW * rows.length + 4}`, role: "img", "aria-label": spec.label });
  if (heading) svg.append(s("text", { x: 0, y: 14, class: "tiny soft", text: heading[0] }), s("text", { x: width, y: 14, class: "tiny soft end", text: heading[1] }));
  svg.append(s("line", { x1: x(0), x2: x(0), y1: top, y2: top + ROW * rows.length, class: "stroke-none" }));
  rows.forEach((row, k) => svg.append(bar(spec, row, k, { x, y: top + ROW * k, names, width })));
  return svg;
}

function bar(spec, row, k, { x, y, names, width }) {
  const most = Math.floor((names - 8) / 7.4);
  const short = row.name.length > most ? `${row.name.slice(0, most - 1)}…` : row.name;
  const [from, to] = [x(0), x(row.value)].sort((a, b) => a - b);
  const kind = spec.unsigned ? "none" : sign(row.value);
  const group = s(
    "g",
    { class: `bar ${row.marked ? "marked" : ""}`, "data-key": `bar-${k}`, tabindex: row.formula ? "0" : null, role: row.formula ? "img" : null, "aria-label": row.formula ? `${row.name}: ${row.text ?? number(row.value)}. ${row.formula}` : null },
    s("rect", { x: 0, y, width, height: ROW, class: "hit" }),
    s("text", { x: 0, y: y + 18, class: `${row.soft ? "soft" : ""} ${row.marked ? "bold" : ""}`, text: short }),
    s("rect", { x: from, y: y + 5, width: Math.max(to - from, 1), height: ROW - 10, rx: 2, class: `fill-${kind}` }),
    s("text", { x: width, y: y + 18, class: `end ${row.marked ? "bold" : ""}`, text: row.text ?? number(row.value) }),
  );
  return row.formula ? spec.formulas.on(group, row.formula) : group;
}
