/** Samples of one edge, and the descent of slope, shift and exponent on them; the arrays are made once. */
import type { Fun } from "./functions.ts";

/** s, t, p of `f(s u + t, p)`. */
export type Place = readonly [s: number, t: number, p: number];
/** A place and the share of the variance it leaves unexplained. */
export type End = readonly [place: Place, missing: number];

/** Below this share nothing is left to be gained. */
const ARRIVED = 1e-30;
const STUCK = 1e6;

export class Descent {
  readonly #f: Float64Array;
  readonly #J: Float64Array[];
  readonly #A = new Float64Array(9);
  readonly #B = new Float64Array(9);
  readonly #g = new Float64Array(3);
  readonly #total: number;
  /** Of the linear fit at the place looked at last: factor, mean of f, square of f less its mean. */
  #c = 0;
  #mean = 0;
  #own = 0;

  /**
   * @param u inputs from -1 to 1
   * @param y values, in place brought to a weighted mean of 0
   * @param w weights, in place brought to a sum of 1
   */
  readonly #u: Float64Array;
  readonly #y: Float64Array;
  readonly #w: Float64Array;

  constructor(u: Float64Array, y: Float64Array, w: Float64Array) {
    this.#u = u;
    this.#y = y;
    this.#w = w;
    const weight = w.reduce((a, b) => a + b, 0);
    for (let n = 0; n < w.length; n++) w[n] /= weight;
    const mean = this.#dot(y, null);
    for (let n = 0; n < y.length; n++) y[n] -= mean;
    this.#f = new Float64Array(u.length);
    this.#J = [0, 1, 2].map(() => new Float64Array(u.length));
    this.#total = this.#dot(y, y);
  }

