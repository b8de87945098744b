// solid.mjs: a function of two numbers as a surface in space, on a canvas, to be turned by drag or arrow keys

import { h, onceAFrame } from "fastnn/dom.mjs";
import { css, rgb } from "fastnn/colours.mjs";
import { extent } from "fastnn/contour.mjs";
import { heights, shading } from "fastnn/surface.mjs";

const MOST = 48; // cells along a side
const TALL = 0.75; // height of the surface, where its base is from −1 to 1

/** A surface: `set({x, y, z})`, `paths([{points, values, upTo, colour}])`. */
export class Solid {
  constructor(label) {
    this.element = h("canvas", { class: "solid", role: "application", "aria-label": label, tabindex: "0" });
    Object.assign(this, { yaw: -0.6, pitch: 0.62, surface: null, tracks: [] });
    this.draw = onceAFrame(() => this.drawn());
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.listen();
  }

  set(surface) {
    this.surface = surface;
    this.shading = shading(surface.z);
    this.cells = mesh(surface);
    this.draw();
  }

  paths(tracks) {
    this.tracks = tracks;
    this.draw();
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.min(Math.max(this.pitch + pitch, 0.08), 1.5);
    this.draw();
  }

  listen() {
    const { element } = this;
    element.addEventListener("pointerdown", (event) => element.setPointerCapture(event.pointerId));
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.turn(-event.movementX / 150, event.movementY / 150);
    });
    element.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, -0.08], ArrowDown: [0, 0.08] }[event.key];
      if (!by) return;
      event.preventDefault();
      this.turn(...by);
    });
  }

  // A place of the cube [−1, 1]² × [0, 1] to pixels, and how far away it is.
  project(x, y, z, width, height) {
    const [c, d] = [Math.cos(this.yaw), Math.sin(this.yaw)];
    const [across, away] = [c * x - d * y, d * x + c * y];
    const up = (z - 0.5) * TALL * 2;
    const depth = away * Math.cos(this.pitch) - up * Math.sin(this.pitch);
    const nearness = 5 / (5 + depth);
    const size = Math.min(width / 3.1, height / 3) * nearness;
    return [width / 2 + size * across, 0.44 * height - size * (away * Math.sin(this.pitch) + up * Math.cos(this.pitch)), depth];
  }

  drawn() {
    const { element } = this;
    const [width, height] = [element.clientWidth, element.clientHeight];
    if (!this.surface || !width) return;
    const fine = Math.min(window.devicePixelRatio || 1, 2);
    [element.width, element.height] = [fine * width, fine * height];
    const context = element.getContext("2d");
    context.scale(fine, fine);
    context.lineJoin = "round";
    context.lineCap = "round";
    this.base(context, width, height);
    const colour = heights(element);
    const items = [...this.quads(colour, width, height), ...this.segments(width, height)];
    items.sort((a, b) => b.depth - a.depth).forEach((item) => item.draw(context));
    this.ends(context, width, height);
  }

  quads(colour, width, height) {
    return this.cells.map(({ corners, value, light }) => {
      const points = corners.map(([x, y, z]) => this.project(x, y, z, width, height));
      const fill = css(colour(this.shading.share(value)).map((part) => Math.round(part * light)));
      return { depth: points.reduce((sum, point) => sum + point[2], 0) / 4, draw: (context) => quad(context, points, fill) };
    });
  }

  segments(width, height) {
    return this.tracks.flatMap(({ points, values, upTo, kind }) => {
      const colour = css(rgb(this.element, kind));
      const places = Array.from({ length: upTo }, (_, k) => this.at(points[2 * k], points[2 * k + 1], values[k])).map((place) => place && this.project(...place, width, height));
      return places.slice(1).flatMap((to, k) => {
        const from = places[k];
        if (!from || !to) return [];
        // A little nearer than the surface that it lies on; the casing farther than all of the line near it.
        const depth = (from[2] + to[2]) / 2 - 0.2;
        return [
          { depth: depth + 0.05, draw: (context) => stroke(context, from, to, "#111", 4.5) },
          { depth, draw: (context) => stroke(context, from, to, colour, 2.5) },
        ];
      });
    });
  }

  // The walkers themselves are never hidden.
  ends(context, width, height) {
    for (const { points, values, upTo, kind } of this.tracks) {
      const place = this.at(points[2 * upTo - 2], points[2 * upTo - 1], values[upTo - 1]);
      if (!place) continue;
      const [x, y] = this.project(...place, width, height);
      context.beginPath();
      context.arc(x, y, 5.5, 0, 2 * Math.PI);
      context.fillStyle = css(rgb(this.element, kind));
      context.fill();
      context.strokeStyle = "#111";
      context.lineWidth = 1.5;
      context.stroke();
    }
  }

  at(x, y, value) {
    const { x: xs, y: ys, z } = this.surface;
    const [low, high] = extent(z);
    const share = (v, list) => (2 * (v - list[0])) / (list[list.length - 1] - list[0]) - 1;
    const place = [share(x, xs), share(y, ys), (value - low) / (high - low || 1)];
    const out = Math.abs(place[0]) > 1.001 || Math.abs(place[1]) > 1.001 || place[2] > 1.05;
    return out ? null : place;
  }

  base(context, width, height) {
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => this.project(x, y, 0, width, height));
    context.strokeStyle = css(rgb(this.element, "control"));
    context.lineWidth = 1;
    context.beginPath();
    corners.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
    context.stroke();
    context.fillStyle = css(rgb(this.element, "soft"));
    context.font = "14px system-ui, sans-serif";
    context.textAlign = "center";
    const nearer = (a, b) => [a, b].map((place) => this.project(...place, 0, width, height)).sort((p, q) => p[2] - q[2])[0];
    for (const [name, a, b] of [["x", [0, -1.16], [0, 1.16]], ["y", [-1.16, 0], [1.16, 0]]]) {
      const [px, py] = nearer(a, b);
      context.fillText(name, px, py + 5);
    }
  }
}

