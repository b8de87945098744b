// tab-draw.mjs: the tab Draw.

import { h } from "fastnn/dom.mjs";

export function create(app) {
  const element = h("div");
  return { title: "Draw", element, show() { element.textContent = JSON.stringify(Array.from(app.current.x).slice(0, 5)); }, hide() {}, stateOf: () => ({}), restore() {} };
}
