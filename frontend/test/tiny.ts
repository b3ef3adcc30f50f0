// A net of two inputs, three sums and one output, small enough to read.
import type { Layer, Net } from "../src/model/payload.ts";

export function tinyLayer(I: number, O: number, k = 3, G = 4): Layer {
  const S = G + k;
  const knots = Float64Array.from({ length: I * (S + k + 1) }, (_, n) => -1 + ((n % (S + k + 1)) - k) * (2 / G));
  return {
    I,
    O,
    S,
    knots,
    coef: Float64Array.from({ length: I * S * O }, (_, n) => Math.sin(1.7 * n)),
    base: Float64Array.from({ length: I * O }, (_, n) => 0.1 * (n + 1)),
    scale: null,
    mask: new Float64Array(I * O).fill(1),
    symbolic: new Map(),
  };
}

export function tinyNet(): Net {
  return { k: 3, outside: "linear", baseFun: "silu", arity: 2, nodes: [[2, 0], [3, 0], [1, 0]], layers: [tinyLayer(2, 3), tinyLayer(3, 1)] };
}
