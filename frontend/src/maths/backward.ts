/**
 * Gradients by hand: a layer's part of the chain rule is its forward pass read backwards. A coefficient's gradient is
 * `B_s(x) g`, and what goes on to the layer below is `g` times the slope of every edge.
 */
import type { Layer, Net } from "../model/payload.ts";
import { localBasis } from "./basis.ts";
import { symbolicFunction } from "./edge.ts";
import { baseNamed, functionNamed } from "./functions.ts";
import { effectiveWeights, forward, type Trace } from "./network.ts";

/** Gradients of a layer's parameters; `affine` by edge, a, b, c, d, p. */
export interface LayerGradient {
  readonly coef: Float64Array;
  readonly base: Float64Array;
  readonly scale: Float64Array | null;
  readonly affine: Map<number, Float64Array>;
}

export interface Backward {
  readonly layers: LayerGradient[];
  /** `(rows, inputs)`. */
  readonly input: Float64Array;
}

/**
 * From a cotangent of the outputs `(rows, outputs)` to gradients of everything.
 *
 * @param sizes per layer `(I, O)`: what a unit of mean size of each edge costs
 */
export function backward(
  net: Net, trace: Trace, cotangent: Float64Array, sizes?: readonly Float64Array[],
): Backward {
  const layers: LayerGradient[] = [];
  let g = cotangent;
  for (let l = net.layers.length - 1; l >= 0; l--) {
    const sums = multiplyBack(trace.sums[l], g, trace.rows, net.nodes[l + 1], net.arity);
    const below = new Float64Array(trace.rows * net.layers[l].I);
    layers.unshift(layerBack(net, net.layers[l], trace.values[l], sums, below, sizes?.[l]));
    g = below;
  }
  return { layers, input: g };
}

/** `d outputs[j] / d x` at one row of inputs. */
export function inputGradient(net: Net, x: Float64Array, j: number): Float64Array {
  const trace = forward(net, x);
  const cotangent = new Float64Array(trace.values[net.layers.length].length);
  cotangent[j] = 1;
  return backward(net, trace, cotangent).input;
}

function layerBack(
  net: Net, layer: Layer, x: Float64Array, g: Float64Array, below: Float64Array, sizes?: Float64Array,
): LayerGradient {
  const { I, O, S, mask, scale, symbolic } = layer;
  const { k } = net;
  const rows = x.length / I;
  const weights = effectiveWeights(layer);
  const coef = new Float64Array(layer.coef.length);
  const base = new Float64Array(I * O);
  const residual = baseNamed(net.baseFun);
  const [values, slopes] = [new Float64Array(k + 1), new Float64Array(k + 1)];
  const own = new Float64Array(O);
  for (let i = 0; i < I; i++) {
    for (let row = 0; row < rows; row++) {
      const at = row * I + i;
      const first = localBasis(layer.knots, k, x[at], values, 0, net.outside, i * (S + k + 1), S + k + 1);
      localBasis(layer.knots, k, x[at], slopes, 1, net.outside, i * (S + k + 1), S + k + 1);
      const [from, to] = [Math.max(0, -first), Math.min(k, S - 1 - first)];
      const b = residual ? residual.value(x[at]) : 0;
      for (let j = 0; j < O; j++) own[j] = g[row * O + j];
      if (sizes) addSigns(weights, values, first, from, to, b, i, O, S, sizes, rows, own);
      let sum = 0;
      for (let n = from; n <= to; n++) {
        const c = (i * S + first + n) * O;
        for (let j = 0; j < O; j++) {
          coef[c + j] += values[n] * own[j];
          sum += slopes[n] * weights.coef[c + j] * own[j];
        }
      }
      if (residual) {
        const slope = residual.slope(x[at]);
        for (let j = 0; j < O; j++) {
          base[i * O + j] += b * own[j];
          sum += slope * weights.base[i * O + j] * own[j];
        }
      }
      below[at] += sum;
    }
  }
  const scales = scale ? scaleGradient(layer, coef) : null;
  for (let at = 0; at < coef.length; at++) {
    const edge = Math.floor(at / (S * O)) * O + (at % O);
    coef[at] *= symbolic.has(edge) ? 0 : mask[edge] * (scale ? scale[edge] : 1);
  }
  const affine = new Map<number, Float64Array>();
  for (const edge of symbolic.keys()) affine.set(edge, symbolicBack(layer, edge, x, g, below, sizes));
  return { coef, base: base.map((v, edge) => (symbolic.has(edge) ? 0 : v * mask[edge])), scale: scales, affine };
}

