// parts.mjs: the wishes of all neurons of a layer for the layer before, side by side, and their sum.

import { s } from "fastnn/dom.mjs";
import { bracketed, number } from "fastnn/format.mjs";
import { address, largest, paintSigned } from "fastnn/image.mjs";
import { arrow } from "fastnn/network.mjs";

const ROW = 30;

/**
 * Draw the columns of arrows: … + … + … = sum.
 *
 * spec: {width, label, formulas, askers: [j], sources: [i], part(j, i), sum(i), others (i → the sum of the askers
 * that are not drawn) | null, nameOf(i, narrow), askerName(j), formula(j, i), marked (an asker)}
 */
export function drawParts(spec) {
  const { width, askers, sources, others } = spec;
  const narrow = width < 520;
  const names = narrow ? 34 : Math.min(Math.max(...sources.map((i) => spec.nameOf(i).length)) * 7.6 + 14, width * 0.26);
  const count = askers.length + (others ? 1 : 0) + 1;
  const each = (width - names - 64) / count;
  const x = (k) => names + each * (k + 0.5);
  const height = 44 + ROW * sources.length + 8;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": spec.label });
  const heads = [...askers.map((j) => spec.askerName(j)), ...(others ? ["rest"] : []), "sum"];
  heads.forEach((text, k) => svg.append(s("text", { x: x(k), y: 30, class: `middle ${k === heads.length - 1 ? "bold" : "soft"} ${k < askers.length && askers[k] === spec.marked ? "bold" : ""} tiny`, text: text.slice(0, Math.max(2, Math.floor(each / 7))) }), s("text", { x: x(k) + each / 2, y: 30, class: "middle soft tiny", text: k < heads.length - 2 ? "+" : k === heads.length - 2 ? "=" : "" })));
  const most = Math.max(...sources.flatMap((i) => [spec.sum(i), ...(others ? [others(i)] : []), ...askers.map((j) => spec.part(j, i))].map(Math.abs)));
  svg.append(s("rect", { x: x(count - 1) - each / 2 + 4, y: 38, width: width - x(count - 1) + each / 2 - 4, height: ROW * sources.length + 6, rx: 8, class: "sum" }));
  sources.forEach((i, row) => svg.append(partRow(spec, i, 40 + ROW * row, { x, count, most, narrow, width })));
  return svg;
}

function partRow(spec, i, y, { x, count, most, narrow, width }) {
  const { askers, others } = spec;
  const all = [...askers.map((j) => spec.part(j, i)), ...(others ? [others(i)] : []), spec.sum(i)];
  const group = s("g", { class: "row", tabindex: "0", role: "img", "data-key": `part-${i}` }, s("rect", { x: 0, y, width, height: ROW, rx: 6, class: "hit" }), s("text", { x: 0, y: y + 20, class: narrow ? "tiny" : null, text: spec.nameOf(i, narrow) }));
  all.forEach((value, k) => group.append(...arrow(x(k), y + ROW / 2, value, most, ROW)));
  group.append(s("text", { x: width - 8, y: y + 20, class: "end tiny", text: number(Number(all.at(-1).toPrecision(3))) }));
  const terms = all.slice(0, -1).map(bracketed).join(" + ");
  const formula = `${spec.nameOf(i)}: −∂C/∂a = −Σ δ w = ${terms} = ${number(all.at(-1))}`;
  group.setAttribute("aria-label", formula);
  return spec.formulas.on(group, formula);
}

/**
 * Draw images side by side with signs between them: [{values, caption, address | null, text | null}], e.g. a × −δ = wish.
 *
 * spec: {width, label, formulas, place, shape, panels: [{kind: "input" | "signed" | "number", …}], signs: [" × ", …]}
 */
export function drawImages(spec) {
  const { width, panels, signs, shape } = spec;
  const numbers = panels.filter(({ kind }) => kind === "number").length;
  const room = 34;
  const perRow = Math.min(panels.length, width < 520 ? 3 : 4);
  const numberWidth = width < 520 ? 86 : 110;
  const oneRow = panels.length <= perRow;
  const inRow = oneRow ? panels.length - numbers : perRow;
  const side = Math.min((width - room * (perRow - 1) - (oneRow ? numbers * numberWidth : 0)) / inRow, spec.most ?? 230);
  const tall = (side * shape[0]) / shape[1];
  const rowHeight = tall + 54;
  const svg = s("svg", { viewBox: `0 0 ${width} ${rowHeight * Math.ceil(panels.length / perRow)}`, role: "group", "aria-label": spec.label });
  let [x, y] = [0, 0];
  panels.forEach((panel, k) => {
    if (k > 0 && k % perRow === 0) [x, y] = [0, y + rowHeight];
    const wide = panel.kind === "number" ? numberWidth : side;
    svg.append(onePanel(spec, panel, { x, y, wide, tall, k }));
    if (signs[k]) svg.append(s("text", { x: x + wide + room / 2, y: y + tall / 2 + 6, class: "middle big", text: signs[k] }));
    x += wide + room;
  });
  return svg;
}

function onePanel(spec, panel, { x, y, wide, tall, k }) {
  const group = s("g", { class: "panel", "data-key": `panel-${k}`, tabindex: "0", role: "img", "aria-label": `${panel.caption}. ${panel.formula ?? ""}` });
  if (panel.kind === "number") group.append(s("text", { x: x + wide / 2, y: y + tall / 2 + 7, class: "middle bold big", text: panel.text }));
  else {
    const href = panel.address ?? address((canvas) => paintSigned(canvas, panel.values, spec.shape, spec.place, panel.most ?? largest(panel.values)));
    group.append(s("image", { href, x, y, width: wide, height: tall, preserveAspectRatio: "none" }), s("rect", { x, y, width: wide, height: tall, class: panel.marked ? "frame chosen" : "frame" }));
  }
  const fits = Math.max(4, Math.floor((wide + 26) / 6.6));
  panel.caption.split("\n").forEach((line, n) => group.append(s("text", { x: x + wide / 2, y: y + tall + 18 + 16 * n, class: "middle tiny soft", text: line.length > fits ? `${line.slice(0, fits - 1)}…` : line })));
  return panel.formula ? spec.formulas.on(group, panel.formula) : group;
}
