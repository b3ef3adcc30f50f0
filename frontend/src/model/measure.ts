// How good the model is, before and after an edit: on the attached sample, or against the saved model on made-up points.
import { forward, outputsAfter, type Trace } from "../maths/network.ts";
import { sumDeviations } from "./importance.ts";
import { type EdgeId, type Explored, type Net, QUANTILES } from "./payload.ts";

/** Work of one evaluation is kept below this many edge values, so that dragging stays smooth. */
const MOST_EDGE_VALUES = 200_000;
const MADE_UP_POINTS = 256;

export class Measure {
  /** Rows used. */
  readonly n: number;
  /** (n, I) in network units. */
  readonly x: Float64Array;
  /** What is measured, in words: "mean squared error on 200 points of the data". */
  readonly words: string;
  /** Short name for a label: "loss" or "change of output". */
  readonly name: string;
  /** Whether true values are at hand; otherwise the saved model takes their place. */
  readonly hasTargets: boolean;
  /** Loss of the model as loaded. */
  readonly first: number;
  /** Per layer (O): deviations of the sums of the model as loaded. */
  readonly firstSums: readonly Float64Array[];
  /** What a change of one is in the user's unit. */
  readonly #unit: number;
  readonly #target: Float64Array;
  readonly #link: Explored["link"];
  #net: Net;
  #trace: Trace;

  constructor(explored: Explored) {
    const { net, sample } = explored;
    const edges = net.layers.reduce((sum, layer) => sum + layer.I * layer.O, 0);
    const most = Math.max(64, Math.floor(MOST_EDGE_VALUES / edges));
    const all = sample ?? { n: MADE_UP_POINTS, x: madeUpPoints(explored.nodeQuantiles[0], MADE_UP_POINTS), y: null };
    const rows = everyNth(all.n, most);
    this.n = rows.length;
    this.x = pick(all.x, all.n, rows);
    this.hasTargets = all.y !== null;
    this.#link = this.hasTargets ? explored.link : "identity";
    this.#net = net;
    this.#trace = forward(net, this.x);
    this.#target = all.y === null ? this.#output : pick(all.y, all.n, rows);
    const { outputs } = explored;
    this.#unit = explored.link === "identity" && outputs.length === 1 ? Math.abs(outputs[0].scale) : 1;
    this.first = this.#lossOf(this.#output);
    this.firstSums = this.sums;
    const some = this.n < all.n ? `${this.n} of the ${all.n}` : `${this.n}`;
    this.name = this.hasTargets ? "loss" : "change";
    const scaled = outputs.some(({ scale }) => scale !== 1) ? " of the standardised output, whose variance is 1," : "";
    const what = { identity: `mean squared error${scaled}`, softmax: "cross-entropy", sigmoid: "cross-entropy" }[this.#link];
    this.words = this.hasTargets
      ? `${what} on ${some} points of the attached data`
      : `typical change (root mean square) of the output against the saved model, on ${some} points ` +
        (sample ? "of the attached inputs" : "drawn from the quantiles of each input (no data is attached; `data=True` in Python attaches a sample)");
  }

  /** Remember the node values of a model, so that of an edit only what it changes need be computed; its loss. */
  rebase(net: Net): number {
    this.#net = net;
    this.#trace = forward(net, this.x);
    return this.#lossOf(this.#output);
  }

  #lossOf(output: Float64Array): number {
    const loss = lossOf(output, this.#target, this.#link, this.n);
    return this.hasTargets ? loss : Math.sqrt(loss) * this.#unit;
  }

  get #output(): Float64Array {
    return this.entering(this.#trace.values.length - 1);
  }

  /** Per layer (O): deviations of the sums of the remembered model. */
  get sums(): readonly Float64Array[] {
    return sumDeviations(this.#trace.sums, this.n);
  }

  /** (n, I) values that enter layer l of the remembered model. */
  entering(l: number): Float64Array {
    return this.#trace.values[l];
  }

  /** Loss of a model that differs from the remembered one in this edge only. */
  loss(net: Net, edge: EdgeId): number {
    return this.#lossOf(outputsAfter(net, this.#net, this.#trace, edge));
  }
}

/** Mean squared error, or cross-entropy of logits. */
export function lossOf(output: Float64Array, target: Float64Array, link: Explored["link"], n: number): number {
  let sum = 0;
  if (link === "identity") {
    for (let m = 0; m < output.length; m++) sum += (output[m] - target[m]) ** 2;
    return sum / output.length;
  }
  if (link === "sigmoid") {
    for (let m = 0; m < output.length; m++) sum += softplus(output[m]) - target[m] * output[m];
    return sum / output.length;
  }
  const classes = output.length / n;
  for (let row = 0; row < n; row++) {
    const logits = output.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...logits);
    const logSum = top + Math.log(logits.reduce((total, z) => total + Math.exp(z - top), 0));
    for (let c = 0; c < classes; c++) sum += target[row * classes + c] * (logSum - logits[c]);
  }
  return sum / n;
}

function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

/** Rows spread evenly over n, at most `most`. */
function everyNth(n: number, most: number): number[] {
  const count = Math.min(n, most);
  return Array.from({ length: count }, (_, m) => Math.floor((m * n) / count));
}

function pick(matrix: Float64Array, n: number, rows: readonly number[]): Float64Array {
  const width = matrix.length / n;
  const picked = new Float64Array(rows.length * width);
  rows.forEach((row, m) => picked.set(matrix.subarray(row * width, (row + 1) * width), m * width));
  return picked;
}

/** Points whose every input follows its own quantiles; the same ones each time. */
function madeUpPoints(quantiles: Float64Array, n: number): Float64Array {
  const I = quantiles.length / QUANTILES;
  const next = randomNumbers(7);
  return Float64Array.from({ length: n * I }, (_, m) => {
    const at = next() * (QUANTILES - 1);
    const below = Math.floor(at);
    const place = (m % I) * QUANTILES + below;
    return quantiles[place] + (at - below) * (quantiles[Math.min(place + 1, quantiles.length - 1)] - quantiles[place]);
  });
}

/** Uniform numbers in [0, 1): mulberry32 (T. Ettinger, public domain). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