// The cells of a surface, with their places in the cube and the light on them.
function mesh({ x, y, z }) {
  const [columns, rows] = [x.length, y.length];
  const [low, high] = extent(z) ?? [0, 1];
  const some = (n) => Array.from({ length: Math.min(MOST, n - 1) + 1 }, (_, k) => Math.round((k * (n - 1)) / Math.min(MOST, n - 1)));
  const [across, up] = [some(columns), some(rows)];
  const corner = (i, j) => [(2 * j) / (columns - 1) - 1, (2 * i) / (rows - 1) - 1, (z[i * columns + j] - low) / (high - low || 1)];
  const cells = [];
  for (let i = 0; i + 1 < up.length; i++) {
    for (let j = 0; j + 1 < across.length; j++) {
      const corners = [corner(up[i], across[j]), corner(up[i], across[j + 1]), corner(up[i + 1], across[j + 1]), corner(up[i + 1], across[j])];
      if (!corners.every((place) => Number.isFinite(place[2]))) continue;
      const height = corners.reduce((sum, place) => sum + place[2], 0) / 4;
      cells.push({ corners, value: low + height * (high - low), light: lightOn(corners) });
    }
  }
  return cells;
}

function lightOn([a, b, , d]) {
  const [sx, sy] = [((b[2] - a[2]) / (b[0] - a[0])) * TALL * 2, ((d[2] - a[2]) / (d[1] - a[1])) * TALL * 2];
  const cosine = (0.35 * sx - 0.5 * sy + 0.8) / (Math.hypot(sx, sy, 1) * 1.01);
  return 0.68 + 0.32 * Math.max(0, cosine);
}

function quad(context, points, colour) {
  context.beginPath();
  points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = colour; // closes the gaps between neighbours
  context.lineWidth = 0.7;
  context.stroke();
}

function stroke(context, from, to, colour, width) {
  context.beginPath();
  context.moveTo(from[0], from[1]);
  context.lineTo(to[0], to[1]);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}
