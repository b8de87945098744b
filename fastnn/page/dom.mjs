// dom.mjs: elements of HTML and SVG, made without a framework.

const SVG = "http://www.w3.org/2000/svg";

/** Return an HTML element: props are attributes, `on…` listeners, `class`, `text`; children are nodes or texts. */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** Return an SVG element; `title` among the props becomes its tooltip. */
export function s(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function setProp(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "text") element.textContent = value;
  else if (name === "style") Object.entries(value).forEach(([key, v]) => element.style.setProperty(key, v));
  else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** Replace all children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let last = 0;

/** Return an id that no other element of the page has. */
export function id(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}

/** Return a function that runs `task` at the next frame, once, however often it is called. */
export function onceAFrame(task) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      task();
    });
  };
}

/** Return a function that runs an async task; asked again meanwhile, it runs once more when the first has ended. */
export function latest(task) {
  let [running, again] = [null, false];
  const run = async () => {
    do {
      again = false;
      await task();
    } while (again);
  };
  return () => {
    if (running) again = true;
    else running = run().finally(() => (running = null));
    return running;
  };
}