/** What the penalty adds to the cotangent of every edge: a share of the sign of its value. */
function addSigns(
  weights: { coef: Float64Array; base: Float64Array }, values: Float64Array, first: number, from: number, to: number,
  b: number, i: number, O: number, S: number, sizes: Float64Array, rows: number, own: Float64Array,
): void {
  for (let j = 0; j < O; j++) {
    let value = b * weights.base[i * O + j];
    for (let n = from; n <= to; n++) value += values[n] * weights.coef[(i * S + first + n) * O + j];
    own[j] += (Math.sign(value) * sizes[i * O + j]) / rows;
  }
}

function scaleGradient(layer: Layer, coef: Float64Array): Float64Array {
  const { I, O, S, mask, symbolic } = layer;
  return Float64Array.from({ length: I * O }, (_, edge) => {
    if (symbolic.has(edge)) return 0;
    const [i, j] = [Math.floor(edge / O), edge % O];
    let sum = 0;
    for (let s = 0; s < S; s++) sum += coef[(i * S + s) * O + j] * layer.coef[(i * S + s) * O + j];
    return sum * mask[edge];
  });
}

function symbolicBack(
  layer: Layer, edge: number, x: Float64Array, g: Float64Array, below: Float64Array, sizes?: Float64Array,
): Float64Array {
  const { I, O } = layer;
  const [i, j, mask] = [Math.floor(edge / O), edge % O, layer.mask[edge]];
  const symbolic = layer.symbolic.get(edge)!;
  const gradient = new Float64Array(5);
  if (mask === 0) return gradient;
  const rows = x.length / I;
  const [value, slope] = [symbolicFunction(symbolic), symbolicFunction(symbolic, 1)];
  const [a, b, c, , p] = symbolic.affine;
  const f = symbolic.sampled ? null : functionNamed(symbolic.name);
  for (let row = 0; row < rows; row++) {
    const at = row * I + i;
    const own = mask * (g[row * O + j] + (sizes ? (Math.sign(value(x[at])) * sizes[edge]) / rows : 0));
    below[at] += own * slope(x[at]);
    if (!f) continue;
    const z = a * x[at] + b;
    const [inside, inner] = [f.value(z, p), own * c * f.slope(z, p)];
    gradient[0] += inner * x[at];
    gradient[1] += inner;
    gradient[2] += own * inside;
    gradient[3] += own;
    if (f.freeExponent) gradient[4] += own * c * inside * Math.log(z);
  }
  return gradient;
}

function multiplyBack(
  sums: Float64Array, g: Float64Array, rows: number, [plain, products]: readonly [number, number], arity: number,
): Float64Array {
  if (products === 0) return g;
  const [wide, narrow] = [plain + arity * products, plain + products];
  const out = new Float64Array(rows * wide);
  for (let row = 0; row < rows; row++) {
    for (let n = 0; n < plain; n++) out[row * wide + n] = g[row * narrow + n];
    for (let m = 0; m < products; m++) {
      const at = row * wide + plain + m * arity;
      for (let f = 0; f < arity; f++) {
        let others = g[row * narrow + plain + m];
        for (let h = 0; h < arity; h++) if (h !== f) others *= sums[at + h];
        out[at + f] = others;
      }
    }
  }
  return out;
}
