// figure.mjs: a picture with its formula line, its table and its exports; drawn again when its width changes.

import { h, fill, onceAFrame } from "fastnn/dom.mjs";
import { exports } from "fastnn/export.mjs";
import { FormulaLine } from "fastnn/formula.mjs";
import { behind } from "fastnn/table.mjs";

/**
 * A figure: {element, formulas, draw(painter), label(text), table(columns, rows)}.
 *
 * painter(width) returns an <svg> whose viewBox is `width` wide, so that a unit is a pixel.
 * options: name (of the files), data (returns what JSON gets), invitation (the line's first text).
 */
export class Figure {
  constructor({ name, data, invitation = "Point at a part, or reach it by Tab, for its formula with numbers.", tableName = "The numbers as a table" }) {
    this.formulas = new FormulaLine(invitation);
    this.place = h("div", { class: "picture" });
    this.behind = behind(tableName);
    this.svg = null;
    const below = h("div", { class: "below" }, this.formulas.element, exports(name, () => this.svg, data));
    this.element = h("figure", {}, this.place, below, this.behind.element);
    this.redraw = onceAFrame(() => this.paint());
    this.width = 0;
    new ResizeObserver(() => {
      if (Math.abs(this.place.clientWidth - this.width) > 1) this.redraw();
    }).observe(this.place);
  }

  draw(painter) {
    this.painter = painter;
    this.formulas.reset();
    this.paint();
  }

  paint() {
    const width = Math.max(this.place.clientWidth, 280);
    if (!this.painter || this.place.clientWidth === 0) return;
    this.width = this.place.clientWidth;
    const focused = this.place.getRootNode().activeElement?.getAttribute?.("data-key");
    this.svg = this.painter(width, this.formulas);
    fill(this.place, this.svg);
    if (focused) this.svg.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  table(columns, rows) {
    this.behind.update(columns, rows);
  }
}
