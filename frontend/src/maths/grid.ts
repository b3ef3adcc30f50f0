/**
 * Splines on other knots: the closest ones in the mean square, which are the same ones where the new knots allow it.
 *
 * Integrals are exact (Gauss-Legendre on every cell of both knot vectors), so no data is involved. The numbers are those
 * of `edgewise.splines.project`.
 */
import type { Layer, Net } from "../model/payload.ts";
import { allBasis, uniformKnots, type Outside } from "./basis.ts";
import { domainOf, knotsOf } from "./edge.ts";

/**
 * Coefficients on new knots.
 *
 * @param coef `(S, O)`
 * @returns `(S', O)`
 */
export function project(
  coef: Float64Array, O: number, knots: Float64Array, newKnots: Float64Array, k: number, outside: Outside,
): Float64Array {
  const size = newKnots.length - k - 1;
  const mass = new Float64Array(size * size);
  const right = new Float64Array(size * O);
  for (const [x, weight] of gaussPoints(knots, newKnots, k)) {
    const [old, now] = [allBasis(knots, k, x, 0, outside), allBasis(newKnots, k, x, 0, "linear")];
    for (let r = 0; r < size; r++) {
      if (now[r] === 0) continue;
      for (let c = 0; c < size; c++) mass[r * size + c] += weight * now[r] * now[c];
      for (let s = 0; s < old.length; s++) {
        for (let j = 0; j < O; j++) right[r * O + j] += weight * now[r] * old[s] * coef[s * O + j];
      }
    }
  }
  // Scaled to a unit diagonal the condition depends on the degree alone.
  const unit = Float64Array.from({ length: size }, (_, r) => 1 / Math.sqrt(mass[r * size + r]));
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) mass[r * size + c] *= unit[r] * unit[c];
    for (let j = 0; j < O; j++) right[r * O + j] *= unit[r];
  }
  solveInPlace(mass, right, size, O);
  return right.map((v, at) => v * unit[Math.floor(at / O)]);
}

/** A layer on new knots, one row per input, keeping its functions as nearly as those can. */
export function onKnots(net: Net, layer: Layer, rows: readonly Float64Array[]): Layer {
  const S = rows[0].length - net.k - 1;
  const [knots, coef] = [new Float64Array(layer.I * rows[0].length), new Float64Array(layer.I * S * layer.O)];
  rows.forEach((row, i) => {
    const old = layer.coef.subarray(i * layer.S * layer.O, (i + 1) * layer.S * layer.O);
    knots.set(row, i * row.length);
    coef.set(project(old, layer.O, knotsOf(net, layer, i), row, net.k, net.outside), i * S * layer.O);
  });
  return { ...layer, S, knots, coef };
}

/** The same functions on `grid` equal intervals of each domain: exact for a multiple of an even grid. */
export function refined(net: Net, grid: number): Net {
  const layers = net.layers.map((layer, l) => {
    const rows = Array.from({ length: layer.I }, (_, i) => uniformKnots(...domainOf(net, l, i), grid, net.k));
    return onKnots(net, layer, rows);
  });
  return { ...net, layers };
}

/** A layer whose domains cover the values `(rows, I)` that enter it, a margin beyond on each side. */
export function covering(net: Net, layer: Layer, values: Float64Array, margin: number): Layer {
  const grid = layer.S - net.k;
  const rows = Array.from({ length: layer.I }, (_, i) => {
    let [lo, hi] = [Infinity, -Infinity];
    for (let at = i; at < values.length; at += layer.I) [lo, hi] = [Math.min(lo, values[at]), Math.max(hi, values[at])];
    const beyond = hi > lo ? margin * (hi - lo) : 1; // a constant node says nothing about a domain
    return uniformKnots(lo - beyond, hi + beyond, grid, net.k);
  });
  return onKnots(net, layer, rows);
}

/** `[x, weight]` that integrate products of both bases exactly over the new domain. */
function gaussPoints(knots: Float64Array, newKnots: Float64Array, k: number): [number, number][] {
  const breaks = newKnots.subarray(k, newKnots.length - k);
  const [lo, hi] = [breaks[0], breaks[breaks.length - 1]];
  const ends = Float64Array.from([...knots.filter((t) => t > lo && t < hi), ...breaks]).sort();
  const rule = legendre(k + 1);
  const points: [number, number][] = [];
  for (let n = 0; n + 1 < ends.length; n++) {
    const half = (ends[n + 1] - ends[n]) / 2;
    if (half > 0) for (const [node, weight] of rule) points.push([ends[n] + half * (1 + node), half * weight]);
  }
  return points;
}

/** Nodes and weights of Gauss-Legendre quadrature on [-1, 1], by Newton's method from Tricomi's estimate. */
function legendre(n: number): [number, number][] {
  return Array.from({ length: n }, (_, m) => {
    let x = Math.cos((Math.PI * (m + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < 30; step++) {
      let [before, value] = [1, x];
      for (let p = 2; p <= n; p++) [before, value] = [value, ((2 * p - 1) * x * value - (p - 1) * before) / p];
      slope = (n * (x * value - before)) / (x * x - 1);
      const move = value / slope;
      x -= move;
      if (Math.abs(move) < 1e-16) break;
    }
    return [x, 2 / ((1 - x * x) * slope * slope)];
  });
}

/** Solve `A X = B` for a symmetric positive definite A, by Cholesky; X replaces B, A is destroyed. */
export function solveInPlace(A: Float64Array, B: Float64Array, n: number, columns: number): void {
  for (let c = 0; c < n; c++) {
    for (let r = c; r < n; r++) {
      let sum = A[r * n + c];
      for (let m = 0; m < c; m++) sum -= A[r * n + m] * A[c * n + m];
      A[r * n + c] = r === c ? Math.sqrt(sum) : sum / A[c * n + c];
    }
  }
  for (let j = 0; j < columns; j++) {
    for (let r = 0; r < n; r++) {
      let sum = B[r * columns + j];
      for (let m = 0; m < r; m++) sum -= A[r * n + m] * B[m * columns + j];
      B[r * columns + j] = sum / A[r * n + r];
    }
    for (let r = n - 1; r >= 0; r--) {
      let sum = B[r * columns + j];
      for (let m = r + 1; m < n; m++) sum -= A[m * n + r] * B[m * columns + j];
      B[r * columns + j] = sum / A[r * n + r];
    }
  }
}
