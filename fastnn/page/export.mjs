// export.mjs: pictures as SVG and PNG files, numbers as JSON.

import { h } from "fastnn/dom.mjs";
import { button } from "fastnn/controls.mjs";

const STYLES = ["fill", "stroke", "stroke-width", "stroke-opacity", "fill-opacity", "opacity", "stroke-linecap", "stroke-dasharray", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline", "image-rendering", "visibility", "display"];

/** Offer bytes or a text as a file. */
export function download(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Return the text of an SVG that needs no style sheet: texts stay texts. */
export function svgText(svg) {
  const copy = svg.cloneNode(true);
  const [originals, copies] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  originals.forEach((element, k) => {
    const style = getComputedStyle(element);
    STYLES.forEach((name) => copies[k].setAttribute(name, style.getPropertyValue(name))); // a style would break the page's policy
    ["class", "tabindex"].forEach((name) => copies[k].removeAttribute(name));
  });
  const [x, y, width, height] = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  const ground = getComputedStyle(svg.closest(".page")).backgroundColor;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  Object.entries({ x, y, width, height, fill: ground }).forEach(([name, value]) => paper.setAttribute(name, value));
  copy.insertBefore(paper, copy.firstChild);
  return new XMLSerializer().serializeToString(copy);
}

/** Return a PNG of an SVG, two pixels a unit, as a Blob. */
export async function png(svg) {
  const [, , width, height] = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(svg))}`;
  await image.decode();
  const canvas = h("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Return a JSON text; typed arrays become lists. */
export function json(data) {
  return JSON.stringify(data, (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value), 1);
}

/** Return the three buttons below a picture. `picture` returns an <svg> or a <canvas>, `data` what it shows. */
export function exports(name, picture, data) {
  const save = async (kind) => {
    const drawn = picture();
    const canvas = drawn instanceof HTMLCanvasElement;
    const blob = canvas ? await new Promise((resolve) => drawn.toBlob(resolve)) : await png(drawn);
    if (kind === "png") download(`${name()}.png`, blob, "image/png");
    else download(`${name()}.svg`, svgText(drawn), "image/svg+xml");
  };
  const svg = () => !(picture() instanceof HTMLCanvasElement);
  const buttons = [
    button("PNG", () => save("png"), { label: "Save the picture as PNG" }),
    svg() && button("SVG", () => save("svg"), { label: "Save the picture as SVG" }),
    button("JSON", () => download(`${name()}.json`, json(data()), "application/json"), { label: "Save the numbers as JSON" }),
  ];
  return h("div", { class: "exports", role: "group", "aria-label": "Save this picture" }, buttons);
}
