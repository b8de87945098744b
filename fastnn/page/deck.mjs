// deck.mjs: all examples as small tiles, that are shuffled and cut into mini-batches

import { h, onceAFrame } from "fastnn/dom.mjs";
import { css, rgb } from "fastnn/colours.mjs";
import { heights } from "fastnn/surface.mjs";

const SIZES = [16, 13, 11, 9, 7, 6, 5, 4, 3];
const TALLEST = 250;
const LENGTH = 1400; // milliseconds of a shuffle

/** A canvas of tiles: `deal(order, size, animated)`, `choose(batch)`, `use(batch)`; `pick(batch)` is called on a click. */
export class Deck {
  constructor(pick) {
    this.element = h("canvas", { class: "deck", role: "img" });
    Object.assign(this, { order: null, size: 10, chosen: 0, used: new Set(), share: 1 });
    this.draw = onceAFrame(() => this.drawn());
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.element.addEventListener("click", (event) => {
      const found = this.places?.findIndex((_, k) => this.holds(k, event.offsetX, event.offsetY)) ?? -1;
      if (found >= 0) pick(Math.floor(found / this.size));
    });
  }

  /** Show an order of the rows; animated, each tile moves from its place in the data to its place in the deck. */
  deal(order, size, animated) {
    Object.assign(this, { order, size, chosen: 0, used: new Set(), share: animated ? 0 : 1 });
    const n = order.length;
    this.element.setAttribute("aria-label", `All ${n.toLocaleString("en-US")} examples as tiles, shuffled and cut into batches of ${size}; a tile's colour is its place in the data before the shuffle.`);
    cancelAnimationFrame(this.frame);
    const began = performance.now();
    const tick = (now) => {
      this.share = Math.min(1, Math.max(0, (now - began) / LENGTH));
      this.drawn();
      if (this.share < 1) this.frame = requestAnimationFrame(tick);
    };
    if (animated) this.frame = requestAnimationFrame(tick);
    this.draw();
  }

  choose(batch) {
    this.chosen = batch;
    this.draw();
  }

  use(batch) {
    this.used.add(batch);
    this.draw();
  }

  holds(k, x, y) {
    const [px, py] = this.places[k];
    return x >= px - 1 && x <= px + this.tile && y >= py - 1 && y <= py + this.tile;
  }

  // The largest tiles with which all batches fit; of more examples than fit at all, the first ones are shown.
  layOut(width) {
    for (const tile of SIZES) {
      const { places, height } = placesOf(this.order.length, this.size, tile, width);
      Object.assign(this, { tile, places });
      if (height <= TALLEST) return height;
    }
    const fit = this.places.findIndex(([, y]) => y + this.tile > TALLEST);
    this.places = this.places.slice(0, fit);
    return TALLEST;
  }

  get shown() {
    return this.places?.length ?? 0;
  }

  drawn() {
    const { element, order } = this;
    const width = element.clientWidth;
    if (!order || !width) return;
    const height = this.layOut(width);
    const fine = Math.min(window.devicePixelRatio || 1, 2);
    [element.width, element.height] = [fine * width, fine * height];
    element.style.setProperty("height", `${height}px`);
    const context = element.getContext("2d");
    context.scale(fine, fine);
    const colour = heights(element);
    const eased = this.share * this.share * (3 - 2 * this.share);
    const most = Math.max(1, order.length - 1);
    this.places.forEach(([x, y], k) => {
      const [fromX, fromY] = this.places[order[k]] ?? [x, y];
      context.globalAlpha = this.used.has(Math.floor(k / this.size)) ? 0.25 : 1;
      context.fillStyle = css(colour(0.1 + (0.75 * order[k]) / most));
      context.fillRect(fromX + (x - fromX) * eased, fromY + (y - fromY) * eased, this.tile - 1, this.tile - 1);
    });
    context.globalAlpha = 1;
    if (this.share === 1) this.outline(context);
    this.ondrawn?.();
  }

  outline(context) {
    const first = this.chosen * this.size;
    context.fillStyle = css(rgb(this.element, "marked"));
    context.strokeStyle = css(rgb(this.element, "ink"));
    for (let k = first; k < Math.min(first + this.size, this.places.length); k++) {
      const [x, y] = this.places[k];
      context.fillRect(x - 0.5, y - 0.5, this.tile, this.tile);
      if (this.tile > 5) context.strokeRect(x, y, this.tile - 1, this.tile - 1);
    }
  }
}

// Batches side by side, a gap after each; a batch that is wider than the canvas goes on in the next line.
function placesOf(n, size, tile, width) {
  const gap = Math.max(3, Math.round(tile * 0.55));
  const [wide, places] = [size * tile, []];
  let [x, y] = [1, 1];
  for (let k = 0; k < n; k++) {
    if (k && k % size === 0) x += gap;
    const needed = k % size === 0 && wide < width ? wide : tile;
    if (x + needed > width) [x, y] = [1, y + tile + (wide < width ? 2 : 0)];
    places.push([x, y]);
    x += tile;
  }
  return { places, height: y + tile + 2 };
}
