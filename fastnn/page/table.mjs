// table.mjs: the table behind a picture, folded.

import { h, fill } from "fastnn/dom.mjs";
import { number } from "fastnn/format.mjs";

const MOST = 50; // rows

const shown = (value) => (typeof value === "number" ? number(value) : value === null || value === undefined ? "" : String(value));

/** Return {element, update(columns, rows)}: a table in <details>, filled when it is opened. */
export function behind(name) {
  let data = null;
  const place = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name });
  const element = h("details", { class: "behind" }, h("summary", { text: name }), place);
  const draw = () => element.open && data && fill(place, tableOf(name, ...data));
  element.addEventListener("toggle", draw);
  return {
    element,
    update(columns, rows) {
      data = [columns, rows];
      draw();
    },
  };
}

/** Return a table of columns (texts) and rows (numbers and texts); the first column names the row. */
export function tableOf(caption, columns, rows) {
  const head = h("tr", {}, columns.map((text) => h("th", { scope: "col", text })));
  const more = rows.length > MOST ? ` (the first ${MOST} of ${rows.length.toLocaleString("en-US")} rows)` : "";
  const body = rows.slice(0, MOST).map(([first, ...rest]) =>
    h("tr", {}, h("th", { scope: "row", text: shown(first) }), rest.map((value) => h("td", { class: typeof value === "number" ? "number" : null, text: shown(value) }))),
  );
  return h("table", {}, h("caption", { text: caption + more }), h("thead", {}, head), h("tbody", {}, body));
}