  /** A first look: `missing` to a few digits, in one pass. */
  glance(fun: Fun, s: number, t: number, p: number): number {
    const [u, y, w] = [this.#u, this.#y, this.#w];
    const value = fun.value;
    let sum = 0;
    let size = 0;
    let shared = 0;
    for (let n = 0; n < u.length; n++) {
      const v = value(s * u[n] + t, p);
      const weighted = w[n] * v;
      sum += weighted;
      size += weighted * v;
      shared += weighted * y[n];
    }
    const own = size - sum * sum;
    return own > 1e-12 * size ? 1 - (shared * shared) / (own * this.#total) : NaN;
  }

  /** Share of the variance left unexplained by the best c and d; NaN where f is not defined, or constant. */
  missing(fun: Fun, [s, t, p]: Place): number {
    const [u, y, f, w] = [this.#u, this.#y, this.#f, this.#w];
    const value = fun.value;
    let sum = 0;
    let size = 0;
    for (let n = 0; n < u.length; n++) {
      f[n] = value(s * u[n] + t, p);
      sum += w[n] * f[n];
      size += w[n] * f[n] * f[n];
    }
    if (!Number.isFinite(size)) return NaN;
    let own = 0;
    let shared = 0;
    for (let n = 0; n < u.length; n++) {
      f[n] -= sum;
      own += w[n] * f[n] * f[n];
      shared += w[n] * f[n] * y[n];
    }
    if (own <= 1e-20 * size) return NaN; // constant but for rounding
    this.#c = shared / own;
    this.#mean = sum;
    this.#own = own;
    let left = 0; // the residuals' own sum: 1 - shared^2 / own would lose the last digits
    for (let n = 0; n < u.length; n++) left += w[n] * (y[n] - this.#c * f[n]) ** 2;
    return left / this.#total;
  }

  /** Levenberg-Marquardt from a place. */
  follow(fun: Fun, start: Place, steps: number): End {
    let place = start;
    let missing = this.missing(fun, place);
    const unknowns = fun.freeExponent ? 3 : 2;
    let damping = 1e-3;
    let fresh = false;
    for (let step = 0; step < steps && missing > ARRIVED && damping < STUCK; step++) {
      if (!fresh) this.#linearize(fun, place, unknowns);
      fresh = true;
      const move = this.#solve(unknowns, damping);
      const promised = this.#gain(move, unknowns) / (this.#total * missing);
      const trial: Place = [place[0] + move[0], place[1] + move[1], place[2] + move[2]];
      const missed = this.missing(fun, trial);
      const gained = missing - missed > 1e-6 * missing;
      if (missed < missing) [place, missing, damping, fresh] = [trial, missed, Math.max(damping * 0.2, 1e-14), false];
      else damping *= 5;
      if (!gained && !(promised > 1e-12)) break;
    }
    return [place, missing];
  }

  /** c and d of the best linear fit, the largest |f| and the range of y. */
  linear(fun: Fun, place: Place): { c: number; d: number; largest: number; range: number } {
    this.missing(fun, place);
    const [c, mean, f, y] = [this.#c, this.#mean, this.#f, this.#y];
    return {
      c,
      d: -c * mean,
      largest: f.reduce((most, v) => Math.max(most, Math.abs(v + mean)), 0),
      range: y.reduce((most, v) => Math.max(most, v), -Infinity) - y.reduce((least, v) => Math.min(least, v), Infinity),
    };
  }

  /** Gram matrix and gradient of the residuals at the place looked at last, what c and d can do projected out. */
  #linearize(fun: Fun, [s, t, p]: Place, unknowns: number): void {
    const [u, y, f, w, J, A, g, c, own] = [this.#u, this.#y, this.#f, this.#w, this.#J, this.#A, this.#g, this.#c, this.#own];
    for (let n = 0; n < u.length; n++) {
      const z = s * u[n] + t;
      const inner = c * fun.slope(z, p);
      J[0][n] = inner * u[n];
      J[1][n] = inner;
      if (unknowns === 3) J[2][n] = c * (f[n] + this.#mean) * Math.log(z);
    }
    for (let m = 0; m < unknowns; m++) {
      const column = J[m];
      let mean = 0;
      let share = 0;
      for (let n = 0; n < u.length; n++) {
        mean += w[n] * column[n];
        share += w[n] * column[n] * f[n];
      }
      share /= own;
      let sum = 0;
      for (let n = 0; n < u.length; n++) {
        column[n] -= mean + share * f[n];
        sum += w[n] * column[n] * (y[n] - c * f[n]);
      }
      g[m] = sum;
      for (let q = 0; q <= m; q++) A[3 * m + q] = A[3 * q + m] = this.#dot(column, J[q]);
    }
  }

  /** `(A + damping diag A) move = g`, by elimination; at most three unknowns. */
  #solve(unknowns: number, damping: number): Place {
    const B = this.#B;
    B.set(this.#A);
    const move = [this.#g[0], this.#g[1], unknowns === 3 ? this.#g[2] : 0];
    const floor = 1e-12 * Math.max(B[0], B[4], unknowns === 3 ? B[8] : 0);
    for (let m = 0; m < unknowns; m++) B[4 * m] += damping * (B[4 * m] + floor) + 1e-300;
    for (let m = 0; m < unknowns; m++) {
      for (let r = m + 1; r < unknowns; r++) {
        const factor = B[3 * r + m] / B[4 * m];
        for (let q = m; q < unknowns; q++) B[3 * r + q] -= factor * B[3 * m + q];
        move[r] -= factor * move[m];
      }
    }
    for (let m = unknowns - 1; m >= 0; m--) {
      for (let q = m + 1; q < unknowns; q++) move[m] -= B[3 * m + q] * move[q];
      move[m] /= B[4 * m];
    }
    return [move[0], move[1], move[2]];
  }

  /** What a move takes away if all is linear. */
  #gain(move: Place, unknowns: number): number {
    let gain = 0;
    for (let m = 0; m < unknowns; m++) {
      gain += 2 * move[m] * this.#g[m];
      for (let q = 0; q < unknowns; q++) gain -= move[m] * this.#A[3 * m + q] * move[q];
    }
    return gain;
  }

  #dot(a: Float64Array, b: Float64Array | null): number {
    let sum = 0;
    for (let n = 0; n < a.length; n++) sum += this.#w[n] * a[n] * (b ? b[n] : 1);
    return sum;
  }
}
