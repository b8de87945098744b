// history.mjs: the scores of a training, epoch by epoch, gathered from the frames of a source

export const SCORES = ["loss", "accuracy", "val_loss", "val_accuracy"];

/** All frames since the record began: `add` each; then `points(name)` is a line over the epochs. */
export class History {
  constructor() {
    this.begin(null);
  }

  begin(record) {
    Object.assign(this, { record, epochs: {}, start: {}, partial: [], examples: 0, count: 0 });
  }

  add(frame, n) {
    const { from, ...news } = frame.history ?? { from: 0 };
    const count = from + (news.loss?.length ?? 0);
    if ((frame.record ?? 0) !== this.record || count < this.count) this.begin(frame.record ?? 0);
    for (const name of SCORES) this.epochs[name] = [...(this.epochs[name] ?? []).slice(0, from), ...(news[name] ?? [])];
    if (count !== this.count || !frame.step) Object.assign(this, { count, partial: [], examples: frame.examples });
    const point = { x: count + Math.min(1, (frame.examples - this.examples) / (n || 1)), frame };
    if (!frame.step) this.start = frame;
    else if (frame.examples > this.examples) this.partial.push(point);
  }

  /** A score at the start, at the end of each epoch, and after the last steps of the epoch under way. */
  points(name) {
    const [x, y] = [[], []];
    const put = (at, value) => {
      if (value === null || value === undefined || !Number.isFinite(value)) return;
      x.push(at);
      y.push(value);
    };
    put(0, this.start[name]);
    this.epochs[name]?.forEach((value, k) => put(k + 1, value));
    if (!name.startsWith("val_")) this.partial.forEach((point) => put(point.x, point.frame[name]));
    return { x, y };
  }

  has(name) {
    return this.points(name).x.length > 0;
  }
}
