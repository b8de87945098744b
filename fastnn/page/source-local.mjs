// source-local.mjs: the source of a page that `fastnn lab` serves: every call goes to Python
//
// What this source adds to the calls that every source has:
// - meta.data = { name, n, n_train }: examples 0 … n_train - 1 are for training (deck and batch use
//   these), n_train … n - 1 for the test; meta.classes = the names of the classes, or null.
// - Layers are 1 … L everywhere; layer l has the weights that lead into it.
// - A target is the name of a class or its number (as a number); of values one number or several.
//   Instead of x and target, backprop, pairs and wiggle take the index of an example.
// - forward: also predict (in the units of y) and answer (the number of the class, or predict).
// - words of backprop: [the answer beside the target ("" for values), the cost]; words of a layer:
//   [neurons by urgency, weights, activations].
// - batch: columns at most 12 by default; words: [angle, units]; also rows, spread, full_cost,
//   full_promised (promised is of the batch's own cost). images: rows of pixels, in the units of X.
// - walkers: the costs of a path are known at the places `costed`; fresh: false starts at the
//   network as it is. surface takes x and y, the ends of both sides. plane also has inputs.
// - frame: also epochs (known in all), record (another one begins with a rewind), message (why a
//   training ended by itself), settings { lr, batch_size, speed }.

import { pack, unpack } from "fastnn/message.mjs";

const PAUSE = 400; // milliseconds between two looks at a network that is not trained
const WAIT = 0.1; // seconds that the server may wait for a newer frame

export async function connect(address = location.href) {
  const source = new LocalSource(new URL(address));
  source.meta = await source.call("meta");
  source.follow();
  return source;
}

class LocalSource {
  constructor(url) {
    this.base = url.origin;
    this.token = url.searchParams.get("token") ?? "";
    this.meta = null;
    this.onframe = null;
    this.closed = false;
    this.last = { params_version: -1, record: -1, epochs: 0 };
    this.wake = null;
  }

  async call(name, args = {}) {
    const answer = await this.send(name, args);
    if (CHANGES.has(name)) this.hurry();
    if (name === "open") this.meta = answer.meta;
    return answer;
  }

  async send(name, args) {
    let response;
    try {
      response = await fetch(`${this.base}/call/${name}`, {
        method: "POST",
        headers: { "X-Fastnn-Token": this.token, "Content-Type": "application/octet-stream" },
        body: pack(args),
      });
    } catch {
      throw new Error("fastnn lab does not answer: it was ended, or this computer slept");
    }
    if (!response.ok) throw new Error(await response.text());
    return unpack(await response.arrayBuffer());
  }

  // Ask for the next frame when the page has drawn the last one: no queue grows.
  async follow() {
    while (!this.closed) {
      try {
        const frame = await this.send("frame", {
          after: this.last.params_version,
          record: this.last.record,
          known: this.last.epochs,
          wait: this.last.running ? WAIT : 0,
        });
        if (frame.params_version !== this.last.params_version) {
          this.last = frame;
          await this.onframe?.(frame);
        }
      } catch (error) {
        if (this.closed) return;
        await this.onlost?.(error);
      }
      if (!this.last.running || document.hidden) await this.rest();
    }
  }

  rest() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PAUSE);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  hurry() {
    this.wake?.();
  }

  close() {
    this.closed = true;
    this.hurry();
  }
}

const CHANGES = new Set(["step", "train", "advance", "rewind", "open"]);
