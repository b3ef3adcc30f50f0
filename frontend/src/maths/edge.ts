/** One edge's function: `mask * (base_w base(x) + scale spline(x))`, or `mask * (c f(a x + b) + d)` once symbolic. */
import type { Layer, Net, SymbolicEdge } from "../model/payload.ts";
import { localBasis, type Outside } from "./basis.ts";
import { baseNamed, functionNamed } from "./functions.ts";

/** `[lo, hi]` on which the splines of an input are fully supported. */
export function domainOf(net: Net, l: number, i: number): [number, number] {
  const layer = net.layers[l];
  const at = i * (layer.S + net.k + 1);
  return [layer.knots[at + net.k], layer.knots[at + layer.S]];
}

/** The knots of input i of a layer: a view, not a copy. */
export function knotsOf(net: Net, layer: Layer, i: number): Float64Array {
  const count = layer.S + net.k + 1;
  return layer.knots.subarray(i * count, (i + 1) * count);
}

/** The S coefficients of an edge, copied. */
export function coefOf(layer: Layer, i: number, j: number): Float64Array {
  return Float64Array.from({ length: layer.S }, (_, s) => layer.coef[(i * layer.S + s) * layer.O + j]);
}

/**
 * The function of edge (l, i, j), to call many times.
 *
 * @param spline the spline that waits behind a symbolic or removed edge, instead of what the network computes
 */
export function edgeFunction(net: Net, l: number, i: number, j: number, spline = false): (x: number) => number {
  const layer = net.layers[l];
  const edge = i * layer.O + j;
  const mask = spline ? 1 : layer.mask[edge];
  if (mask === 0) return () => 0;
  const symbolic = spline ? undefined : layer.symbolic.get(edge);
  if (symbolic) {
    const f = symbolicFunction(symbolic);
    return mask === 1 ? f : (x) => mask * f(x);
  }
  const f = splineFunction(knotsOf(net, layer, i), net.k, coefOf(layer, i, j), net.outside);
  const [scale, weight] = [layer.scale ? layer.scale[edge] : 1, layer.base[edge]];
  const base = baseNamed(net.baseFun);
  return base ? (x) => mask * (scale * f(x) + weight * base.value(x)) : (x) => mask * scale * f(x);
}

/** `(I, O)` one number of every edge of layer l, from its values over the rows `(rows, I)` that enter it. */
export function ofEveryEdge(
  net: Net, l: number, x: Float64Array, numberOf: (rows: number, valueAt: (row: number) => number) => number,
): Float64Array {
  const { I, O } = net.layers[l];
  return Float64Array.from({ length: I * O }, (_, edge) => {
    const i = Math.floor(edge / O);
    const f = edgeFunction(net, l, i, edge % O);
    return numberOf(x.length / I, (row) => f(x[row * I + i]));
  });
}

/** `sum_s coef[s] B_s(x)`, or its order-th derivative. */
export function splineFunction(
  knots: Float64Array, k: number, coef: Float64Array, outside: Outside = "linear", order = 0,
): (x: number) => number {
  const local = new Float64Array(k + 1);
  return (x) => {
    const first = localBasis(knots, k, x, local, order, outside);
    let sum = 0;
    for (let n = Math.max(0, -first); n <= k && first + n < coef.length; n++) sum += local[n] * coef[first + n];
    return sum;
  };
}

/** `c f(a x + b) + d` of x, or its slope. */
export function symbolicFunction(edge: SymbolicEdge, order: 0 | 1 = 0): (x: number) => number {
  if (edge.sampled) return splineFunction(edge.sampled.knots, 3, edge.sampled.coef, "linear", order);
  const [a, b, c, d, p] = edge.affine;
  const f = functionNamed(edge.name);
  return order === 0 ? (x) => c * f.value(a * x + b, p) + d : (x) => c * a * f.slope(a * x + b, p);
}

/** Value of edge (l, i, j) at x. */
export function edgeValue(net: Net, l: number, i: number, j: number, x: number): number {
  return edgeFunction(net, l, i, j)(x);
}

/** Values of edge (l, i, j) at n equally spaced points of [lo, hi]. */
export function edgeCurve(net: Net, l: number, i: number, j: number, lo: number, hi: number, n: number, spline = false): Float64Array {
  const f = edgeFunction(net, l, i, j, spline);
  return Float64Array.from({ length: n }, (_, m) => f(lo + ((hi - lo) * m) / (n - 1)));
}
