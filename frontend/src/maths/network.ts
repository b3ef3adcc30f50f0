/**
 * The whole network on rows of inputs, as `KAN.forward` computes it in float64.
 *
 * `sum_j = sum_i mask (base_w base(x_i) + scale spline(x_i))`, or `mask (c f(a x_i + b) + d)` at symbolic edges; then
 * the last sums of a layer are multiplied in groups of `arity`.
 */
import type { Explored, Layer, Net } from "../model/payload.ts";
import { localBasis } from "./basis.ts";
import { symbolicFunction } from "./edge.ts";
import { baseNamed } from "./functions.ts";

/** What a forward pass leaves: `values[l]` (rows, nodes of level l), `sums[l]` (rows, O of layer l). */
export interface Trace {
  readonly rows: number;
  readonly values: Float64Array[];
  readonly sums: Float64Array[];
}

/** `(rows, inputs)` to the values of every node. */
export function forward(net: Net, x: Float64Array): Trace {
  const rows = x.length / net.layers[0].I;
  const values = [x];
  const sums: Float64Array[] = [];
  net.layers.forEach((layer, l) => {
    sums.push(layerSums(net, layer, values[l], rows));
    values.push(multiply(sums[l], rows, net.nodes[l + 1], net.arity));
  });
  return { rows, values, sums };
}

/** `(rows, inputs)` to `(rows, outputs)`, before the link. */
export function predict(net: Net, x: Float64Array): Float64Array {
  return forward(net, x).values[net.layers.length];
}

/** Coefficients and base factors with scale and mask multiplied in, zero at symbolic edges. */
export function effectiveWeights(layer: Layer): { coef: Float64Array; base: Float64Array } {
  const { I, S, O, scale, mask, symbolic } = layer;
  if (!scale && symbolic.size === 0 && mask.every((m) => m === 1)) return layer;
  const present = mask.map((m, edge) => (symbolic.has(edge) ? 0 : m));
  const coef = new Float64Array(layer.coef.length);
  for (let i = 0; i < I; i++) {
    for (let s = 0; s < S; s++) {
      for (let j = 0; j < O; j++) {
        const at = (i * S + s) * O + j;
        coef[at] = layer.coef[at] * present[i * O + j] * (scale ? scale[i * O + j] : 1);
      }
    }
  }
  return { coef, base: layer.base.map((b, edge) => b * present[edge]) };
}

function layerSums(net: Net, layer: Layer, x: Float64Array, rows: number): Float64Array {
  const { I, O, S } = layer;
  const { k } = net;
  const out = new Float64Array(rows * O);
  const { coef, base } = effectiveWeights(layer);
  const local = new Float64Array(k + 1);
  const T = S + k + 1;
  const residual = baseNamed(net.baseFun);
  for (let i = 0; i < I; i++) {
    for (let row = 0; row < rows; row++) {
      const value = x[row * I + i];
      const first = localBasis(layer.knots, k, value, local, 0, net.outside, i * T, T);
      for (let n = Math.max(0, -first); n <= k && first + n < S; n++) {
        const b = local[n];
        const from = (i * S + first + n) * O;
        for (let j = 0; j < O; j++) out[row * O + j] += b * coef[from + j];
      }
      if (residual) {
        const b = residual.value(value);
        for (let j = 0; j < O; j++) out[row * O + j] += b * base[i * O + j];
      }
    }
  }
  for (const [edge, symbolic] of layer.symbolic) {
    const mask = layer.mask[edge];
    if (mask === 0) continue;
    const [i, j, f] = [Math.floor(edge / O), edge % O, symbolicFunction(symbolic)];
    for (let row = 0; row < rows; row++) out[row * O + j] += mask * f(x[row * I + i]);
  }
  return out;
}

/** `(rows, sums + arity * products)` to `(rows, sums + products)`. */
export function multiply(sums: Float64Array, rows: number, [plain, products]: readonly [number, number], arity: number): Float64Array {
  if (products === 0) return sums;
  const [wide, narrow] = [plain + arity * products, plain + products];
  const out = new Float64Array(rows * narrow);
  for (let row = 0; row < rows; row++) {
    for (let n = 0; n < plain; n++) out[row * narrow + n] = sums[row * wide + n];
    for (let m = 0; m < products; m++) {
      let product = 1;
      for (let f = 0; f < arity; f++) product *= sums[row * wide + plain + m * arity + f];
      out[row * narrow + plain + m] = product;
    }
  }
  return out;
}

/** Raw outputs `(rows, outputs)` to what the user reads: units, or shares of classes; in place. */
export function respond(explored: Pick<Explored, "link" | "outputs">, outputs: Float64Array): Float64Array {
  const O = explored.outputs.length;
  for (let at = 0; at < outputs.length; at += O) {
    if (explored.link === "softmax") softmax(outputs.subarray(at, at + O));
    else {
      for (let j = 0; j < O; j++) {
        const { shift, scale } = explored.outputs[j];
        const value = outputs[at + j] * scale + shift;
        outputs[at + j] = explored.link === "sigmoid" ? 1 / (1 + Math.exp(-value)) : value;
      }
    }
  }
  return outputs;
}

function softmax(row: Float64Array): void {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  row.forEach((v, n) => (total += row[n] = Math.exp(v - most)));
  row.forEach((v, n) => (row[n] = v / total));
}
