// rate.mjs: a learning rate as a slider over powers of ten, with a field for the number

import { h } from "fastnn/dom.mjs";
import { numberField, slider } from "fastnn/controls.mjs";
import { number } from "fastnn/format.mjs";

/** Return {element, set(rate)}; `onchange` gets the rate. */
export function rateControl(value, onchange, name = "Learning rate η") {
  const change = (rate) => {
    set(rate);
    onchange(rate);
  };
  const bar = slider(name, { low: -4, high: 1.3, step: 0.05, value: Math.log10(value), format: (v) => number(Number((10 ** v).toPrecision(2))), oninput: (v) => change(Number((10 ** v).toPrecision(2))) });
  const field = numberField("or as a number", { low: 1e-9, value, onchange: change });
  // The slider has steps: the number beside it is the rate itself.
  const set = (rate) => {
    bar.set(Math.log10(rate));
    bar.input.nextElementSibling.textContent = number(rate);
    bar.input.setAttribute("aria-valuetext", number(rate));
    field.set(rate);
  };
  set(value);
  return { element: h("div", { class: "rate" }, bar.element, field.element), set };
}
