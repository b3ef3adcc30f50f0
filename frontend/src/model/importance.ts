// How much every edge moves its sum, and the values that reach it, kept true while the model is edited.
import { edgeValue } from "../maths/edge.ts";
import { type EdgeId, type Explored, type Net, QUANTILES } from "./payload.ts";

/** Deviations per layer, (I, O), and the largest of each layer. */
export interface Importances {
  deviations: Float64Array[];
  largest: number[];
}

export function importancesOf(deviations: readonly Float64Array[]): Importances {
  return { deviations: deviations.map((d) => d.slice()), largest: deviations.map(largest) };
}

/**
 * The same after some edges changed. The payload's deviations come from all the data; an edited edge has its own
 * scaled by how its deviation over the quantiles of its node changed, so that an undone edit gives the number back.
 */
export function withChanged(
  explored: Explored,
  before: Importances,
  net: Net,
  quantiles: readonly Float64Array[],
  edges: Iterable<EdgeId>,
): Importances {
  const deviations = before.deviations.slice();
  for (const [l, i, j] of edges) {
    const place = i * net.layers[l].O + j;
    if (deviations[l] === before.deviations[l]) deviations[l] = before.deviations[l].slice();
    const now = spread(net, l, i, j, quantiles[l]);
    const then = spread(explored.net, l, i, j, explored.nodeQuantiles[l]);
    const known = explored.deviations[l][place];
    deviations[l][place] = then > 0 && known > 0 ? (known * now) / then : now;
  }
  return { deviations, largest: deviations.map(largest) };
}

/** Importances of a model on its own, from the quantiles of its nodes. */
export function importancesFrom(net: Net, quantiles: readonly Float64Array[]): Importances {
  return importancesOf(
    net.layers.map(({ I, O }, l) =>
      Float64Array.from({ length: I * O }, (_, place) => spread(net, l, Math.floor(place / O), place % O, quantiles[l])),
    ),
  );
}

/** Between 0 and 1, one for the strongest edge of the layer. */
export function importance({ deviations, largest }: Importances, l: number, place: number): number {
  return largest[l] > 0 ? deviations[l][place] / largest[l] : 0;
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
  let [total, mean, squares] = [0, 0, 0];
  for (let q = 0; q < QUANTILES; q++) {
    const weight = q === 0 || q === QUANTILES - 1 ? 0.5 : 1;
    const y = edgeValue(net, l, i, j, quantiles[i * QUANTILES + q]);
    total += weight;
    const step = y - mean;
    mean += (weight / total) * step;
    squares += weight * step * (y - mean);
  }
  return Math.sqrt(squares / total);
}

function largest(values: Float64Array): number {
  return values.reduce((top, value) => (value > top ? value : top), 0);
}
