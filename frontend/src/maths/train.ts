/** Training in the page: mean squared error, optionally with the sparsity penalty, by L-BFGS one step at a time. */
import type { Layer, Net } from "../model/payload.ts";
import { backward, type Backward } from "./backward.ts";
import { forward } from "./network.ts";
import { penaltyOf, type Sparsity } from "./sparsity.ts";

const PAIRS = 12;
const MOST_TRIALS = 25;

export interface Evaluation {
  /** What is minimized: error and penalty. */
  readonly loss: number;
  /** Mean squared error alone. */
  readonly error: number;
  readonly gradient: Backward;
}

/** Loss against labels `(rows, outputs)` and its gradient. */
export function evaluate(net: Net, x: Float64Array, y: Float64Array, sparsity?: Sparsity): Evaluation {
  const trace = forward(net, x);
  const output = trace.values[net.layers.length];
  let error = 0;
  const cotangent = output.map((value, n) => {
    error += (value - y[n]) ** 2 / output.length;
    return (2 * (value - y[n])) / output.length;
  });
  const penalties = sparsity && net.layers.map((_, l) => penaltyOf(net, l, trace.values[l], sparsity));
  const loss = (penalties ?? []).reduce((sum, p) => sum + p.value, error);
  return { loss, error, gradient: backward(net, trace, cotangent, penalties?.map((p) => p.weights)) };
}

/** Mean squared error alone. */
export function meanSquaredError(net: Net, x: Float64Array, y: Float64Array): number {
  const output = forward(net, x).values[net.layers.length];
  return output.reduce((sum, value, n) => sum + (value - y[n]) ** 2, 0) / output.length;
}

/** Minimizes the loss by L-BFGS with a weak Wolfe search, which survives the kinks of the penalty. */
export class Trainer {
  /** The network as far as it is trained; a new object after each step. */
  net: Net;
  /** After the last step. */
  loss: number;
  error: number;
  #point: Float64Array;
  #gradient: Float64Array;
  readonly #moves: Float64Array[] = [];
  readonly #changes: Float64Array[] = [];

  readonly #x: Float64Array;
  readonly #y: Float64Array;
  readonly #sparsity: Sparsity | undefined;

  constructor(
    net: Net, x: Float64Array, y: Float64Array, sparsity?: Sparsity,
  ) {
    this.#x = x;
    this.#y = y;
    this.#sparsity = sparsity;
    const { loss, error, gradient } = evaluate(net, x, y, sparsity);
    [this.net, this.loss, this.error] = [net, loss, error];
    this.#point = pack(net);
    this.#gradient = packGradient(net, gradient);
  }

  /** One step; false when no step makes the loss smaller. */
  step(): boolean {
    const direction = this.#direction();
    const slope = dot(direction, this.#gradient);
    if (!(slope < 0)) return false;
    let [length, low, high] = [this.#moves.length ? 1 : Math.min(1, 0.1 / Math.sqrt(-slope)), 0, Infinity];
    for (let trial = 0; trial < MOST_TRIALS; trial++) {
      const point = this.#point.map((v, n) => v + length * direction[n]);
      const net = unpack(this.net, point);
      const { loss, error, gradient } = evaluate(net, this.#x, this.#y, this.#sparsity);
      const packed = packGradient(net, gradient);
      const descends = loss <= this.loss + 1e-4 * length * slope;
      if (descends && (dot(packed, direction) >= 0.9 * slope || trial === MOST_TRIALS - 1)) {
        this.#remember(point, packed);
        [this.net, this.loss, this.error, this.#point, this.#gradient] = [net, loss, error, point, packed];
        return true;
      }
      if (descends) low = length;
      else high = length;
      length = high < Infinity ? (low + high) / 2 : 2 * length;
    }
    if (this.#moves.length === 0) return false;
    this.#moves.length = this.#changes.length = 0; // start over along the gradient
    return this.step();
  }

  #remember(point: Float64Array, gradient: Float64Array): void {
    const move = point.map((v, n) => v - this.#point[n]);
    const change = gradient.map((v, n) => v - this.#gradient[n]);
    if (dot(move, change) <= 1e-12 * Math.sqrt(dot(move, move) * dot(change, change))) return;
    this.#moves.push(move);
    this.#changes.push(change);
    if (this.#moves.length > PAIRS) [this.#moves, this.#changes].forEach((list) => list.shift());
  }

  /** The two-loop recursion (Nocedal and Wright, algorithm 7.4). */
  #direction(): Float64Array {
    const q = this.#gradient.map((v) => -v);
    const shares: number[] = [];
    for (let n = this.#moves.length - 1; n >= 0; n--) {
      shares[n] = dot(this.#moves[n], q) / dot(this.#moves[n], this.#changes[n]);
      addScaled(q, -shares[n], this.#changes[n]);
    }
    const last = this.#moves.length - 1;
    if (last >= 0) scale(q, dot(this.#moves[last], this.#changes[last]) / dot(this.#changes[last], this.#changes[last]));
    for (let n = 0; n <= last; n++) {
      addScaled(q, shares[n] - dot(this.#changes[n], q) / dot(this.#moves[n], this.#changes[n]), this.#moves[n]);
    }
    return q;
  }
}

/** All parameters in one vector: coefficients, base factors, spline scales, numbers of symbolic edges, by layer. */
function pack(net: Net): Float64Array {
  return concat(net.layers.flatMap((layer) => [
    layer.coef, layer.base, layer.scale ?? [], ...[...layer.symbolic.values()].map((edge) => edge.affine),
  ]));
}

function packGradient(net: Net, gradient: Backward): Float64Array {
  return concat(gradient.layers.flatMap((layer) => [
    layer.coef,
    net.baseFun === "zero" ? layer.base.map(() => 0) : layer.base,
    layer.scale ?? [],
    ...layer.affine.values(),
  ]));
}

/** The network with the parameters of a vector. */
function unpack(net: Net, vector: Float64Array): Net {
  let at = 0;
  const take = (count: number): Float64Array => vector.slice(at, (at += count));
  const layers = net.layers.map((layer): Layer => ({
    ...layer,
    coef: take(layer.coef.length),
    base: take(layer.base.length),
    scale: layer.scale && take(layer.scale.length),
    symbolic: new Map([...layer.symbolic].map(([edge, own]) => [edge, { ...own, affine: [...take(5)] }])),
  }));
  return { ...net, layers };
}

function concat(parts: readonly ArrayLike<number>[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n] * b[n];
  return sum;
}

function addScaled(a: Float64Array, factor: number, b: Float64Array): void {
  for (let n = 0; n < a.length; n++) a[n] += factor * b[n];
}

function scale(a: Float64Array, factor: number): void {
  for (let n = 0; n < a.length; n++) a[n] *= factor;
}
