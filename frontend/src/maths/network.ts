/**
 * The whole network on rows of inputs, as `KAN.forward` computes it in float64.
 *
 * `sum_j = sum_i mask (base_w base(x_i) + scale spline(x_i))`, or `mask (c f(a x_i + b) + d)` at symbolic edges; then
 * the last sums of a layer are multiplied in groups of `arity`.
 */
import type { EdgeId, Explored, Layer, Net } from "../model/payload.ts";
import { nodeOfSum } from "../model/wording.ts";
import { localBasis } from "./basis.ts";
import { edgeFunction, symbolicFunction } from "./edge.ts";
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

/** Sums that shrink by more than this are computed anew: adding a difference would leave too few digits. */
const MOST_CANCELLATION = 1e6;

/**
 * The outputs of a net that differs from the traced one in one edge. Only what hangs on the edge is computed: a
 * difference to its sum, the differences that its node makes to the next sums, and then whole layers.
 */
export function outputsAfter(net: Net, before: Net, trace: Trace, edge: EdgeId): Float64Array {
  const { rows, values } = trace;
  const l = edge[0];
  const sums = [sumsAfter(net, before, trace, edge)];
  let entering = multiply(sums[0], rows, net.nodes[l + 1], net.arity);
  if (l + 1 < net.layers.length) {
    const { node } = nodeOfSum(net, l, edge[2]);
    sums.push(trace.sums[l + 1].slice());
    for (const [x, sign] of [[entering, 1], [values[l + 1], -1]] as const) addInput(net, net.layers[l + 1], node, x, rows, sums[1], sign);
    entering = multiply(sums[1], rows, net.nodes[l + 2], net.arity);
  }
  if (sums.some((now, m) => !(MOST_CANCELLATION * largest(now) >= largest(trace.sums[l + m])))) return predict(tail(net, l), values[l]);
  return l + 2 < net.layers.length ? predict(tail(net, l + 2), entering) : entering;
}

function sumsAfter(net: Net, before: Net, { rows, values, sums }: Trace, [l, i, j]: EdgeId): Float64Array {
  const { I, O } = net.layers[l];
  const [now, then] = [net, before].map((one) => edgeFunction(one, l, i, j));
  const after = sums[l].slice();
  for (let row = 0; row < rows; row++) {
    const x = values[l][row * I + i];
    after[row * O + j] += now(x) - then(x);
  }
  return after;
}

/** Layer `from` and those after it. */
function tail(net: Net, from: number): Net {
  return { ...net, layers: net.layers.slice(from), nodes: net.nodes.slice(from) };
}

/** The largest size; NaN if there is one. */
function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

interface Weights {
  readonly coef: Float64Array;
  readonly base: Float64Array;
}

/** Of layers as they are: nobody changes one, edits make new ones. */
const known = new WeakMap<Layer, Weights>();

/** Coefficients and base factors with scale and mask multiplied in, zero at symbolic edges. */
export function effectiveWeights(layer: Layer): Weights {
  let weights = known.get(layer);
  if (!weights) known.set(layer, (weights = multipliedIn(layer)));
  return weights;
}

function multipliedIn(layer: Layer): Weights {
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
  const out = new Float64Array(rows * layer.O);
  for (let i = 0; i < layer.I; i++) addInput(net, layer, i, x, rows, out);
  return out;
}

/** Add what the values of input i give to all sums, or take it away. */
function addInput(net: Net, layer: Layer, i: number, x: Float64Array, rows: number, out: Float64Array, sign: 1 | -1 = 1): void {
  const { I, O, S } = layer;
  const { k } = net;
  const { coef, base } = effectiveWeights(layer);
  const local = new Float64Array(k + 1);
  const T = S + k + 1;
  const residual = baseNamed(net.baseFun);
  for (let row = 0; row < rows; row++) {
    const value = x[row * I + i];
    const first = localBasis(layer.knots, k, value, local, 0, net.outside, i * T, T);
    for (let n = Math.max(0, -first); n <= k && first + n < S; n++) {
      const b = sign * local[n];
      const from = (i * S + first + n) * O;
      for (let j = 0; j < O; j++) out[row * O + j] += b * coef[from + j];
    }
    if (residual) {
      const b = sign * residual.value(value);
      for (let j = 0; j < O; j++) out[row * O + j] += b * base[i * O + j];
    }
  }
  if (layer.symbolic.size === 0) return;
  for (let j = 0; j < O; j++) {
    const [symbolic, mask] = [layer.symbolic.get(i * O + j), sign * layer.mask[i * O + j]];
    if (!symbolic || mask === 0) continue;
    const f = symbolicFunction(symbolic);
    for (let row = 0; row < rows; row++) out[row * O + j] += mask * f(x[row * I + i]);
  }
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
