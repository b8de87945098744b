// controls.mjs: buttons, sliders, switches, number fields and selects, each with a visible name.

import { h, fill, id } from "fastnn/dom.mjs";
import { number } from "fastnn/format.mjs";

/** A button; `primary` marks the one that leads on. */
export function button(name, onclick, { primary = false, title = null, label = null } = {}) {
  return h("button", { type: "button", class: primary ? "primary" : null, onclick, title, "aria-label": label }, name);
}

/** A slider with its name and value: {element, input, set(value), name(text)}. */
export function slider(name, { low, high, step = "any", value, oninput, format = number }) {
  const key = id("slider");
  const out = h("output", { for: key, text: format(value) });
  const input = h("input", { type: "range", id: key, min: low, max: high, step, value });
  input.value = value;
  const show = () => {
    out.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", out.textContent);
  };
  input.addEventListener("input", () => {
    show();
    oninput(Number(input.value));
  });
  show();
  const label = h("label", { for: key, text: name });
  const set = (v) => {
    input.value = v;
    show();
  };
  return { element: h("div", { class: "slider" }, label, input, out), input, set, name: (text) => (label.textContent = text) };
}

/** A field for a number: {element, input, set(value)}; `onchange` gets numbers within the bounds. */
export function numberField(name, { low = null, high = null, step = "any", value, onchange }) {
  const key = id("field");
  const input = h("input", { type: "number", id: key, min: low, max: high, step, value });
  input.addEventListener("change", () => {
    const valid = input.value !== "" && input.checkValidity();
    input.setAttribute("aria-invalid", String(!valid));
    if (valid) onchange(Number(input.value));
    else input.reportValidity();
  });
  const set = (v) => (input.value = v);
  return { element: h("div", { class: "field" }, h("label", { for: key, text: name }), input), input, set };
}

/** A switch that is on or off: {element, input, set(on)}. */
export function toggle(name, { on = false, onchange }) {
  const key = id("switch");
  const input = h("input", { type: "checkbox", id: key, role: "switch", checked: on });
  input.addEventListener("change", () => onchange(input.checked));
  return { element: h("div", { class: "toggle" }, input, h("label", { for: key, text: name })), input, set: (v) => (input.checked = v) };
}

/** A choice from a list of [value, text]: {element, input, set(value), options(list)}. */
export function select(name, choices, { value, onchange }) {
  const key = id("select");
  const input = h("select", { id: key });
  input.addEventListener("change", () => onchange(input.value));
  const options = (list, chosen = input.value) => {
    fill(input, list.map(([v, text]) => h("option", { value: v, text })));
    input.value = chosen;
  };
  options(choices, value);
  const set = (v) => (input.value = v);
  return { element: h("div", { class: "field" }, h("label", { for: key, text: name }), input), input, set, options };
}

/** One of a few, side by side, as radio buttons: {element, set(value)}. */
export function choice(name, choices, { value, onchange }) {
  const group = id("choice");
  const inputs = choices.map(([v]) => h("input", { type: "radio", name: group, id: `${group}-${v}`, value: v, checked: v === value }));
  inputs.forEach((input) => input.addEventListener("change", () => onchange(input.value)));
  const parts = choices.map(([v, text], k) => h("label", { for: `${group}-${v}` }, inputs[k], h("span", { text })));
  const element = h("fieldset", { class: "choice" }, h("legend", { text: name }), parts);
  return { element, set: (v) => inputs.forEach((input) => (input.checked = input.value === v)) };
}
