// formula.mjs: numbers whose formula shows on hover, focus or touch.

import { h, id } from "fastnn/dom.mjs";

/** Return a number in a text, with its formula: text is what stands there, formula the whole line. */
export function formula(text, formulaText, className = null) {
  const key = id("formula");
  const tip = h("span", { class: "tip", role: "tooltip", id: key, text: formulaText });
  const shown = h("span", { class: `formula ${className ?? ""}`, tabindex: "0", role: "button", "aria-describedby": key, text });
  return h("span", { class: "with-tip", onkeydown: (event) => event.key === "Escape" && shown.blur() }, shown, tip);
}

/** Give the parts of a picture formulas: one line below the picture shows that of the part pointed at or focused. */
export class FormulaLine {
  constructor(invitation) {
    this.invitation = invitation;
    this.element = h("p", { class: "formula-line", "aria-live": "off", text: invitation });
  }

  /** Make an SVG element show `text` (a text, or a function that returns it). */
  on(element, text) {
    const show = () => {
      this.element.textContent = typeof text === "function" ? text() : text;
      this.element.classList.add("shown");
    };
    element.addEventListener("pointerenter", show);
    element.addEventListener("focusin", show);
    element.classList.add("has-formula");
    return element;
  }

  reset() {
    this.element.textContent = this.invitation;
    this.element.classList.remove("shown");
  }
}
