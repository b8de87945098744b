// tab-backprop.mjs: the tab Backprop.

import { h } from "fastnn/dom.mjs";

export function create(app) {
  const element = h("div");
  return { title: "Backprop", element, show() { element.textContent = JSON.stringify(Array.from(app.current.x).slice(0, 5)); }, hide() {}, stateOf: () => ({}), restore() {} };
}
