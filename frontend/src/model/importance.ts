// How much of the outputs' variation passes through every edge, and the values that reach it, kept true under edits.
//
// A node hands its score to its edges in proportion to their standard deviations, measured against that of their sum; a
// product hands it to each factor. So an edge into a dead end has none, however much it varies.
// Source: Liu et al. (2024), KAN 2.0, arXiv 2408.10205, section 4.1; the numbers are those of `interpret.attribute`.
import { edgeValue } from "../maths/edge.ts";
import { type EdgeId, type Explored, type Net, QUANTILES } from "./payload.ts";
import { nodeOfSum } from "./wording.ts";

/** Per layer: deviations of the edges (I, O) and of their sums (O), and scores (I, O), one for the layer's strongest edge. */
export interface Importances {
  deviations: readonly Float64Array[];
  sums: readonly Float64Array[];
  scores: Float64Array[];
}

export function importancesOf(net: Net, deviations: readonly Float64Array[], sums: readonly Float64Array[]): Importances {
  const scores: Float64Array[] = [];
  let nodes: Float64Array | null = null; // scores of the next level; of outputs one each
  for (let l = net.layers.length - 1; l >= 0; l--) {
    const { I, O } = net.layers[l];
    const next = nodes;
    nodes = new Float64Array(I);
    const own = deviations[l].map((deviation, place) => {
      const j = place % O;
      const score = (deviation / (sums[l][j] > 0 ? sums[l][j] : 1)) * (next ? next[nodeOfSum(net, l, j).node] : 1);
      return Number.isFinite(score) ? score : 0;
    });
    own.forEach((score, place) => (nodes![Math.floor(place / O)] += score));
    const most = own.reduce((a, b) => Math.max(a, b), 0) || 1;
    scores.unshift(own.map((score) => score / most));
  }
  return { deviations, sums, scores };
}

/**
 * The same after some edges changed. The payload's deviations come from all the data; an edited edge has its own
 * scaled by how its deviation over the quantiles of its node changed, and its sum by how that over some rows did
 * (`then` and `now`), so that an undone edit gives the number back.
 */
export function withChanged(
  explored: Explored,
  before: Importances,
  net: Net,
  quantiles: readonly Float64Array[],
  edges: Iterable<EdgeId>,
  then: readonly Float64Array[],
  now: readonly Float64Array[],
): Importances {
  const deviations = before.deviations.map((d) => d.slice());
  const sums = before.sums.map((d) => d.slice());
  for (const [l, i, j] of edges) {
    const place = i * net.layers[l].O + j;
    const spreads = [explored.net, net].map((one, n) => spread(one, l, i, j, (n ? quantiles : explored.nodeQuantiles)[l]));
    deviations[l][place] = scaled(explored.deviations[l][place], spreads[0], spreads[1]);
    sums[l][j] = scaled(explored.sums[l][j], then[l][j], now[l][j]);
  }
  return importancesOf(net, deviations, sums);
}

function scaled(known: number, then: number, now: number): number {
  return then > 0 && known > 0 ? known * (now / then) : now;
}

/** Importances of a model on its own, from the quantiles of its nodes and the deviations of its sums. */
export function importancesFrom(net: Net, quantiles: readonly Float64Array[], sums: readonly Float64Array[]): Importances {
  const deviations = net.layers.map(({ I, O }, l) =>
    Float64Array.from({ length: I * O }, (_, place) => spread(net, l, Math.floor(place / O), place % O, quantiles[l])),
  );
  return importancesOf(net, deviations, sums);
}

/** Standard deviations of the columns of (n, O) matrices. */
export function sumDeviations(sums: readonly Float64Array[], n: number): Float64Array[] {
  return sums.map((all) => {
    const O = all.length / n;
    return Float64Array.from({ length: O }, (_, j) => deviation(n, (row) => all[row * O + j]));
  });
}

/** (I, Q) quantiles of the columns of a (n, I) matrix. */
export function quantilesOf(values: Float64Array, I: number): Float64Array {
  const n = values.length / I;
  const quantiles = new Float64Array(I * QUANTILES);
  for (let i = 0; i < I; i++) {
    const column = Float64Array.from({ length: n }, (_, row) => values[row * I + i]).sort();
    for (let q = 0; q < QUANTILES; q++) {
      const at = (q / (QUANTILES - 1)) * (n - 1);
      const below = Math.floor(at);
      quantiles[i * QUANTILES + q] = column[below] + (at - below) * (column[Math.min(below + 1, n - 1)] - column[below]);
    }
  }
  return quantiles;
}

/** Standard deviation of an edge over the quantiles of its node; the two ends count half. */
function spread(net: Net, l: number, i: number, j: number, quantiles: Float64Array): number {
  return deviation(
    QUANTILES,
    (q) => edgeValue(net, l, i, j, quantiles[i * QUANTILES + q]),
    (q) => (q === 0 || q === QUANTILES - 1 ? 0.5 : 1),
  );
}

/** Standard deviation of n values; zero where it is only the rounding of a constant. */
export function deviation(n: number, valueAt: (m: number) => number, weightAt = (_: number) => 1): number {
  let [total, mean, squares] = [0, 0, 0];
  for (let m = 0; m < n; m++) {
    const [value, weight] = [valueAt(m), weightAt(m)];
    total += weight;
    const step = value - mean;
    mean += (weight / total) * step;
    squares += weight * step * (value - mean);
  }
  const size = Math.sqrt(squares / total);
  return size <= 8 * Number.EPSILON * Math.abs(mean) ? 0 : size;
}
